import type { ArmReport, Command, ComparisonReport, ComparisonState, Event } from '../../src/worker/protocol.ts';
import { probeOf } from '../worker/fake-trainer.ts';
import { dataOf, forecastOf } from './fake-reports.ts';

type Compare = Extract<Command, { type: 'compare' }>;

/** A comparison of made-up losses: arm i lies 0.4 % x i above the first, each seed with noise of its own. */
export class FakeComparison {
  state: ComparisonState = 'preparing';
  step = 0;
  readonly totalSteps: number;
  readonly #command: Compare;
  readonly #post: (event: Event) => void;

  constructor(command: Compare, post: (event: Event) => void) {
    this.#command = command;
    this.#post = post;
    this.totalSteps = forecastOf(this.#spec).totalSteps;
  }

  get #spec(): Compare['arms'][number]['spec'] {
    const [arm] = this.#command.arms;
    if (arm === undefined) throw new Error('no arm');
    return arm.spec;
  }

  report(): ComparisonReport {
    const { arms, seeds } = this.#command;
    const forecast = forecastOf(this.#spec);
    const armOf = ({ name }: { name: string }, i: number): ArmReport => ({
      name,
      peakBytes: (10 - i) * 2 ** 20,
      keptBytes: (4 - Math.min(i, 3)) * 2 ** 18,
      dispatchesPerStep: 92 + 10 * i,
      disabledVariants: [],
      probes: true,
    });
    return {
      data: dataOf(this.#spec.data.source),
      totalSteps: this.totalSteps,
      tokensPerStep: forecast.tokensPerStep,
      parameters: forecast.parameters,
      lanes: seeds,
      arms: arms.map(armOf),
    };
  }

  to(state: ComparisonState): void {
    this.state = state;
    const { runId } = this.#command;
    this.#post({ type: 'comparisonState', runId, state, step: this.step, totalSteps: this.totalSteps });
  }

  /** Trains `count` steps of every arm. */
  train(count: number): void {
    const { runId, arms, seeds, probeEvery, whatIf } = this.#command;
    const n = Math.min(count, this.totalSteps - this.step);
    const firstStep = this.step + 1;
    const last = firstStep + n - 1;
    const due = probeEvery > 0 && Math.floor(this.step / probeEvery) < Math.floor(last / probeEvery);
    for (let arm = 0; arm < arms.length; arm++) {
      const lossNats = Float32Array.from({ length: n * seeds }, (_, i) =>
        loss(arm, i % seeds, firstStep + Math.floor(i / seeds)),
      );
      const flat = (value: number): Float32Array => new Float32Array(n * seeds).fill(value);
      const [gradNorm, learningRate, epochs] = [flat(0.5), flat(3e-3), new Float32Array(n).fill(0.1)];
      this.#post({ type: 'armMetrics', runId, arm, firstStep, lanes: seeds, lossNats, gradNorm, learningRate, epochs });
      this.#post({ type: 'armCost', runId, arm, msPerStep: 6 + arm, lowMs: 5.5 + arm, highMs: 7 + arm, submits: 20 });
      if (due) {
        const probes = Array.from({ length: seeds }, (_, lane) => probeOf(last, lane, whatIf));
        this.#post({ type: 'armProbe', runId, arm, probes });
      }
      if (last < this.totalSteps) continue;
      const held = Float64Array.from({ length: seeds }, (_, seed) => loss(arm, seed, last) + 0.06);
      this.#post({ type: 'armEval', runId, arm, step: last, split: 'validation', lossNats: held });
      this.#post({ type: 'armState', runId, arm, state: 'done', step: last, diverged: [] });
    }
    this.step = last;
    if (last >= this.totalSteps) this.to('finished');
  }
}

function loss(arm: number, seed: number, step: number): number {
  const shared = 1.35 + 4.3 * (1 + step / 6) ** -0.5 + 0.1 * Math.sin(step * 12.9898 + seed);
  return shared * (1 + 0.004 * arm) + 0.002 * arm * Math.sin(step * 78.233 + 5 * seed);
}
