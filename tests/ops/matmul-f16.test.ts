import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sizeOf } from '../../src/base/shape.ts';
import { variantsFor } from '../../src/engine/plan.ts';
import { planProgram, Program, Store, tryPath } from '../../src/engine/index.ts';
import type { Verdict } from '../../src/engine/index.ts';
import { Gpu } from '../../src/gpu/device.ts';
import { kernelSource } from '../../src/gpu/kernel.ts';
import { openNodeGpu } from '../../src/gpu/node-adapter.ts';
import { Graph } from '../../src/graph/graph.ts';
import { f32 } from '../../src/graph/types.ts';
import type { Node } from '../../src/graph/types.ts';
import { floatOf } from '../../src/numerics/bits.ts';
import { decode } from '../../src/numerics/cast.ts';
import { formatNamed } from '../../src/numerics/format.ts';
import { amax } from '../../src/ops/amax.ts';
import { matmulNode } from '../../src/ops/matmul.ts';
import type { Caps, Dispatch, Op } from '../../src/ops/op.ts';
import { quantize } from '../../src/ops/quantize.ts';
import type { CastAttrs } from '../../src/ops/quantize.ts';
import { opOf } from '../../src/ops/table.ts';
import { noise } from '../reference/tensor.ts';
import { expectClose } from '../support/close.ts';

const UNSCALED: CastAttrs = {
  format: 'fp16',
  scaling: 'none',
  powerOfTwo: true,
  margin: 0,
  rounding: 'nearest',
  saturate: true,
  tensor: 0,
  blockScale: 'none',
  blockRows: 0,
  blockColumns: 0,
};
const INFINITE: CastAttrs = { ...UNSCALED, saturate: false };
const scaled = (format: string, powerOfTwo = true): CastAttrs => ({ ...UNSCALED, format, scaling: 'current', powerOfTwo });
const MXFP8: CastAttrs = { ...scaled('e4m3'), scaling: 'block', blockScale: 'e8m0', blockRows: 1, blockColumns: 8 };

interface Case {
  readonly name: string;
  readonly a: CastAttrs | undefined;
  readonly b: CastAttrs | undefined;
  /** M, N, K. */
  readonly sizes: readonly [number, number, number];
  readonly transpose?: 'NN' | 'NT' | 'TN';
  readonly bias?: true;
  readonly columnSums?: true;
  /** A has a NaN in one row, an infinity in another. */
  readonly wild?: true;
  /** Large tiles are tried too. */
  readonly large?: true;
}

const CASES: readonly Case[] = [
  { name: 'E4M3 by E5M2', a: scaled('e4m3'), b: scaled('e5m2'), sizes: [13, 17, 21], transpose: 'TN', columnSums: true },
  { name: 'E5M2 by E4M3', a: scaled('e5m2'), b: scaled('e4m3'), sizes: [37, 9, 33], transpose: 'NT', bias: true, large: true },
  { name: 'fp16', a: UNSCALED, b: UNSCALED, sizes: [12, 10, 19] },
  { name: 'fp16 with NaN and Inf', a: INFINITE, b: INFINITE, sizes: [11, 9, 18], transpose: 'NT', wild: true },
  { name: 'FP4 by FP6', a: scaled('e2m1'), b: scaled('e3m2'), sizes: [9, 40, 8] },
];

/** With all that the adapter offers. */
let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.open(await openNodeGpu());
});
afterAll(() => gpu.close());

function shapesOf({ sizes: [M, N, K], transpose = 'NN' }: Pick<Case, 'sizes' | 'transpose'>): readonly [number[], number[]] {
  return [transpose === 'TN' ? [K, M] : [M, K], transpose === 'NT' ? [N, K] : [K, N]];
}

