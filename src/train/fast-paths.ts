import { fastPaths, planProgram, tryPath, withoutOps } from '../engine/index.ts';
import type { Verdict } from '../engine/index.ts';
import type { Gpu } from '../gpu/device.ts';
import type { RunSpec } from '../spec/run-spec.ts';
import { trainingGraph } from './graphs.ts';

/** Which fast paths this device may use: what {@link checkFastPaths} found. */
export interface Cleared {
  /** Variants that failed, as `op/variant`: planned around. */
  readonly disabled: ReadonlySet<string>;
  /** The spec, without fusion rules whose op failed. */
  readonly spec: RunSpec;
  /** What was tried, now or earlier. */
  readonly verdicts: readonly Verdict[];
}

/** Verdicts of this adapter and build, by key; filled as paths are tried. */
export type KnownVerdicts = Map<string, Verdict>;

/** Rows are cut to about this many for the check; kernels see every tile border with fewer than a full batch. */
const PROBE_ROWS = 96;

/**
 * Tries every fast path that a run of `spec` would use, on this device, against the plain kernels (promise 4). What fails is switched
 * off and the plan made again, until all of it has passed. Verdicts already in `known` are believed.
 */
export async function checkFastPaths(
  gpu: Gpu,
  spec: RunSpec,
  vocab: number,
  known: KnownVerdicts,
  onProgress?: (done: number, total: number) => void,
): Promise<Cleared> {
  const disabled = new Set<string>();
  const badOps = new Set<string>();
  const used = new Map<string, Verdict>();
  for (;;) {
    const cleared: RunSpec = { ...spec, fusion: withoutOps(spec.fusion, badOps) };
    const plan = planProgram(trainingGraph(cleared, vocab), { caps: gpu.caps, disabled, microBatches: spec.data.gradAccum });
    const batch = Math.min(spec.data.batch, Math.max(1, Math.ceil(PROBE_ROWS / spec.data.context)));
    const probe = trainingGraph({ ...cleared, data: { ...spec.data, batch } }, vocab);
    const cases = fastPaths(plan, probe, gpu.caps, disabled).filter(({ key }) => !used.has(key));
    for (const [i, path] of cases.entries()) {
      const verdict = known.get(path.key) ?? (await tryPath(gpu, path));
      known.set(path.key, verdict);
      used.set(path.key, verdict);
      onProgress?.(i + 1, cases.length);
    }
    const failed = [...used.values()].filter(({ ok }) => !ok);
    const before = disabled.size + badOps.size;
    for (const { path, fused } of failed) {
      if (fused) badOps.add(path.split('/')[0] ?? '');
      else disabled.add(path);
    }
    if (disabled.size + badOps.size === before) return { disabled, spec: cleared, verdicts: [...used.values()] };
  }
}
