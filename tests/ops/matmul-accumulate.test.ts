import { describe, expect, it } from 'vitest';
import { sizeOf } from '../../src/base/shape.ts';
import { tryPath } from '../../src/engine/index.ts';
import { Graph } from '../../src/graph/index.ts';
import type { Node, Value } from '../../src/graph/types.ts';
import { f32 } from '../../src/graph/types.ts';
import { amax } from '../../src/ops/amax.ts';
import { matmulAccumulate } from '../../src/ops/matmul-accumulate.ts';
import { matmulAccumulateVariants } from '../../src/ops/matmul-kernels.ts';
import { matmulNode } from '../../src/ops/matmul.ts';
import type { MatmulOptions } from '../../src/ops/matmul.ts';
import { accumulate } from '../../src/ops/optimizer.ts';
import { quantize } from '../../src/ops/quantize.ts';
import { opOf } from '../../src/ops/table.ts';
import { referenceOf } from '../reference/ops.ts';
import { noise, tensor } from '../reference/tensor.ts';
import { expectClose } from '../support/close.ts';
import { runGraph, testGpu } from '../support/run-graph.ts';

/** The gradient of a weight: x `[K,M]`, dy `[K,N]`, their sum over micro-batches `[M,N]`. */
interface Case {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly columnSums?: boolean;
}

const CASES: readonly Case[] = [
  { M: 8, N: 12, K: 5 },
  { M: 17, N: 33, K: 40, columnSums: true },
  { M: 16, N: 24, K: 1030, columnSums: true },
  { M: 12, N: 11, K: 1040 },
  { M: 3, N: 36, K: 50, columnSums: true },
];

/** First micro-batch, a later one, and a first one where the sum is NaN from before. */
const MICROS = [
  [1, 1 / 3],
  [0, 1 / 3],
  [1, 0.5],
] as const;

/** The product that is added up as it is stored, or stored and added up: `apart` says which. */
function graphOf({ M, N, K, columnSums = false }: Case, apart: boolean): { graph: Graph; node: Node } {
  const graph = new Graph();
  const [x, dy] = [graph.input('x', f32(K, M), 'micro'), graph.input('dy', f32(K, N), 'micro')];
  const acc = graph.state('acc', [
    { name: 'before', shape: [3] },
    { name: 'dw', shape: [M, N] },
  ]);
  const into = { acc: tensorOf(acc.tensors, 'dw'), micro: graph.input('micro', f32(2), 'micro') };
  const options: MatmulOptions = { transposeA: true, columnSums };
  let sums: Value | undefined;
  if (apart) {
    const [dw, ...others] = matmulNode(graph, x, dy, options);
    [sums] = others;
    if (dw !== undefined) accumulate(graph, graph.pack([dw], 'grads'), acc.pack, into.micro, [1]);
  } else sums = matmulAccumulate(graph, x, dy, into, options);
  if (sums !== undefined) graph.output('sums', sums, 'micro');
  const node = graph.nodes.find(({ op }) => op === 'matmul_accumulate' || op === 'matmul');
  if (node === undefined) throw new RangeError('there is no product');
  return { graph, node };
}

function tensorOf(tensors: ReadonlyMap<string, Value>, name: string): Value {
  const value = tensors.get(name);
  if (value === undefined) throw new RangeError(`no tensor ${name}`);
  return value;
}

interface Lane {
  readonly x: Float64Array;
  readonly dy: Float64Array;
  readonly acc: Float64Array;
  readonly micro: readonly [number, number];
}

function lanesOf({ M, N, K }: Case): readonly Lane[] {
  return MICROS.map((micro, lane) => ({
    x: noise(K * M, `x${lane}`),
    dy: noise(K * N, `dy${lane}`),
    acc: lane === 2 ? new Float64Array(M * N).fill(NaN) : noise(M * N, `acc${lane}`),
    micro: [micro[0], Math.fround(micro[1])],
  }));
}