function graphOf(c: Pick<Case, 'a' | 'b' | 'sizes' | 'transpose' | 'bias' | 'columnSums'>): { graph: Graph; node: Node } {
  const graph = new Graph();
  const shapes = shapesOf(c);
  const operand = (name: 'a' | 'b', shape: readonly number[], cast: CastAttrs | undefined) => {
    const x = graph.input(name, f32(...shape), 'step');
    if (cast === undefined) return { x, codes: undefined };
    const { scaling } = cast;
    const sources = {
      ...(scaling === 'current' ? { amax: amax(graph, x, { of: 'all' }) } : {}),
      ...(scaling === 'delayed' ? { scale: graph.input(`${name} scale`, f32(1), 'step') } : {}),
    };
    const { codes, scales } = quantize(graph, x, { ...cast, values: false }, sources);
    return { x: codes, codes: { cast, scales } };
  };
  const [a, b] = [operand('a', shapes[0], c.a), operand('b', shapes[1], c.b)];
  const outputs = matmulNode(graph, a.x, b.x, {
    transposeA: c.transpose === 'TN',
    transposeB: c.transpose === 'NT',
    columnSums: c.columnSums === true,
    ...(a.codes === undefined ? {} : { aCodes: a.codes }),
    ...(b.codes === undefined ? {} : { bCodes: b.codes }),
    ...(c.bias === true ? { bias: graph.input('bias', f32(c.sizes[1]), 'step') } : {}),
  });
  outputs.forEach((value, i) => graph.output(`out${i}`, value, 'step'));
  const [y] = outputs;
  if (y === undefined) throw new RangeError('a matmul gives something');
  return { graph, node: y.node };
}

/** From row to row a thousandth: formats of few exponents have subnormals in the later ones, and zeros. */
function spread(shape: readonly number[], name: string): Float64Array {
  return noise(sizeOf(shape), name).map((value, i) => value * 2 ** (-2 * Math.floor(i / (shape[1] ?? 1))));
}

function lane(c: Case, i: number): Readonly<Record<string, ArrayLike<number>>> {
  const [shape, right] = shapesOf(c);
  const a = spread(shape, `a${i}`);
  if (c.wild === true) a.set([NaN, 1, Infinity], (shape[1] ?? 1) - 2);
  return { a, b: spread(right, `b${i}`), ...(c.bias === true ? { bias: noise(c.sizes[1], `bias${i}`) } : {}) };
}

type Lanes = readonly Readonly<Record<string, ArrayLike<number>>>[];

/** Every output of every lane, computed by a variant that is for GPUs. */
async function run(graph: Graph, variant: string, lanes: Lanes): Promise<readonly (readonly Float32Array[])[]> {
  const plan = planProgram(graph, { caps: onGpu(), lanes: lanes.length, slots: 1, variants: { matmul: variant } });
  const store = new Store(gpu, lanes.length);
  const program = await Program.create(store, plan);
  try {
    for (const [i, inputs] of lanes.entries()) {
      for (const [name, data] of Object.entries(inputs)) program.slot(name, 0).set(data, i * data.length);
    }
    const reading = await program.run(1);
    return lanes.map((_, i) =>
      graph.outputs.map(({ name }) => {
        const all = reading.get(name, 0);
        return all.slice((i * all.length) / lanes.length, ((i + 1) * all.length) / lanes.length);
      }),
    );
  } finally {
    program.destroy();
    store.destroy();
  }
}

/** The adapter as one that is no CPU, with half precision or as it is. */
function onGpu(f16 = gpu.caps.f16): Caps {
  return { ...gpu.caps, software: false, f16 };
}

/** Variants that keep operands as f16, on an adapter that has it. */
function halves(node: Node, f16 = true): readonly string[] {
  return variantsFor(node, onGpu(f16), new Set()).flatMap(({ name }) => (name.endsWith('-f16') ? [name] : []));
}

const ALL_HALVES = ['tiled-128-f16', 'tiled-64-f16', 'tiled-32-f16', 'tiled-64-8x8-f16'];

