import type { DeviceReport, Forecast, PeakReport } from '../../worker/protocol.ts';
import type { RunRecord } from '../store/record.ts';
import { recordTitle } from '../runs-view.ts';

/** How fast this GPU was seen to train. */
export interface Speed {
  readonly flopsPerSecond: number;
  /** Of one step of what was timed: a small model leaves a GPU idle, so speeds hold for work of their size. */
  readonly flopsPerStep: number;
  /** Where the figure comes from. */
  readonly source: string;
}

interface Seen {
  readonly device: DeviceReport | null;
  readonly runs: readonly RunRecord[];
  readonly forecast: Forecast | null;
}

const MS_PER_SECOND = 1000;

/** Every speed that is known of this adapter: of kept runs that trained alone, and the worker's estimate for the form's own spec. */
export function speedsOf({ device, runs, forecast }: Seen): readonly Speed[] {
  const kept = runs.flatMap((run): Speed[] => {
    const { counts, msPerStep, environment, program } = run;
    if (device === null || counts === null || environment === null || !(msPerStep !== null && msPerStep > 0)) return [];
    if (program.lanes > 1 || !sameAdapter(environment, device)) return [];
    const flopsPerStep = counts.flopsPerToken * counts.tokensPerStep;
    const flopsPerSecond = (flopsPerStep / msPerStep) * MS_PER_SECOND;
    return [{ flopsPerSecond, flopsPerStep, source: `measured here on the run ${recordTitle(run)}` }];
  });
  if (!(forecast !== null && forecast.estimatedMs !== null && forecast.estimatedMs > 0)) return kept;
  const flopsPerStep = forecast.flopsPerToken * forecast.tokensPerStep;
  const flopsPerSecond = (flopsPerStep * forecast.totalSteps * MS_PER_SECOND) / forecast.estimatedMs;
  return [...kept, { flopsPerSecond, flopsPerStep, source: 'estimated for the settings of the Train page from what ran here' }];
}

/** What a peak allows: no step of training reaches it. */
export function peakSpeed({ matmulFlopsPerSecond }: PeakReport): Speed {
  const source = 'the matmul peak measured here, which no training step reaches: the true budget is smaller';
  return { flopsPerSecond: matmulFlopsPerSecond, flopsPerStep: Number.NaN, source };
}

/** The speed of the work that is nearest in size; null where none is known. */
export function nearestSpeed(speeds: readonly Speed[], flopsPerStep: number): Speed | null {
  const distance = (speed: Speed): number => Math.abs(Math.log(speed.flopsPerStep / flopsPerStep));
  return speeds.reduce<Speed | null>((best, one) => (best === null || distance(one) < distance(best) ? one : best), null);
}

export interface TimeBudget {
  readonly flops: number;
  readonly speed: Speed;
}

/**
 * The FLOPs that so many minutes buy, at the speed of work of the size that they are spent on; null where no speed is known.
 *
 * @param flopsPerStepFor of the run that a budget in FLOPs leads to.
 */
export function budgetOfMinutes(
  minutes: number,
  speeds: readonly Speed[],
  flopsPerStepFor: (budget: number) => number,
): TimeBudget | null {
  const seconds = 60 * minutes;
  let [speed] = speeds;
  if (speed === undefined) return null;
  // A larger budget leads to a larger model, which runs faster: that settles, or goes to and fro between two.
  for (let round = 0; round < 8; round++) {
    const next: Speed | null = nearestSpeed(speeds, flopsPerStepFor(seconds * speed.flopsPerSecond));
    if (next === null || next === speed) break;
    speed = next;
  }
  return { flops: seconds * speed.flopsPerSecond, speed };
}

type Named = Pick<DeviceReport, 'vendor' | 'architecture' | 'device' | 'software'>;

function sameAdapter(a: Named & { readonly adapter: string }, b: DeviceReport): boolean {
  const same = a.vendor === b.vendor && a.architecture === b.architecture && a.device === b.device && a.software === b.software;
  return same && a.adapter === b.description;
}
