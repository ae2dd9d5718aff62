import { quantile } from '../base/quantile.ts';
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

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