describe('a matmul in half precision', () => {
  it('promise 5: serves nothing without the feature, and says so where it is asked for', () => {
    const { graph, node } = graphOf({ a: scaled('e4m3'), b: scaled('e4m3'), sizes: [16, 16, 16] });
    expect(halves(node)).toEqual(ALL_HALVES);
    expect(halves(node, false)).toEqual([]);
    const forced = () => planProgram(graph, { caps: onGpu(false), variants: { matmul: 'tiled-32-f16' } });
    expect(forced).toThrow('variant tiled-32-f16 does not serve it on this adapter');
    expect(gpu.caps.f16).toBe(gpu.report.features.includes('shader-f16'));
  });

  it('is left to the tuner', () => {
    for (const M of [16, 4096]) {
      const { node } = graphOf({ a: scaled('e4m3'), b: scaled('e4m3'), sizes: [M, 2048, 16] });
      expect(variantsFor(node, onGpu(true), new Set())[0]?.name).not.toContain('f16');
    }
  });

  it.each([
    ['E4M3 and E5M2', scaled('e4m3'), scaled('e5m2'), true],
    ['FP4 and FP6', scaled('e2m1'), scaled('e2m3'), true],
    ['fp16 unscaled', UNSCALED, UNSCALED, true],
    ['a delayed scale', { ...scaled('e5m2'), scaling: 'delayed' }, scaled('e4m3'), true],
    ['a format without a name', scaled('e3m4-fn'), scaled('e3m4-fn'), true],
    ['bf16, whose exponents are those of f32', scaled('e4m3'), { ...UNSCALED, format: 'bf16' }, false],
    ['more mantissa bits', scaled('e5m11'), scaled('e4m3'), false],
    ['one more exponent bit', scaled('e6m2'), scaled('e4m3'), false],
    ['numbers up to 2^16', scaled('e5m2-finite'), scaled('e4m3'), false],
    ['scales of blocks', MXFP8, MXFP8, false],
    ['one operand that is f32', scaled('e4m3'), undefined, false],
  ] as const)('takes only codes whose every number is one of f16: %s', (_, a, b, taken) => {
    expect(halves(graphOf({ a, b, sizes: [16, 16, 16] }).node)).toEqual(taken ? ALL_HALVES : []);
  });

  it('asks for the feature before all else, and only where it is used', () => {
    for (const kernel of ['matmul/tiled', 'matmul/tiled-8x8']) {
      const directives = (loads: string): readonly string[] =>
        kernelSource(kernel, { LOADS: loads, WIDTH: 1, STORED: 'none' })
          .code.split('\n')
          .filter((line) => line !== '' && !line.startsWith('//'));
      expect(directives('f16')[0]).toBe('enable f16;');
      for (const loads of ['f32', 'coded', 'vec4']) expect(directives(loads).join('\n')).not.toMatch(/f16|vec4h/);
    }
  });

  it.each(CASES)(
    'has the bits of f32 tiles under scales that are powers of two, and promise 2: in every lane: $name',
    { timeout: 240_000 },
    async (c) => {
      const { graph, node } = graphOf(c);
      const lanes = [0, 1, 2].map((i) => lane(c, i));
      const served = halves(node, gpu.caps.f16).filter((name) => c.large === true || name === 'tiled-32-f16');
      expect(served.length).toBe(gpu.caps.f16 ? (c.large === true ? ALL_HALVES.length : 1) : 0);
      const want = await run(graph, 'tiled-32', lanes);
      expect(want.flat().every((values) => values.some((value) => value !== 0))).toBe(true);
      for (const variant of served) {
        expect(await run(graph, variant, lanes), variant).toEqual(want);
        expect(await run(graph, variant, lanes.slice(2)), variant).toEqual(want.slice(2));
      }
    },
  );

  it('is as near to f32 tiles as a scale that is multiplied in the end allows', { timeout: 120_000 }, async () => {
    const c = { name: '', a: scaled('e4m3', false), b: scaled('e5m2', false), sizes: [13, 18, 40], columnSums: true } as const;
    const { graph } = graphOf(c);
    const lanes = [lane(c, 0), lane(c, 1)];
    const want = await run(graph, 'tiled-32', lanes);
    const got = gpu.caps.f16 ? await run(graph, 'tiled-32-f16', lanes) : want;
    for (const [i, outputs] of want.entries()) {
      for (const [j, values] of outputs.entries()) {
        const scale = Math.max(...values.map(Math.abs));
        const because = `lane ${i}, output ${j}: each of 40 terms is rounded where its scale is not a power of two`;
        expectClose(got[i]?.[j] ?? [], values, { rtol: 1e-6, atol: 4e-6 * scale, because });
      }
    }
  });
});

