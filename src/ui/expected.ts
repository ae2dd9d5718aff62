import type { Lab, XUnit } from '../lab/index.ts';
import { flopsPerToken, learningRate, tokensPerStep, totalSteps, type RunSpec } from '../spec/index.ts';
import type { Curve, Range } from './plot-data.ts';

const POINTS = 400;

/** How far the coming run will reach along x, first step to last; by time, a minute where nothing was measured. */
export function expectedX({ form, forecast }: Lab, unit: XUnit): Range {
  const steps = forecast?.totalSteps ?? totalSteps(form.spec);
  const [first, last] = [stepAt(form.spec, 1, unit), stepAt(form.spec, Math.max(2, steps), unit)];
  return unit === 'time' ? [0.1, (forecast?.estimatedMs ?? 60_000) / 1000] : [first, last];
}

function stepAt(spec: RunSpec, step: number, unit: XUnit): number {
  const tokens = step * tokensPerStep(spec);
  return unit === 'step' ? step : unit === 'flops' ? tokens * flopsPerToken(spec).total : tokens;
}

/** The learning rate that a spec's schedule plans, as a curve; time has no plan. */
export function plannedRate(spec: RunSpec, steps: number, unit: XUnit): Curve[] {
  if (unit === 'time') return [];
  const every = Math.max(1, Math.floor(steps / POINTS));
  const chosen = [...Array.from({ length: Math.ceil(steps / every) }, (_, i) => 1 + i * every), steps];
  return [
    {
      label: 'planned',
      color: '--reference',
      width: 1.25,
      alpha: 0.9,
      dash: [4, 4],
      x: chosen.map((step) => stepAt(spec, step, unit)),
      y: chosen.map((step) => learningRate(spec, step, steps)),
    },
  ];
}
