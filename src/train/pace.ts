/** How long one submit should keep the GPU busy: short enough for a smooth desktop and for every watchdog. */
export const SUBMIT_MS = 40;
/** Submits whose times count; the median of them is robust against a hiccup. */
const RECENT = 9;

/**
 * How many steps go into one submit. It starts at one and at most doubles from submit to submit, so that a slow adapter is never
 * asked for much more than {@link SUBMIT_MS} of work. What it answers never changes a run's bits, only its speed.
 */
export class Pace {
  private readonly targetMs: number;
  private readonly recentMs: number[] = [];
  private last = 0;

  constructor(targetMs = SUBMIT_MS) {
    this.targetMs = targetMs;
  }

  /** Steps for the next submit, 1..`most`. */
  next(most: number): number {
    const fitting = this.recentMs.length === 0 ? 1 : Math.floor(this.targetMs / Math.max(this.msPerStep, 1e-3));
    const steps = Math.max(1, Math.min(fitting, Math.max(1, 2 * this.last), most));
    // A submit that was cut short by an evaluation does not slow down the ones after it.
    this.last = steps === most ? Math.max(steps, Math.min(this.last, fitting)) : steps;
    return steps;
  }

  /** Hears that a submit of `steps` steps kept the GPU busy for `busyMs`. */
  measured(steps: number, busyMs: number): void {
    this.recentMs.push(busyMs / steps);
    if (this.recentMs.length > RECENT) this.recentMs.shift();
  }

  /** Median over the last submits; NaN before the first. */
  get msPerStep(): number {
    const sorted = this.recentMs.toSorted((a, b) => a - b);
    const middle = Math.floor(sorted.length / 2);
    const upper = sorted[middle] ?? NaN;
    return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2;
  }
}
