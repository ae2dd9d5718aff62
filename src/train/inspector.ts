import type { Probe } from '../base/probe.ts';
import type { Program } from '../engine/index.ts';
import type { Graph } from '../graph/index.ts';
import type { RunSpec } from '../spec/run-spec.ts';
import { originOf } from './not-finite.ts';
import type { NotFinite } from './not-finite.ts';
import { lanesOf, Prober, readProbe } from './probe.ts';
import type { LaneFigures } from './probe.ts';
import type { ProbeLayout } from './probe-graph.ts';
import type { Side } from './side.ts';

export interface InspectorParts {
  /** The spec that all lanes share. */
  readonly spec: RunSpec;
  readonly vocab: number;
  readonly lanes: number;
  readonly microBatches: number;
  /** A program beside training for a graph. */
  readonly side: (graph: (spec: RunSpec, vocab: number) => Graph) => Side;
  /** Puts the scalars of step `step`, from 1, and the run's batch `index`, in micro-batches, into place 0. */
  readonly fill: (program: Program, step: number, index: number) => void;
  /** Steps submitted so far. */
  readonly step: () => number;
  /** The step at which a lane halted, undefined for one that goes on. */
  readonly haltedAt: (lane: number) => number | undefined;
}

/** Dispatches of a probe in one submit: it has thousands. */
const PROBE_DISPATCHES = 64;

/** Looks into the tensors of a run, by extra passes that change no bit of it. */
export class Inspector {
  private readonly parts: InspectorParts;
  private readonly prober: Prober<Side>;

  constructor(parts: InspectorParts) {
    this.parts = parts;
    this.prober = new Prober(parts.side);
  }

  /** What the tensors of each lane are like on the first micro-batch of the next step. */
  probe(whatIf: readonly string[]): Promise<readonly Probe[]> {
    const { microBatches, step } = this.parts;
    return this.use(whatIf, async (program, layout) => {
      const now = step();
      const figures = await this.pass(program, now + 1, now * microBatches);
      return figures.map((own, lane) => readProbe(layout, own, lane, now));
    });
  }

  /** Where the NaN or infinity of a lane's step `failed`, from 1, began: repeats its micro-batches until one shows it. */
  firstNotFinite(failed: number, lane: number): Promise<NotFinite> {
    const { microBatches, step, haltedAt } = this.parts;
    return this.use([], async (program, layout) => {
      const halted = haltedAt(lane);
      const found = { step: failed, micros: microBatches, weightsStep: halted === undefined ? step() : halted - 1 };
      for (let micro = 0; micro < microBatches; micro++) {
        const figures = (await this.pass(program, failed, (failed - 1) * microBatches + micro))[lane];
        const origin = figures === undefined ? undefined : originOf(layout, figures);
        if (origin !== undefined && origin.kind !== 'none') return { ...found, micro: micro + 1, origin };
      }
      return { ...found, micro: microBatches, origin: { kind: 'none' } };
    });
  }

  destroy(): void {
    this.prober.destroy();
  }

  private use<T>(whatIf: readonly string[], work: (program: Program, layout: ProbeLayout) => Promise<T>): Promise<T> {
    const { spec, vocab } = this.parts;
    return this.prober.use({ spec, vocab, whatIf }, async (side, layout) => work(await side.program(), layout));
  }

  private async pass(program: Program, step: number, index: number): Promise<readonly LaneFigures[]> {
    await program.free();
    this.parts.fill(program, step, index);
    const reading = await program.run(1, 1, PROBE_DISPATCHES);
    return lanesOf((name) => reading.get(name, 0), this.parts.lanes);
  }
}
