/** How long a step took that does so much arithmetic, over all lanes. */
export interface StepRate {
  readonly flopsPerStep: number;
  readonly msPerStep: number;
}

/** Milliseconds of `steps` steps, in proportion to the steps whose arithmetic is nearest, as a ratio; null before any was measured. */
export function stepsMs(rates: Iterable<StepRate>, flopsPerStep: number, steps: number): number | null {
  let nearest: StepRate | null = null;
  let least = Infinity;
  for (const rate of rates) {
    const distance = Math.abs(Math.log(rate.flopsPerStep / flopsPerStep));
    if (distance >= least) continue;
    nearest = rate;
    least = distance;
  }
  return nearest === null ? null : (steps * nearest.msPerStep * flopsPerStep) / nearest.flopsPerStep;
}

/** How long steps take on one adapter, as far as it was measured. */
export class StepRates {
  private readonly rates = new Map<number, StepRate>();

  /** Takes the place of what was measured of as much arithmetic before. */
  measured(flopsPerStep: number, msPerStep: number): void {
    if (flopsPerStep > 0 && msPerStep > 0) this.rates.set(flopsPerStep, { flopsPerStep, msPerStep });
  }

  /** As {@link stepsMs}. */
  estimateMs(flopsPerStep: number, steps: number): number | null {
    return stepsMs(this.rates.values(), flopsPerStep, steps);
  }
}
