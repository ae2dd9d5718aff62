import { DeviceError } from '../base/errors.ts';

const ALLOWED = 3;
const WINDOW_MS = 60_000;

/** Counts lost devices: a few in a minute are replaced, after that the run gives up. */
export class LossLimit {
  private readonly now: () => number;
  private readonly losses: number[] = [];

  constructor(now: () => number) {
    this.now = now;
  }

  /** True once a device was lost. */
  get any(): boolean {
    return this.losses.length > 0;
  }

  /** @throws DeviceError when this one is too many. */
  count(cause: unknown): void {
    const now = this.now();
    this.losses.push(now);
    if (this.losses.filter((at) => now - at < WINDOW_MS).length <= ALLOWED) return;
    throw new DeviceError({
      where: 'GPU device',
      rule: `it was lost ${ALLOWED + 1} times within a minute`,
      got: cause instanceof Error ? cause.message : String(cause),
      cure: 'Close other programs that use the GPU or restart the browser, then continue from the last checkpoint.',
      cause,
    });
  }
}