/** What each lane has after one micro-batch: the sum, and the sums of columns where there are any. */
async function run(
  graph: Graph,
  op: string,
  variant: string,
  software: boolean,
  lanes: readonly Lane[],
): Promise<Float32Array[][]> {
  const { caps } = await testGpu();
  const feeds = lanes.map(({ x, dy, acc, micro }) => ({
    inputs: { x, dy, micro },
    states: { acc: { before: [7, 8, 9], dw: acc } },
  }));
  const results = await runGraph(graph, feeds, { variants: { [op]: variant }, caps: { ...caps, software } });
  return results.map(({ outputs, states }) => {
    expect([...(states['acc']?.get('before') ?? [])], 'the tensor before it').toEqual([7, 8, 9]);
    return [states['acc']?.get('dw'), outputs['sums']].filter((values) => values !== undefined);
  });
}

/** Variants that serve a node, on a software adapter or on a GPU. */
async function variantsOf(node: Node): Promise<readonly { readonly name: string; readonly software: boolean }[]> {
  const { caps } = await testGpu();
  return matmulAccumulateVariants.flatMap(({ name, supports }) => {
    const software = [true, false].find((kind) => supports(node, { ...caps, software: kind }));
    return software === undefined ? [] : [{ name, software }];
  });
}

describe('matmul_accumulate', () => {
  it.each(CASES)(
    'adds the f64 product to the sum of the step, in every variant, with the bits of a product stored first: %o',
    { timeout: 120_000 },
    async (c) => {
      const { graph, node } = graphOf(c, false);
      const stored = graphOf(c, true).graph;
      const lanes = lanesOf(c);
      for (const { name, software } of await variantsOf(node)) {
        const got = await run(graph, 'matmul_accumulate', name, software, lanes);
        for (const [lane, { x, dy, acc, micro }] of lanes.entries()) {
          const inputs = [tensor([c.K, c.M], x), tensor([c.K, c.N], dy), tensor([c.M, c.N], acc), tensor([2], [...micro])];
          for (const [i, { data, shape }] of referenceOf('matmul_accumulate')(inputs, node.attrs).entries()) {
            const because = `${name}, lane ${lane}, result ${i}: f32 sums of ${c.K} products of normals`;
            expectClose(got[lane]?.[i] ?? [], data, { rtol: 2e-5, atol: 3e-6 * Math.sqrt(c.K), because, shape });
          }
        }
        expect(got, `${name}: stored first`).toEqual(await run(stored, 'matmul', name, software, lanes));
        const [alone] = await run(graph, 'matmul_accumulate', name, software, lanes.slice(1, 2));
        expect(alone, `${name}: promise 2`).toEqual(got[1]);
      }
    },
  );

  it('is tried in every variant by these cases, but for those of codes', async () => {
    const tried = await Promise.all(CASES.map((c) => variantsOf(graphOf(c, false).node)));
    const names = matmulAccumulateVariants.map(({ name }) => name).filter((name) => name !== 'decoded' && !name.endsWith('-f16'));
    const { caps } = await testGpu();
    const serving = names.filter((name) => caps.subgroups || !name.includes('subgroup'));
    expect([...new Set(tried.flat().map(({ name }) => name))].toSorted()).toEqual(serving.toSorted());
  });

  it.each([undefined, 'e4m3'])(
    'promise 4: its check passes it, with operands of %s, and fails one that forgets the sum or the product',
    async (format) => {
      const node = checked(format);
      const gpu = await testGpu();
      const op = opOf('matmul_accumulate');
      const { variants } = op;
      const plain = variants.at(-1);
      const found = async (change: Readonly<Record<string, number>>): Promise<boolean> => {
        const lower: (typeof variants)[0]['lower'] = (of, caps) =>
          (plain?.lower(of, caps) ?? []).map((dispatch) => ({ ...dispatch, ...changed(dispatch, change) }));
        Object.assign(op, { variants: [{ name: 'tried', supports: () => true, lower }, ...variants] });
        try {
          return (await tryPath(gpu, { node, variant: 'tried', key: 'tried' })).ok;
        } finally {
          Object.assign(op, { variants });
        }
      };
      expect(await found({})).toBe(true);
      expect(await found({ ACCUMULATE: 0 })).toBe(false);
      expect(await found({ alpha: 1.01 })).toBe(false);
      expect(await found({ k: 39 })).toBe(false);
    },
  );

  it('refuses what is no bare product, and a sum of another shape', () => {
    const g = new Graph();
    const [x, dy] = [g.input('x', f32(5, 4), 'micro'), g.input('dy', f32(5, 6), 'micro')];
    const state = g.state('acc', [
      { name: 'dw', shape: [4, 6] },
      { name: 'other', shape: [6, 4] },
    ]);
    const into = { acc: tensorOf(state.tensors, 'dw'), micro: g.input('micro', f32(2), 'micro') };
    const turned = { transposeA: true };
    expect(() => matmulAccumulate(g, x, dy, into, { ...turned, activation: 'gelu' })).toThrow(
      'what is added up is one bare product',
    );
    expect(() => matmulAccumulate(g, x, dy, into, { ...turned, parts: [2, 4] })).toThrow('what is added up is one bare product');
    const other = { ...into, acc: tensorOf(state.tensors, 'other') };
    expect(() => matmulAccumulate(g, x, dy, other, turned)).toThrow('the sum is not f32[4,6]');
    expect(() => matmulAccumulate(g, x, dy, { ...into, micro: into.acc }, turned)).toThrow('micro is not f32[2]');
  });
});

