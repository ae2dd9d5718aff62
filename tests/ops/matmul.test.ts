import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sizeOf } from '../../src/base/shape.ts';
import { pullback } from '../../src/engine/grad.ts';
import { planProgram, Program, Store } from '../../src/engine/index.ts';
import { Gpu } from '../../src/gpu/device.ts';
import { openNodeGpu } from '../../src/gpu/node-adapter.ts';
import { first, Graph } from '../../src/graph/graph.ts';
import { f32 } from '../../src/graph/types.ts';
import type { Attrs } from '../../src/graph/types.ts';
import { matmulVariants } from '../../src/ops/matmul-kernels.ts';
import { matmulNode } from '../../src/ops/matmul.ts';
import { referenceOf } from '../reference/ops.ts';
import { noise, tensor } from '../reference/tensor.ts';
import { expectClose } from '../support/close.ts';

const LANES = 3;

interface Case {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly batch?: number;
  readonly transpose?: 'NN' | 'NT' | 'TN' | 'TT';
  readonly bias?: boolean;
  readonly residual?: boolean;
  readonly activation?: 'gelu' | 'relu2';
  readonly slope?: 'gelu' | 'relu2' | 'swiglu';
  readonly columnSums?: boolean;
  readonly parts?: readonly number[];
  /** Large tiles are tried too: they take a software adapter seconds to compile. */
  readonly large?: true;
}

/** With all that the adapter offers, for variants that ask for a feature. */
let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.open(await openNodeGpu());
});
afterAll(() => gpu.close());

function shapesOf({
  M,
  N,
  K,
  batch = 1,
  transpose = 'NN',
  bias = false,
  residual = false,
  slope,
}: Case): readonly (readonly number[])[] {
  const lead = batch === 1 ? [] : [batch];
  const a = transpose.startsWith('T') ? [K, M] : [M, K];
  const b = transpose.endsWith('T') ? [N, K] : [K, N];
  return [
    [...lead, ...a],
    [...lead, ...b],
    ...(bias ? [[N]] : []),
    ...(residual ? [[...lead, M, N]] : []),
    ...(slope === undefined ? [] : [[...lead, M, slope === 'swiglu' ? 2 * N : N]]),
  ];
}

function graphOf(c: Case): { graph: Graph; attrs: Attrs } {
  const graph = new Graph();
  const [a, b, ...rest] = shapesOf(c).map((shape, i) => graph.input(`in${i}`, f32(...shape), 'micro'));
  if (a === undefined || b === undefined) throw new RangeError('a matmul has two operands');
  const { batch = 1, transpose = 'NN', bias = false, residual = false, activation, slope, columnSums = false, parts = [] } = c;
  const last = rest.at(-1);
  const [biasIn, residualIn] = [bias ? rest[0] : undefined, residual ? last : undefined];
  const outputs = matmulNode(graph, a, b, {
    alpha: 0.5,
    batched: batch > 1,
    transposeA: transpose.startsWith('T'),
    transposeB: transpose.endsWith('T'),
    ...(biasIn === undefined ? {} : { bias: biasIn }),
    ...(residualIn === undefined ? {} : { residual: residualIn }),
    ...(activation === undefined ? {} : { activation }),
    ...(slope === undefined || last === undefined ? {} : { slope: { kind: slope, pre: last } }),
    columnSums,
    parts,
  });
  outputs.forEach((value, i) => graph.output(`out${i}`, value, 'micro'));
  return { graph, attrs: outputs[0]?.node.attrs ?? {} };
}

/** Runs one variant on `lanes` and gives each output of each lane. */
async function run(
  graph: Graph,
  variant: string,
  software: boolean,
  lanes: readonly (readonly Float64Array[])[],
): Promise<Float32Array[][]> {
  const caps = { ...gpu.caps, software };
  const plan = planProgram(graph, { caps, lanes: lanes.length, slots: 1, variants: { matmul: variant } });
  const store = new Store(gpu, lanes.length);
  const program = await Program.create(store, plan);
  try {
    lanes.forEach((inputs, lane) => inputs.forEach((data, i) => program.slot(`in${i}`, 0).set(data, lane * data.length)));
    const reading = await program.run(1);
    return lanes.map((_, lane) =>
      graph.outputs.map(({ name }) => {
        const all = reading.get(name, 0);
        return all.slice((lane * all.length) / lanes.length, ((lane + 1) * all.length) / lanes.length);
      }),
    );
  } finally {
    program.destroy();
    store.destroy();
  }
}

