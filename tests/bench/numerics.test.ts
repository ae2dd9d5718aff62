import { expect, it } from 'vitest';
import { numericsReport } from '../../src/bench/numerics.ts';
import { Gpu } from '../../src/gpu/index.ts';
import { openNodeGpu } from '../../src/gpu/node-adapter.ts';
import { FORMATS } from '../../src/numerics/index.ts';
import { tinySpec } from '../reference/specs.ts';
import { testDataset } from '../support/train.ts';

it('meets the oracles, finds no mismatch, and says what each recipe costs', async () => {
  const spec = tinySpec({ data: { context: 16, batch: 8 }, model: { layers: 1, width: 32 } });
  const dataset = await testDataset(spec);
  const gpu = await Gpu.open(await openNodeGpu());
  try {
    const sizes = { words: 3000, normals: 1 << 15, productSize: 256, rounds: 2, windowMs: 5 };
    const report = await numericsReport({ gpu, spec, dataset, recipes: ['bf16', 'fp8-block'], ...sizes });
    expect(report.oracles).toHaveLength(5);
    for (const { what, measuredDb, atLeastDb } of report.oracles) {
      expect(measuredDb, what).toBeGreaterThan(atLeastDb);
      // Better than the oracle is as wrong as worse.
      expect(measuredDb, what).toBeLessThan(atLeastDb + 1);
    }
    expect(report.casts).toEqual(Object.keys(FORMATS).map((format) => ({ format, words: 3000, mismatches: 0 })));
    // Per tensor: a history that grows to 4, and a scale a step.
    const compared = 2 * (1 + 2 + 3 + 47 * 4 + 50);
    expect(report.trace).toEqual({ steps: 50, compared, mismatches: 0 });
    expect(report.recipes.map(({ recipe, casts }) => `${recipe} ${casts}`)).toEqual([
      'f32 fused',
      'bf16 fused',
      'bf16 unfused',
      'fp8-block fused',
      'fp8-block unfused',
    ]);
    const [f32, bf16, unfused, block] = report.recipes;
    expect(f32?.msOverF32).toEqual({ median: 0, low: 0, high: 0 });
    for (const { msPerStep, recipe } of report.recipes) {
      expect(msPerStep.median, recipe).toBeGreaterThan(0);
      expect(msPerStep.low, recipe).toBeLessThanOrEqual(msPerStep.high);
    }
    expect(bf16?.dispatchesPerStep).toBeGreaterThan(f32?.dispatchesPerStep ?? Infinity);
    expect(bf16?.dispatchesPerStep).toBeLessThanOrEqual(unfused?.dispatchesPerStep ?? 0);
    expect(bf16?.keptBytes).toBeLessThan(f32?.keptBytes ?? 0);
    expect(block?.keptBytes).toBeLessThan(f32?.keptBytes ?? 0);
  } finally {
    gpu.close();
  }
}, 120_000);
