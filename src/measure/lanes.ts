import { quantile } from '../base/quantile.ts';
import { DeviceError, KernelError } from '../base/errors.ts';
import type { Dataset } from '../data/index.ts';
import type { Choices } from '../engine/index.ts';
import type { Gpu } from '../gpu/device.ts';
import type { RunSpec } from '../spec/index.ts';
import { tokensPerStep } from '../spec/index.ts';
import { Trainer } from '../train/index.ts';
import type { KnownVerdicts } from '../train/index.ts';
import type { LanesReport, LanesRow } from './report.ts';
import { median, msPerStep } from './steps.ts';

export interface LanesOptions {
  readonly gpu: Gpu;
  readonly spec: RunSpec;
  readonly dataset: Dataset;
  /** In ascending order. */
  readonly lanes?: readonly number[];
  readonly verdicts?: KnownVerdicts;
  /** Variants as the tuner chose them. */
  readonly choices?: Choices;
  readonly windows?: number;
  readonly windowMs?: number;
  readonly signal?: AbortSignal;
  readonly onRow?: (row: LanesRow) => void;
  readonly onProgress?: (done: number, total: number, what: string) => void;
}

const LANES = [1, 2, 4, 8, 16, 32];
/** Share of the highest throughput that counts as full. */
const FULL = 0.9;

/**
 * Throughput against the number of lanes, until the adapter does not take more.
 *
 * @throws DeviceError, KernelError as a run of one lane does.
 */
export async function laneThroughput(options: LanesOptions): Promise<LanesReport> {
  const { gpu, spec, dataset, lanes = LANES, windows = 7, windowMs = 150, signal, onRow, onProgress } = options;
  const rows: LanesRow[] = [];
  let stoppedBy: string | null = null;
  for (const [i, count] of lanes.entries()) {
    if (signal?.aborted === true) break;
    onProgress?.(i, lanes.length, count === 1 ? '1 lane' : `${count} lanes`);
    const specs = Array.from({ length: count }, (_, lane) => ({ ...spec, seed: { init: lane + 1, data: lane + 1 } }));
    try {
      const row = await oneCount(options, specs, { windows, windowMs, dataset, gpu });
      if (row === null) break;
      rows.push(row);
      onRow?.(row);
    } catch (error) {
      const isFull = error instanceof DeviceError || error instanceof KernelError;
      if (!isFull || !gpu.alive || rows.length === 0) throw error;
      stoppedBy = error.message;
      break;
    }
  }
  return { rows, fullAt: fullAt(rows), stoppedBy };
}

/** The fewest lanes with {@link FULL} of the highest throughput; 1 for no rows. */
export function fullAt(rows: readonly Pick<LanesRow, 'lanes' | 'tokensPerSecond'>[]): number {
  const most = Math.max(0, ...rows.map(({ tokensPerSecond }) => tokensPerSecond));
  return rows.find(({ tokensPerSecond }) => tokensPerSecond >= FULL * most)?.lanes ?? 1;
}

async function oneCount(
  { verdicts, choices = new Map(), signal }: LanesOptions,
  specs: readonly RunSpec[],
  { gpu, dataset, windows, windowMs }: Required<Pick<LanesOptions, 'gpu' | 'dataset' | 'windows' | 'windowMs'>>,
): Promise<LanesRow | null> {
  const trainer = await Trainer.create({
    gpu,
    specs,
    dataset,
    plan: { choices },
    ...(verdicts === undefined ? {} : { verdicts }),
  });
  try {
    await msPerStep(trainer, windowMs);
    const times: number[] = [];
    for (let window = 0; window < windows; window++) {
      if (signal?.aborted === true) return null;
      times.push(await msPerStep(trainer, windowMs));
    }
    const ms = median(times);
    const tokens = specs.reduce((sum, spec) => sum + tokensPerStep(spec), 0);
    return {
      lanes: specs.length,
      ms,
      quartilesMs: [quantile(times, 0.25), quantile(times, 0.75)],
      tokensPerSecond: (1000 * tokens) / ms,
      peakBytes: trainer.plan.peakBytes,
    };
  } finally {
    trainer.destroy();
  }
}