/** The variants that serve a case, on a software adapter or on a GPU. */
function variantsOf(graph: Graph, large = false): readonly { readonly name: string; readonly software: boolean }[] {
  const node = graph.nodes.find(({ op }) => op === 'matmul');
  if (node === undefined) throw new RangeError('the graph has no matmul');
  return matmulVariants.flatMap(({ name, supports }) => {
    const software = [true, false].find((kind) => supports(node, { ...gpu.caps, software: kind }));
    return software === undefined || (!large && /-(64|128)/.test(name)) ? [] : [{ name, software }];
  });
}

const CASES: readonly Case[] = [
  { M: 1, N: 1, K: 1 },
  { M: 1, N: 7, K: 5, transpose: 'NT' },
  { M: 16, N: 40, K: 16, bias: true, activation: 'gelu' },
  { M: 13, N: 17, K: 19, transpose: 'NT', bias: true, residual: true },
  { M: 65, N: 36, K: 33, batch: 2, transpose: 'TN', residual: true, large: true },
  { M: 9, N: 33, K: 65, batch: 2, transpose: 'TT', activation: 'relu2' },
  { M: 70, N: 9, K: 131, batch: 2, transpose: 'NT' },
  { M: 16, N: 12, K: 1030, transpose: 'TN', bias: true, activation: 'relu2', residual: true },
  { M: 130, N: 129, K: 3, batch: 4 },
  { M: 13, N: 20, K: 19, transpose: 'NT', slope: 'gelu' },
  { M: 66, N: 9, K: 33, transpose: 'NT', slope: 'relu2' },
  { M: 17, N: 10, K: 12, slope: 'swiglu', bias: true },
  { M: 33, N: 24, K: 1030, slope: 'swiglu' },
  { M: 16, N: 12, K: 40, transpose: 'TN', columnSums: true, large: true },
  { M: 70, N: 67, K: 129, transpose: 'TN', columnSums: true, large: true },
  { M: 9, N: 35, K: 1030, transpose: 'TN', columnSums: true },
  { M: 3, N: 5, K: 7, columnSums: true },
  { M: 68, N: 132, K: 36, transpose: 'NT', bias: true, residual: true, batch: 2, large: true },
  { M: 5, N: 70, K: 131, transpose: 'TN', bias: true, residual: true },
  { M: 70, N: 6, K: 33, transpose: 'NT', slope: 'relu2' },
  { M: 35, N: 3, K: 40, transpose: 'TN', columnSums: true },
  { M: 2, N: 36, K: 300, columnSums: true },
  { M: 66, N: 48, K: 33, parts: [16, 8, 24] },
  { M: 20, N: 28, K: 36, parts: [16, 12], large: true },
  { M: 17, N: 16, K: 32, transpose: 'NT', parts: [16, 8, 8] },
  { M: 24, N: 13, K: 27, transpose: 'NT', parts: [9, 1, 17] },
  { M: 16, N: 24, K: 1030, transpose: 'TN', parts: [8, 16] },
  { M: 12, N: 28, K: 24, transpose: 'TN', parts: [16, 12] },
  { M: 20, N: 18, K: 2100, transpose: 'NT', parts: [1040, 1060] },
  { M: 19, N: 12, K: 40, transpose: 'TT', parts: [20, 20] },
  { M: 64, N: 9, K: 20, parts: [3, 6] },
  { M: 5, N: 40, K: 31, transpose: 'NT', parts: [7, 24] },
];

