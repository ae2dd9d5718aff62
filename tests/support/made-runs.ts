import { normals } from '../../src/base/random.ts';
import { summaryOf } from '../../src/lab/store/append.ts';
import { NO_CURVES, type Curves } from '../../src/lab/store/curves.ts';
import type { KeptRun } from '../../src/lab/store/kept-run.ts';
import { newRecord } from '../../src/lab/store/record.ts';
import { defaultSpec } from '../../src/spec/index.ts';
import { dataOf, forecastOf } from './fake-reports.ts';

const WIDTHS = [16, 24, 32, 48, 64, 96, 128, 192];

/** So many made-up runs of so many steps: learning rates by widths, each with the noise of its batches. */
export function madeRuns(count: number, steps: number, sweep: string | null = null): KeptRun[] {
  return Array.from({ length: count }, (_, place) => {
    const curves = madeCurve(steps, place);
    const width = WIDTHS[place % WIDTHS.length] ?? 16;
    const lr = 1e-4 * (1 + Math.floor(place / WIDTHS.length));
    const spec = {
      ...defaultSpec,
      name: `made ${place}`,
      budget: { steps },
      schedule: { ...defaultSpec.schedule, warmupSteps: Math.min(defaultSpec.schedule.warmupSteps, steps >> 1) },
      model: { ...defaultSpec.model, width },
      optimizer: { ...defaultSpec.optimizer, lr },
    };
    const id = `made-${place}`;
    const axes = { 'model.width': width, 'optimizer.lr': lr };
    const { parameters, nonEmbeddingParameters, flopsPerToken, tokensPerStep } = forecastOf(spec);
    const record = newRecord({ id, spec, sweep: sweep === null ? null : { id: sweep, axes } }, 1_700_000_000_000 + 1000 * place);
    return {
      record: {
        ...record,
        state: 'finished',
        step: steps,
        totalSteps: steps,
        summary: summaryOf(curves),
        counts: { parameters, nonEmbeddingParameters, flopsPerToken, tokensPerStep },
        data: dataOf(spec.data.source),
      },
      curves,
    };
  });
}

function madeCurve(steps: number, place: number): Curves {
  const noise = new Float32Array(steps);
  normals(noise, place, 'made runs');
  const each = (value: (step: number) => number): number[] => Array.from({ length: steps }, (_, i) => value(i + 1));
  const floor = 1.2 + 0.8 * Math.abs(Math.sin(place));
  return {
    ...NO_CURVES,
    train: {
      steps: Float64Array.from(each((step) => step)),
      lossNats: Float32Array.from(each((step) => floor + 3.5 * (1 + step / 12) ** -0.7 + 0.06 * (noise[step - 1] ?? 0))),
      gradNorm: new Float32Array(steps).fill(1),
      learningRate: new Float32Array(steps).fill(3e-3),
      epochs: Float32Array.from(each((step) => step / 900)),
      timeMs: Float64Array.from(each((step) => step * 6.4)),
    },
    validation: {
      steps: Float64Array.from([Math.ceil(steps / 2), steps]),
      lossNats: Float64Array.from([floor + 0.4, floor + 0.1]),
    },
  };
}