describe('the check of a matmul of codes', () => {
  /** What is found of a variant, put in front of the op's own, after `change`. */
  async function verdictOf(node: Node, variant: string, change: (dispatch: Dispatch) => Dispatch): Promise<Verdict> {
    const op: Op = opOf(node.op);
    const { variants } = op;
    const tried = variants.find(({ name }) => name === variant);
    const lower = (of: Node): readonly Dispatch[] => tried?.lower(of, onGpu()).map(change) ?? [];
    Object.assign(op, { variants: [{ name: 'tried', supports: () => true, lower }, ...variants] });
    try {
      return await tryPath(gpu, { node, variant: 'tried', key: node.op });
    } finally {
      Object.assign(op, { variants });
    }
  }

  it('promise 4: passes tiles of f16 where there is f16, and sees a scale that is left out', { timeout: 120_000 }, async () => {
    const { node } = graphOf({ a: scaled('e4m3'), b: scaled('e5m2'), sizes: [16, 12, 24], bias: true });
    const variant = gpu.caps.f16 ? 'tiled-32-f16' : 'tiled-32';
    expect(await verdictOf(node, variant, (dispatch) => dispatch)).toMatchObject({ ok: true });
    for (const operand of ['A', 'B']) {
      const left = { [`${operand}_SCALING`]: 0, ...(gpu.caps.f16 ? { [`${operand}_SCALED`]: false } : {}) };
      const unscaled = (dispatch: Dispatch): Dispatch => ({ ...dispatch, overrides: { ...dispatch.overrides, ...left } });
      expect(await verdictOf(node, variant, unscaled)).toMatchObject({ ok: false });
    }
  });

  it.each([
    [scaled('e4m3'), scaled('e5m2'), 1],
    [scaled('e5m2'), scaled('e4m3'), 0],
    [scaled('e5m2'), scaled('e5m2'), 0],
    [UNSCALED, UNSCALED, 0],
  ] as const)('promise 4: is made on subnormals of f16 where a format has them: %#', (a, b, small) => {
    const { node } = graphOf({ a, b, sizes: [16, 32, 32] });
    const products = [0, 1].map((input) => {
      const format = formatNamed((input === 0 ? a : b).format);
      const values = Array.from(
        { length: (512 * format.bits) / 32 },
        (_, i) => opOf('matmul').words?.(node, input, i) ?? 0,
      ).flatMap((word) =>
        Array.from({ length: 32 / format.bits }, (_, place) =>
          floatOf(decode((word >>> (place * format.bits)) & (2 ** format.bits - 1), format)),
        ),
      );
      return { largest: Math.max(...values.map(Math.abs)), tiny: values.filter((x) => x !== 0 && Math.abs(x) < 2 ** -14).length };
    });
    expect(products[small]?.largest).toBeLessThanOrEqual(2 ** -13);
    expect(products[small]?.tiny).toBeGreaterThan(150);
    expect((products[0]?.largest ?? 0) * (products[1]?.largest ?? 0)).toBeGreaterThan(2 ** -32);
  });
});
