import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sizeOf } from '../../src/base/shape.ts';
import { planProgram, Program, Store } from '../../src/engine/index.ts';
import { Gpu } from '../../src/gpu/device.ts';
import { openNodeGpu } from '../../src/gpu/node-adapter.ts';
import { Graph } from '../../src/graph/graph.ts';
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
  const { batch = 1, transpose = 'NN', bias = false, residual = false, activation, slope, columnSums = false } = c;
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
    // `decoded` is for operands that are codes: tests/ops/matmul-codes.test.ts.
    const names = matmulVariants.map(({ name }) => name).filter((name) => name !== 'decoded');
    const serving = names.filter((name) => gpu.caps.subgroups || !name.includes('subgroup'));
    expect([...tried].toSorted()).toEqual(serving.toSorted());
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
