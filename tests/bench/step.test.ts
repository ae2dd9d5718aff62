import { expect, it } from 'vitest';
import { stepCost } from '../../src/bench/step.ts';
import { ByteTokenizer, prepareDataset } from '../../src/data/index.ts';
import { Gpu } from '../../src/gpu/index.ts';
import { openNodeGpu } from '../../src/gpu/node-adapter.ts';
import { parseSpec } from '../../src/spec/index.ts';

/** Kernels that multiply matrices; those before and after them do not. */
const PRODUCTS = /^(?:matmul\/(?!split-reduce)|attention\/attention-(?:forward|backward))/;

it('measures a step, and every dispatch of it by kernel', async () => {
  const spec = parseSpec({
    data: { source: 'file', context: 8, batch: 2, gradAccum: 2 },
    model: { layers: 2, width: 16, heads: 2 },
  });
  const bytes = new ByteTokenizer().decode(new Uint32Array(400).map((_, i) => (i * 7) % 256));
  const dataset = await prepareDataset({ kind: 'file', name: 'bytes', bytes }, { ...spec.data, tokenizer: 'byte' });
  const gpu = await Gpu.open(await openNodeGpu());
  try {
    const cost = await stepCost({ gpu, spec, dataset, measureMs: 200 });
    expect(cost.tokensPerStep).toBe(32);
    expect(cost.msPerStep.windows).toBeGreaterThanOrEqual(5);
    expect(cost.msPerStep.median).toBeGreaterThan(0);
    expect(cost.msPerStep.low).toBeLessThanOrEqual(cost.msPerStep.high);
    const kernels = cost.kernels ?? [];
    expect(kernels.length > 0).toBe(gpu.device.features.has('timestamp-query'));
    const dispatches = kernels.reduce((sum, { perStep }) => sum + perStep, 0);
    expect(dispatches).toBe(kernels.length === 0 ? 0 : cost.dispatchesPerStep);
    for (const { ms, rangeMs, boundBytes, kernel, flops } of kernels) {
      expect(ms, kernel).toBeGreaterThan(0);
      expect(rangeMs[0], kernel).toBeLessThanOrEqual(ms);
      expect(boundBytes, kernel).toBeGreaterThan(0);
      expect(flops === null, kernel).toBe(!PRODUCTS.test(kernel));
    }
    const shares = kernels.map(({ ms, perStep }) => ms * perStep);
    expect(shares).toEqual(shares.toSorted((a, b) => b - a));
  } finally {
    gpu.close();
  }
}, 120_000);
