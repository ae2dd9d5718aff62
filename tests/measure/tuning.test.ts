import { describe, expect, it } from 'vitest';
import { kernelSource } from '../../src/gpu/kernel.ts';
import { ablate, laneThroughput, tunedShapes, tuneStep } from '../../src/measure/index.ts';
import type { Tuned } from '../../src/measure/index.ts';
import { Sources } from '../../src/measure/sources.ts';
import { planTraining } from '../../src/train/index.ts';
import type { KnownVerdicts } from '../../src/train/index.ts';
import { tinySpec } from '../reference/specs.ts';
import { testGpu } from '../support/run-graph.ts';
import { testDataset } from '../support/train.ts';

const spec = tinySpec({ model: { layers: 1 } });
const VOCAB = 11;

/** The plain variant, for whatever node it is asked of. */
class AlwaysPlain extends Map<string, string> {
  override get(): string {
    return 'plain';
  }
}

describe('tuning a step', () => {
  it('says each shape before and after, and stops where it is asked to', async () => {
    const stop = new AbortController();
    const rows: Tuned[] = [];
    const said: string[] = [];
    const tuning = tuneStep(await testGpu(), spec, await testDataset(spec), {
      signal: stop.signal,
      onProgress: (done, total, what) => said.push(`${done} of ${total > 1}: ${what}`),
      onRow: (row) => {
        rows.push(row);
        stop.abort(new Error('enough'));
      },
    });
    await expect(tuning).rejects.toThrow('enough');
    expect(rows).toHaveLength(1);
    expect(said).toEqual([`0 of true: ${rows[0]?.shape}`]);
    expect(rows[0]?.candidates.map(({ variant }) => variant)).toContain(rows[0]?.chosen);
  });

  it('is what lanes and ablations are planned with, where they are told', async () => {
    const [gpu, dataset] = [await testGpu(), await testDataset(spec)];
    const quick = { gpu, spec, dataset, windowMs: 1 };
    for (const [choices, checked] of [
      [new AlwaysPlain(), false],
      [new Map<string, string>(), true],
    ] as const) {
      const [alone, ablated]: [KnownVerdicts, KnownVerdicts] = [new Map(), new Map()];
      await laneThroughput({ ...quick, lanes: [1], windows: 1, verdicts: alone, choices });
      const stop = new AbortController();
      const options = { rounds: 3, lossSteps: 1, signal: stop.signal, onRow: () => stop.abort() };
      const { rows } = await ablate({ ...quick, ...options, verdicts: ablated, choices });
      // Each form says how much of it and of its reference was tuned.
      expect(rows[0]?.tunedShapes?.map((count) => count === 0)).toEqual([checked, checked]);
      // Only what is not plain is checked.
      for (const tried of [alone, ablated]) {
        const products = [...tried.values()].filter(({ path, fused }) => path.startsWith('matmul/') && !fused);
        expect(products.length > 0).toBe(checked);
      }
    }
  });

  it('is counted in a plan by shapes, however many nodes have them', async () => {
    const { caps } = await testGpu();
    const plan = planTraining([spec], VOCAB, { caps });
    expect(tunedShapes(plan, new Map())).toBe(0);
    const plain = new AlwaysPlain();
    const tuned = planTraining([spec], VOCAB, { caps, choices: plain });
    const shapes = tunedShapes(tuned, plain);
    expect(shapes).toBeGreaterThan(tunedShapes(plan, plain));
    expect(shapes).toBeLessThan(tuned.steps.length);
  });
});

describe('the WGSL of a step', () => {
  it('is there of every variant that serves a node, each text once, with the overrides that its pipeline sets', async () => {
    const { caps } = await testGpu();
    const { steps } = planTraining([spec], VOCAB, { caps });
    const sources = new Sources(caps);
    let choices = 0;
    for (const step of steps) {
      for (const own of step.dispatches) {
        const variants = sources.variants(step, own, new Set());
        const [first] = variants;
        expect([first?.variant, first?.kernels[0]?.kernel]).toEqual([step.variant, own.kernel]);
        expect(sources.texts[first?.kernels[0]?.source ?? '']).toBe(kernelSource(own.kernel, own.template).code);
        expect(new Set(variants.map(({ variant }) => variant)).size).toBe(variants.length);
        choices += variants.length - 1;
        for (const { kernel, source, overrides } of variants.flatMap(({ kernels }) => kernels)) {
          const text = sources.texts[source] ?? '';
          expect(text, kernel).toContain('fn main(');
          for (const name of Object.keys(overrides ?? {})) expect(text, kernel).toMatch(new RegExp(`\\boverride ${name}\\s*:`));
        }
      }
    }
    expect(choices).toBeGreaterThan(3);
    const texts = Object.values(sources.texts);
    expect(new Set(texts).size).toBe(texts.length);
    // What is switched off is not one of them.
    const product = steps.find(({ node, variant }) => node.op === 'matmul' && variant !== 'plain');
    const [own] = product?.dispatches ?? [];
    if (product === undefined || own === undefined) throw new Error('no product');
    const off = new Set(
      sources
        .variants(product, own, new Set())
        .slice(1)
        .map(({ variant }) => `matmul/${variant}`),
    );
    expect(sources.variants(product, own, off).map(({ variant }) => variant)).toEqual([product.variant, 'plain']);
  });
});
