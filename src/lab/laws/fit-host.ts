import { ProtocolError } from '../../base/errors.ts';
import {
  allocating,
  filterPoints,
  fitting,
  inSlices,
  lawNamed,
  rollingOut,
  type AllocationFit,
  type Fit,
  type FitOptions,
  type FitProgress,
  type Law,
  type Points,
} from '../../laws/index.ts';
import { toWireError } from '../../worker/client.ts';
import { askedEnd, type AskedEnd } from '../ends/asked-end.ts';
import { isFitCommand, procedureOf, type FitEvent, type FitOutcome, type FitRequest, type FitStep } from './fit-protocol.ts';

/** The worker's side of fits: each goes on in slices, so that others and an abort get their turn. */
export class FitHost {
  readonly #post: (event: FitEvent) => void;
  readonly #running = new Map<number, AbortController>();

  constructor(post: (event: FitEvent) => void) {
    this.#post = post;
  }

  /** Takes a message of any form; what is no command is answered, not ignored. */
  async receive(message: unknown): Promise<void> {
    if (!isFitCommand(message)) {
      const error = new ProtocolError({
        where: 'fit worker',
        rule: 'a message has an unknown form',
        cure: 'Reload the page.',
      });
      this.#post({ type: 'failed', id: 0, error: toWireError(error, 'fit worker') });
      return;
    }
    const { id } = message;
    if (message.type === 'abort') {
      this.#running.get(id)?.abort();
      return;
    }
    if (message.type === 'predict') {
      this.#predict(id, message.asked);
      return;
    }
    const controller = new AbortController();
    this.#running.set(id, controller);
    try {
      const outcome = await outcomeOf(message.request, controller.signal, (progress) =>
        this.#post({ type: 'progress', id, progress }),
      );
      this.#post({ type: 'done', id, outcome });
    } catch (error) {
      this.#post({ type: 'failed', id, error: toWireError(error, 'fit') });
    } finally {
      this.#running.delete(id);
    }
  }

  /** Some tens of milliseconds, in one piece. */
  #predict(id: number, asked: AskedEnd): void {
    try {
      this.#post({ type: 'end', id, end: askedEnd(asked) });
    } catch (error) {
      this.#post({ type: 'failed', id, error: toWireError(error, 'predicted end') });
    }
  }
}

async function outcomeOf(request: FitRequest, signal: AbortSignal, tell: (progress: FitStep) => void): Promise<FitOutcome> {
  const { points, options = {} } = request;
  const law = lawNamed(request.law);
  const procedure = procedureOf(law.id);
  const slices = { signal, onProgress: (progress: FitProgress): void => tell(progress) };
  if (procedure !== null) {
    const kept = keptOf(points, options);
    const found = await inSlices(allocating(procedure, kept.points, options), slices);
    return allocationOutcome(found, kept.left);
  }
  const { law: _law, ...fit } = await inSlices<FitProgress, Fit>(fitting(law, points, options), slices);
  return { ...fit, lawId: law.id, ...(await heldOutOf(law, request, signal, tell)) };
}

/** What a procedure found, in the words of a fit. */
function allocationOutcome({ law, ...found }: AllocationFit, left: number): FitOutcome {
  const words = left === 0 ? [] : [`${left} point${left === 1 ? ' is' : 's are'} left out by hand.`];
  return { ...found, lawId: law, warnings: [...words, ...found.warnings], condition: Number.NaN };
}

async function heldOutOf(
  law: Law,
  { points, options = {}, holdOut }: FitRequest,
  signal: AbortSignal,
  tell: (progress: FitStep) => void,
): Promise<Pick<FitOutcome, 'heldOut' | 'heldOutReason'>> {
  if (holdOut === undefined) return {};
  const { excluded: _excluded, ...rest } = options;
  const kept = keptOf(points, options);
  try {
    // Its intervals are not shown: no resamples.
    const work = rollingOut(law, kept.points, holdOut, { ...rest, bootstrap: 0 });
    const found = await inSlices(work, { signal, onProgress: (progress) => tell({ ...progress, stage: 'hold-out' }) });
    const held = found.held.map((each) => ({ ...each, row: kept.rows[each.row] ?? each.row }));
    const { error, r2, warnings, fit } = found;
    return { heldOut: { ...holdOut, fitted: fit.points, r2, held, error, warnings } };
  } catch (error) {
    if (signal.aborted) throw error;
    return { heldOutReason: error instanceof Error ? error.message : String(error) };
  }
}

/** Points without those that are left out by hand, and which rows they are. */
function keptOf(points: Points, { excluded = [] }: FitOptions): { points: Points; rows: number[]; left: number } {
  const out = new Set(excluded);
  const count = Object.values(points.columns)[0]?.length ?? 0;
  const rows = Array.from({ length: count }, (_, row) => row).filter((row) => !out.has(row));
  return { points: out.size === 0 ? points : filterPoints(points, (row) => !out.has(row)), rows, left: count - rows.length };
}
