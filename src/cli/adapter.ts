import { Gpu } from '../gpu/index.ts';
import type { AdapterReport } from '../gpu/index.ts';
import { openNodeGpu } from '../gpu/node-adapter.ts';
import type { KnownVerdicts } from '../train/index.ts';

/** What was found of this machine's fast paths since the process started (promise 4). */
export const verdicts: KnownVerdicts = new Map();

/** Opens this machine's GPU for `body` and closes it again. @throws DeviceError when there is none. */
export async function withGpu<T>(body: (gpu: Gpu) => Promise<T>): Promise<T> {
  const gpu = await Gpu.open(await openNodeGpu());
  try {
    return await body(gpu);
  } finally {
    gpu.close();
  }
}

/** What people call the adapter. */
export function adapterName({ description, device, architecture, vendor }: AdapterReport): string {
  return [description, device, `${vendor} ${architecture}`.trim()].find((name) => name !== '') ?? 'unnamed adapter';
}

/** The adapter with what must stand beside every figure that a software adapter gave (promise 9). */
export function adapterWords(report: AdapterReport): string {
  return report.software ? `${adapterName(report)} (software adapter: it computes on the CPU)` : adapterName(report);
}
