import { WorkerError } from '../../worker/client.ts';
import { batchSweeps, criticalBatchOf } from './critical-batch.ts';
import type { FitClient } from './fit-client.ts';
import { signatureOf, type FitOutcome, type FitRequest, type Procedure } from './fit-protocol.ts';
import type { CriticalBatch } from './optima.ts';
import { without, type PointsSource, type Source } from './points-source.ts';
import { rowsOut } from './run-points.ts';

/** What a fit beside the chosen one is asked for. */
export interface Asked {
  readonly source: Source;
  /** Resamples. */
  readonly bootstrap: number;
  readonly signal: AbortSignal;
}

interface SidePorts {
  readonly fits: FitClient;
  readonly report: (error: unknown, where: string) => void;
}

/** Fits that follow from the same points as the one that is chosen; what was fitted once is not fitted again. */
export class SideFits {
  readonly #ports: SidePorts;
  readonly #points: PointsSource;
  /** The last request of each kind and what came of it. */
  readonly #frontiers = new Map<Procedure, Done<FitOutcome>>();
  #critical: readonly Done<CriticalBatch>[] = [];

  constructor(ports: SidePorts, points: PointsSource) {
    this.#ports = ports;
    this.#points = points;
  }

  /** Best sizes of budgets, from the ends of runs or from their curves; null where these give none. */
  async frontier(id: Procedure, { source, bootstrap, signal }: Asked): Promise<FitOutcome | null> {
    const made =
      id === 'chinchilla-envelope'
        ? await this.#told(this.#points.envelope(source), 'envelope of training curves')
        : this.#points.ends(source);
    if (made === null) return null;
    const options = { bootstrap, excluded: [...rowsOut(made, source.excluded)] };
    const request: FitRequest = { law: id, points: made.points, options };
    const done = await this.#fit(request, signal, (outcome) => outcome, this.#frontiers.get(id));
    this.#frontiers.set(id, done);
    return done.result;
  }

  /** Critical batches of models that were trained with several; what curves lack is no reason to have no fit. */
  async critical({ source, bootstrap, signal }: Asked): Promise<readonly CriticalBatch[]> {
    const before = this.#critical;
    const found: Done<CriticalBatch>[] = [];
    for (const sweep of source.file === null ? batchSweeps(source.runs, source.counting) : []) {
      const steps = await this.#told(this.#points.steps(sweep.runs, source), 'steps of training curves');
      if (steps === null) continue;
      const { points } = without(steps, source.excluded);
      const options = { loss: 'ls-log', starts: 20, bootstrap };
      const request: FitRequest = { law: 'critical-batch', points, options };
      const place = { ...sweep, lossNats: steps.targetNats };
      const batches = [...(points.columns['B'] ?? [])];
      const known = before.find(({ asked }) => asked === signatureOf(request));
      found.push(await this.#fit(request, signal, (fit) => criticalBatchOf(fit, place, batches), known));
    }
    this.#critical = found;
    return found.flatMap(({ result }) => result ?? []);
  }

  /** @throws the signal's reason once it is aborted. */
  async #fit<T>(
    request: FitRequest,
    signal: AbortSignal,
    read: (outcome: FitOutcome) => T | null,
    known: Done<T> | undefined,
  ): Promise<Done<T>> {
    const asked = signatureOf(request);
    if (known?.asked === asked) return known;
    try {
      return { asked, result: read(await this.#ports.fits.fit(request, { signal })) };
    } catch (error) {
      if (signal.aborted) throw error;
      // Points that give no such fit give none the next time either; what broke is told, and tried again.
      if (error instanceof WorkerError && error.name === 'SpecError') return { asked, result: null };
      this.#ports.report(error, `fit of ${request.law}`);
      return { asked: '', result: null };
    }
  }

  /** What a fit beside lacks is no reason to have no fit. */
  async #told<T>(made: Promise<T>, what: string): Promise<T | null> {
    try {
      return await made;
    } catch (error) {
      this.#ports.report(error, what);
      return null;
    }
  }
}

interface Done<T> {
  readonly asked: string;
  readonly result: T | null;
}
