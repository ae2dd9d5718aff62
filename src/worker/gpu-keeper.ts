import type { IsoflopError } from '../base/errors.ts';
import type { Gpu } from '../gpu/index.ts';

export interface GpuKeeperOptions {
  readonly open: () => Promise<Gpu>;
  /** The device is gone; the next {@link GpuKeeper.get} opens another. */
  readonly onLost: (error: IsoflopError) => void;
  /** The GPU refused something that nobody awaited. */
  readonly onError: (error: IsoflopError) => void;
}

/** The worker's one device, opened when it is first asked for and again after each loss. */
export class GpuKeeper {
  private readonly options: GpuKeeperOptions;
  private opened: Promise<Gpu> | null = null;

  constructor(options: GpuKeeperOptions) {
    this.options = options;
  }

  /** @throws DeviceError where none can be had; asking again tries again. */
  get(): Promise<Gpu> {
    if (this.opened !== null) return this.opened;
    const opening = this.open();
    this.opened = opening;
    const drop = (): void => {
      if (this.opened === opening) this.opened = null;
    };
    // Before anybody who waits for the device hears of its loss, so that they get another one at once.
    opening.then((gpu) => void gpu.lost.then(drop), drop);
    return opening;
  }

  private async open(): Promise<Gpu> {
    const gpu = await this.options.open();
    gpu.onFault((error) => void this.hear(gpu, error));
    return gpu;
  }

  private async hear(gpu: Gpu, error: IsoflopError): Promise<void> {
    const lost = await Promise.race([gpu.lost, Promise.resolve(null)]);
    if (lost === error) this.options.onLost(error);
    // What a lost device complains about afterwards follows from the loss.
    else if (lost === null) this.options.onError(error);
  }
}
