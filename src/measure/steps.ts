import type { Trainer } from '../train/index.ts';

/** Most steps that a window submits at once. */
const STEPS_AT_ONCE = 16;

/** Milliseconds a step over a window: as many steps at once as take a quarter of it, and one at least. */
export async function msPerStep(trainer: Pick<Trainer, 'maxSteps' | 'free' | 'advance'>, windowMs: number): Promise<number> {
  const start = performance.now();
  let [steps, ms] = [0, Infinity];
  do {
    const k = Math.max(1, Math.min(trainer.maxSteps, STEPS_AT_ONCE, Math.floor(windowMs / 4 / ms)));
    await trainer.free();
    await trainer.advance(k);
    steps += k;
    ms = (performance.now() - start) / steps;
  } while (ms * steps < windowMs);
  return ms;
}

/** By linear interpolation; NaN of nothing. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const [below = NaN, above = NaN] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return below + (above - below) * (at - Math.floor(at));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
