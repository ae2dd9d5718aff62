import type { KnownTunings } from '../engine/index.ts';
import { Gpu } from '../gpu/index.ts';
import type { AdapterReport } from '../gpu/index.ts';
import { openNodeGpu } from '../gpu/node-adapter.ts';
import type { KnownVerdicts } from '../train/index.ts';
import { cachePath, keepVerdicts, tuningsIn, verdictPath, verdictsIn } from './verdict-file.ts';

/**
 * Opens this machine's GPU for `body` and closes it again. `verdicts` are those on its fast paths; what `body` adds is remembered.
 * `tunings` are the tuner's results.
 *
 * @throws DeviceError when there is none.
 */
export async function withGpu<T>(body: (gpu: Gpu, verdicts: KnownVerdicts, tunings: KnownTunings) => Promise<T>): Promise<T> {
  const gpu = await Gpu.open(await openNodeGpu());
  const path = verdictPath(gpu.report);
  const verdicts = verdictsIn(path);
  const known = verdicts.size;
  try {
    return await body(gpu, verdicts, tuningsIn(cachePath('tuned', gpu.report)));
  } finally {
    if (verdicts.size > known) keepVerdicts(path, verdicts);
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