/** A node as a plan has it, its operands codes of a format or f32. */
function checked(format: string | undefined): Node {
  const g = new Graph();
  const cast = { scaling: 'current', powerOfTwo: true, margin: 0, rounding: 'nearest', saturate: true, tensor: 0 } as const;
  const blocks = { blockScale: 'none', blockRows: 0, blockColumns: 0 } as const;
  const operand = (name: string, columns: number): { value: Value; codes?: MatmulOptions['aCodes'] } => {
    const x = g.input(name, f32(40, columns), 'micro');
    if (format === undefined) return { value: x };
    const attrs = { ...cast, ...blocks, format };
    const { codes, scales } = quantize(g, x, { ...attrs, values: false }, { amax: amax(g, x, { of: 'all' }) });
    return { value: codes, codes: { cast: attrs, scales } };
  };
  const [x, dy] = [operand('x', 12), operand('dy', 20)];
  const { tensors } = g.state('acc', [{ name: 'dw', shape: [12, 20] }]);
  matmulAccumulate(
    g,
    x.value,
    dy.value,
    { acc: tensorOf(tensors, 'dw'), micro: g.input('micro', f32(2), 'micro') },
    {
      transposeA: true,
      columnSums: true,
      ...(x.codes === undefined ? {} : { aCodes: x.codes }),
      ...(dy.codes === undefined ? {} : { bCodes: dy.codes }),
    },
  );
  const node = g.nodes.at(-1);
  if (node === undefined || sizeOf(node.inputs[2]?.type.shape ?? []) !== 240) throw new RangeError('no node');
  return node;
}

/** Sizes and overrides of a dispatch with some of them changed. */
function changed(
  {
    sizes,
    overrides = {},
  }: { readonly sizes: Readonly<Record<string, number>>; readonly overrides?: Readonly<Record<string, number | boolean>> },
  change: Readonly<Record<string, number>>,
): { readonly sizes: Readonly<Record<string, number>>; readonly overrides: Readonly<Record<string, number | boolean>> } {
  const among = (own: object): Record<string, number> =>
    Object.fromEntries(Object.entries(change).filter(([name]) => name in own));
  return { sizes: { ...sizes, ...among(sizes) }, overrides: { ...overrides, ...among(overrides) } };
}
