import { NO_CURVES, type Curves } from '../../src/lab/store/curves.ts';
import type { Beginning } from '../../src/lab/store/progress.ts';
import { defaultSpec } from '../../src/spec/index.ts';
import { dataOf, forecastOf } from './fake-reports.ts';

/** Made-up measurements of steps `first .. last`, the same for every run; one value is NaN where `nanAt` says. */
export function steps(first: number, last: number, nanAt = -1): Curves {
  const count = last - first + 1;
  const each = (value: (step: number) => number): number[] => Array.from({ length: count }, (_, i) => value(first + i));
  return {
    ...NO_CURVES,
    train: {
      steps: Float64Array.from(each((step) => step)),
      lossNats: Float32Array.from(each((step) => (step === nanAt ? Number.NaN : 1 + 4 / Math.sqrt(step)))),
      gradNorm: Float32Array.from(each((step) => 1 / step)),
      learningRate: new Float32Array(count).fill(3e-3),
      epochs: Float32Array.from(each((step) => step / 900)),
      timeMs: Float64Array.from(each((step) => step * 6.4)),
    },
  };
}

/** Evaluations at such steps. */
export function evaluated(...at: readonly number[]): Curves {
  const lossNats = Float64Array.from(at, (step) => 1.1 + 4 / Math.sqrt(step + 1));
  return { ...NO_CURVES, validation: { steps: Float64Array.from(at), lossNats } };
}

export function beginning(id: string, afterStep = 0): Beginning {
  const { trainTokens, ...data } = dataOf('sotu');
  return {
    run: { id, spec: { ...defaultSpec, name: id } },
    afterStep,
    facts: { totalSteps: 2000, counts: forecastOf(defaultSpec), data: { ...data, trainTokens } },
  };
}
