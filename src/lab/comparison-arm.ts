import type { Probe } from '../base/probe.ts';
import type { RunSpec } from '../spec/index.ts';
import type { ArmCostEvent, ArmMetricsEvent, ArmReport, ArmState, LaneEnd } from '../worker/protocol.ts';
import type { LaneSeries, Split } from './run.ts';
import { Column, Smoother } from './series.ts';

/** A curve with a band, `[steps]` each; value i is that of step i + 1. */
export interface Band {
  readonly mean: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/** One arm as the page knows it. Step i + 1 of a series is at i. */
export class ComparedArm {
  readonly name: string;
  readonly spec: RunSpec;
  state: ArmState = 'waiting';
  /** Lanes that diverged, in the order in which they did. */
  diverged: readonly LaneEnd[] = [];
  /** Memory, and what of the fast paths is off; null until it is built. */
  report: ArmReport | null = null;
  /** Null until a few turns were timed. */
  cost: Pick<ArmCostEvent, 'msPerStep' | 'lowMs' | 'highMs' | 'submits'> | null = null;
  /** Held-out loss of each seed after the last step, in nats per token. */
  readonly heldOut: { [S in Split]: Float64Array | null } = { validation: null, ood: null };
  /** One a seed. */
  readonly seeds: readonly LaneSeries[];
  /** Ascending in step, one a seed at each. */
  readonly probes: Probe[] = [];
  readonly #mean = new Column();
  readonly #low = new Column();
  readonly #high = new Column();
  readonly #smooth: readonly Smoother[];

  constructor(name: string, spec: RunSpec, seeds: number) {
    this.name = name;
    this.spec = spec;
    this.seeds = Array.from({ length: seeds }, () => ({
      lossNats: new Column(),
      gradNorm: new Column(),
      learningRate: new Column(),
    }));
    this.#smooth = [this.#mean, this.#low, this.#high].map((column) => new Smoother(column, 0));
  }

  /** Steps measured. */
  get step(): number {
    return this.#mean.length;
  }

  /** Training loss over the seeds that are finite: mean, lowest, highest; NaN where none is. */
  get raw(): Band {
    return { mean: this.#mean.view(), low: this.#low.view(), high: this.#high.view() };
  }

  /** {@link raw}, smoothed. */
  get band(): Band {
    const [mean, low, high] = this.#smooth.map((smoother) => smoother.values());
    return { mean: mean ?? new Float64Array(0), low: low ?? new Float64Array(0), high: high ?? new Float64Array(0) };
  }

  /** Of the exponential moving average, 0..1; 0 is none. */
  set smoothing(weight: number) {
    for (const smoother of this.#smooth) smoother.weight = weight;
  }

  append({ lanes, lossNats, gradNorm, learningRate }: ArmMetricsEvent): void {
    for (let i = 0; i < lossNats.length; i += lanes) {
      let [sum, count, low, high] = [0, 0, Infinity, -Infinity];
      for (const [lane, series] of this.seeds.entries()) {
        const loss = lossNats[i + lane] ?? Number.NaN;
        series.lossNats.push(loss);
        series.gradNorm.push(gradNorm[i + lane] ?? Number.NaN);
        series.learningRate.push(learningRate[i + lane] ?? Number.NaN);
        if (!Number.isFinite(loss)) continue;
        sum += loss;
        count++;
        low = Math.min(low, loss);
        high = Math.max(high, loss);
      }
      this.#mean.push(count === 0 ? Number.NaN : sum / count);
      this.#low.push(count === 0 ? Number.NaN : low);
      this.#high.push(count === 0 ? Number.NaN : high);
    }
  }
}