describe('matmul', () => {
  it.each(CASES)(
    'is the f64 product in every variant, and promise 2: a lane has the bits it has alone: %o',
    { timeout: 120_000 },
    async (c) => {
      const { graph, attrs } = graphOf(c);
      const shapes = shapesOf(c);
      const lanes = Array.from({ length: LANES }, (_, lane) => shapes.map((shape, i) => noise(sizeOf(shape), `${i} ${lane}`)));
      for (const { name, software } of variantsOf(graph, c.large)) {
        const got = await run(graph, name, software, lanes);
        for (const [lane, values] of lanes.entries()) {
          const want = referenceOf('matmul')(
            values.map((data, i) => tensor(shapes[i] ?? [], data)),
            attrs,
          );
          for (const [i, { data, shape }] of want.entries()) {
            const because = `${name}, lane ${lane}, output ${i}: f32 sums of ${c.K} products of normals, squared by relu2`;
            expectClose(got[lane]?.[i] ?? [], data, { rtol: 2e-5, atol: 3e-6 * Math.sqrt(c.K), because, shape });
          }
        }
        const [alone] = await run(graph, name, software, lanes.slice(-1));
        expect(alone, name).toEqual(got.at(-1));
      }
    },
  );

  it('is tried in every variant by these cases', () => {
    const tried = new Set(CASES.flatMap((c) => variantsOf(graphOf(c).graph, c.large).map(({ name }) => name)));
    // These are for operands that are codes: tests/ops/matmul-codes.test.ts and matmul-f16.test.ts.
    const names = matmulVariants.map(({ name }) => name).filter((name) => name !== 'decoded' && !name.endsWith('-f16'));
    const serving = names.filter((name) => gpu.caps.subgroups || !name.includes('subgroup'));
    expect([...tried].toSorted()).toEqual(serving.toSorted());
  });

  it.each([
    { M: 18, N: 36, K: 20, parts: [16, 8, 12] },
    { M: 13, N: 22, K: 20, parts: [8, 14] },
    { M: 16, N: 40, K: 1040, transpose: 'TN', parts: [24, 16] },
  ] as const)('gives columns in parts the bits that they have in the whole product: %o', async (c) => {
    const [apart, together] = [graphOf(c).graph, graphOf({ ...c, parts: [] }).graph];
    const inputs = shapesOf(c).map((shape, i) => noise(sizeOf(shape), `${i}`));
    const serving = new Set(variantsOf(together).map(({ name }) => name));
    const both = variantsOf(apart).filter(({ name }) => serving.has(name));
    expect(both.length).toBeGreaterThan(3);
    for (const { name, software } of both) {
      expect(await run(apart, name, software, [inputs]), name).toEqual(await run(together, name, software, [inputs]));
    }
  });

  it('loads and stores vectors only where a part and its rows begin on one', () => {
    const vectors = (c: Case): readonly string[] =>
      variantsOf(graphOf(c).graph, true).flatMap(({ name }) => (name.endsWith('vec4') ? [name] : []));
    expect(vectors({ M: 16, N: 24, K: 16, parts: [8, 16] })).toEqual(vectors({ M: 16, N: 24, K: 16 }));
    expect(vectors({ M: 16, N: 24, K: 16, parts: [8, 16] })).toContain('blocked-vec4');
    // Wide enough and a multiple of 4 each, but of no whole vectors before them, or in a row.
    expect(vectors({ M: 16, N: 26, K: 16, parts: [8, 8, 10] })).toEqual([]);
    expect(vectors({ M: 16, N: 28, K: 16, parts: [10, 18] })).toEqual([]);
    expect(vectors({ M: 16, N: 16, K: 24, transpose: 'NT', parts: [6, 18] })).toEqual([]);
  });

  it.each([
    [{ M: 4, N: 6, K: 5, parts: [4, 4] }, 'parts 4 + 4 are not the columns of one matrix b'],
    [{ M: 4, N: 6, K: 5, batch: 2, parts: [2, 4] }, 'parts 2 + 4 are not the columns of one matrix b'],
    [{ M: 4, N: 6, K: 5, parts: [0, 6] }, 'attribute parts is no list of column counts'],
    [{ M: 4, N: 6, K: 5, parts: [2, 4], bias: true }, 'a product in parts is of f32, and is stored as it is'],
    [{ M: 4, N: 6, K: 5, parts: [2, 4], columnSums: true }, 'a product in parts is of f32, and is stored as it is'],
  ] as const)('refuses parts that it cannot multiply one by one: %o', (c, rule) => {
    expect(() => graphOf(c)).toThrow(rule);
  });

  it('gives parts to both gradients of a product in parts, and none of those has gradients of its own', () => {
    const { graph } = graphOf({ M: 4, N: 6, K: 5, parts: [2, 4] });
    const [a, b, product] = graph.nodes.map(({ outputs }) => first(outputs));
    if (a === undefined || b === undefined || product === undefined) throw new RangeError('the graph has no matmul');
    const seeds = new Map([[product, graph.input('dy', product.type, 'micro')]]);
    const [da, db] = pullback(graph, seeds, [a, b]);
    expect([da, db].map((value) => value?.node.attrs['parts'])).toEqual([
      [2, 4],
      [2, 4],
    ]);
    if (da === undefined) throw new RangeError('a has no gradient');
    expect(() => pullback(graph, new Map([[da, a]]), [b])).toThrow('are taken where no operand is transposed');
  });

  it.each(['gelu', 'relu2', undefined] as const)('keeps a NaN in its row, with activation %s', async (activation) => {
    const { graph } = graphOf({ M: 18, N: 12, K: 7, ...(activation === undefined ? {} : { activation }) });
    const a = noise(18 * 7, 'a');
    a[3 * 7 + 6] = Number.NaN;
    for (const { name, software } of variantsOf(graph)) {
      const [lane] = await run(graph, name, software, [[a, noise(7 * 12, 'b')]]);
      const rows = [...(lane?.[0] ?? [])].flatMap((value, i) => (Number.isNaN(value) ? [Math.floor(i / 12)] : []));
      expect(rows, name).toEqual(Array.from({ length: 12 }, () => 3));
    }
  });
});
