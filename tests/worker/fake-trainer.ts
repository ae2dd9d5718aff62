import type { Probe } from '../../src/base/probe.ts';
import type { RunSpec } from '../../src/spec/index.ts';
import type { StepMetrics } from '../../src/train/index.ts';
import type { ArmTrainer, Probing } from '../../src/worker/comparison-arm.ts';

export interface FakeTrainerOptions {
  readonly specs: readonly RunSpec[];
  /** Loss of a lane at a step, 1-based; may throw. */
  readonly loss?: (lane: number, step: number) => number;
  readonly probing?: boolean;
  /** Milliseconds that a step takes. */
  readonly stepMs?: number;
  /** Lets that time pass; left out: waits. */
  readonly spend?: (ms: number) => void;
}

/** Trains nothing: losses by formula, and a diary of what it was asked for. */
export class FakeTrainer implements ArmTrainer {
  step = 0;
  readonly maxSteps = 4;
  readonly disabled: readonly string[] = [];
  readonly plan = { peakBytes: 1000, dispatchesPerStep: 30 };
  readonly diary: string[] = [];
  readonly probe?: Probing['probe'];
  readonly memory?: Probing['memory'];
  private readonly lanes: number;
  private readonly loss: (lane: number, step: number) => number;
  private readonly stepMs: number;
  private readonly spend: ((ms: number) => void) | undefined;

  constructor({ specs, loss = (lane, step) => 5 - lane - step / 100, probing = false, stepMs = 0, spend }: FakeTrainerOptions) {
    this.lanes = specs.length;
    this.loss = loss;
    this.stepMs = stepMs;
    this.spend = spend;
    if (!probing) return;
    this.memory = { peakBytes: 2000, keptBytes: 300 };
    this.probe = (whatIf) => {
      this.diary.push(`probe ${this.step}`);
      return Promise.resolve(Array.from({ length: this.lanes }, (_, lane) => probeOf(this.step, lane, whatIf)));
    };
  }

  free(): Promise<void> {
    return Promise.resolve();
  }

  async advance(k: number): Promise<StepMetrics> {
    const firstStep = this.step + 1;
    this.step += k;
    this.diary.push(`advance ${firstStep}..${this.step}`);
    const n = k * this.lanes;
    const lossNats = Float32Array.from({ length: n }, (_, i) =>
      this.loss(i % this.lanes, firstStep + Math.floor(i / this.lanes)),
    );
    this.spend?.(k * this.stepMs);
    await new Promise((resolve) => setTimeout(resolve, this.spend === undefined ? k * this.stepMs : 0));
    return {
      firstStep,
      steps: k,
      lossNats,
      gradNorm: new Float32Array(n).fill(0.5),
      learningRate: new Float32Array(n).fill(0.01),
      epochs: new Float32Array(k).fill(0.1),
    };
  }

  evaluate(split: 'validation' | 'ood'): Promise<Float64Array<ArrayBuffer> | null> {
    this.diary.push(`evaluate ${split}`);
    return Promise.resolve(split === 'ood' ? null : new Float64Array(this.lanes).fill(3));
  }

  destroy(): void {
    this.diary.push('destroy');
  }
}

/** A probe of two tensors of made-up figures. */
export function probeOf(step: number, lane: number, whatIf: readonly string[] = []): Probe {
  const cast = (format: string): Probe['tensors'][number]['whatIf'][number] => ({
    format,
    scaling: 'current',
    scale: 16,
    underflow: 0.01 * step,
    overflow: 0,
    sqnrDb: format === 'f32' ? Infinity : 31.4,
    mse: 1e-6,
  });
  const tensor = (layer: string, role: string): Probe['tensors'][number] => ({
    site: `${layer} ${role}`,
    layer,
    role,
    elements: 64,
    amax: 2 + step + lane,
    zeros: 1,
    nonFinite: 0,
    histogram: Array.from({ length: 96 }, (_, bin) => (bin === 72 ? 63 : 0)),
    cast: cast('e4m3'),
    whatIf: whatIf.map(cast),
  });
  return {
    step,
    lane,
    tensors: [tensor('blocks.0.mlp.up', 'fprop.activation'), tensor('blocks.0.mlp.up', 'dgrad.gradient')],
    stability: {
      maxAttentionLogit: [3 + step],
      maxOutputLogit: 7,
      meanLse: 5.5,
      gradNorms: [{ layer: 'blocks.0.mlp.up', norm: 0.25 }],
    },
  };
}
