import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/base/errors.ts';
import { sizeOf } from '../../src/base/shape.ts';
import { Graph } from '../../src/graph/index.ts';
import { f32, packOf, u32 } from '../../src/graph/types.ts';
import type { Type } from '../../src/graph/types.ts';
import { bitsOf, formatNamed } from '../../src/numerics/index.ts';
import { CAST_COUNTS, castError, overflowLimit, readPack, STATS, tensorStats } from '../../src/ops/tensor-stats.ts';
import { codeDtype } from '../../src/ops/quantize.ts';
import type { CastAttrs } from '../../src/ops/quantize.ts';
import { references } from '../reference/ops.ts';
import { noise, tensor } from '../reference/tensor.ts';
import { checkOp, repeated } from '../support/check-op.ts';
import { runGraph } from '../support/run-graph.ts';

const SPECIAL = [
  0,
  -0,
  NaN,
  Infinity,
  -Infinity,
  1,
  -0.99999994,
  448,
  464,
  465,
  -500,
  2 ** -9,
  2 ** -10,
  1e-45,
  -1e-39,
  3e38,
  0.3,
];

const PLAIN: CastAttrs = {
  format: 'e4m3',
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

/** Normals under a spread of powers of two, with zeros among them. */
function spread(shape: readonly number[], name: string, size = 1): Float64Array {
  return noise(sizeOf(shape), name).map((value, i) => (i % 7 === 0 ? 0 : Math.fround(value * 2 ** ((i % 31) - 20) * size)));
}

/** What `cast_error` reads of a cast of x, by the references. */
function castInputs(x: Float64Array, shape: readonly number[], cast: CastAttrs, amax: number, scale: number): Float64Array[] {
  const given = tensor(shape, x.map(Math.fround));
  const sources = [
    ...(cast.scaling === 'current' || cast.blockScale === 'e4m3' ? [tensor([1], [bitsOf(amax)])] : []),
    ...(cast.scaling === 'delayed' ? [tensor([1], [scale])] : []),
  ];
  const [codes, ...others] = references.quantize([given, ...sources], { ...cast, values: true, first: 0 });
  const [stats] = references.tensor_stats([given], {});
  const values = others.at(-1);
  if (codes === undefined || stats === undefined || values === undefined) throw new RangeError('a reference gave too little');
  return [given.data, stats.data, codes.data, values.data, ...others.slice(0, -1).map(({ data }) => data)];
}

const sums = { rtol: 1e-5, atol: 1e-30, because: 'f32 sums of some thousand squares, one rounding each' };

describe('statistics of tensors', () => {
  it.each([[[1]], [[3, 5, 7]], [[17, 33]], [[3, 4097]], [[71, 4096]]])('promise 3: counts of %j', async (shape) => {
    const data = (lane: number): Float64Array =>
      lane === 0 ? repeated(shape, SPECIAL, shape.length - 1) : spread(shape, `stats${lane}`, 10 ** (20 * (lane - 1)));
    await checkOp('tensor_stats', { types: [f32(...shape)], data: (lane) => [data(lane)], close: 'exact' });
  });

  it('put every power of two into its bin, and what lies outside into the first and the last', async () => {
    const g = new Graph();
    const powers = Array.from({ length: 256 }, (_, i) => 2 ** (i - 128));
    g.output('y', tensorStats(g, g.input('x', f32(256), 'micro')), 'micro');
    const [lane] = await runGraph(g, [{ inputs: { x: powers } }]);
    const words = new Uint32Array(lane?.outputs['y']?.buffer ?? new ArrayBuffer(0));
    const bins = [...words.subarray(STATS.histogram)];
    // 2^-128 .. 2^-72, then one each, then 2^23 .. 2^127.
    expect(bins).toEqual([57, ...Array.from({ length: 94 }, () => 1), 105]);
    expect([...words.subarray(0, 3)]).toEqual([0, 0, bitsOf(2 ** 127)]);
  });

  const block = { scaling: 'block', blockRows: 1, blockColumns: 32 } as const;
  it.each<[string, Partial<CastAttrs>, number]>([
    ['a plain cast', {}, 1],
    ['current scaling', { scaling: 'current', margin: 1 }, 2 ** -40],
    ['current scaling of gradients whose squares f32 does not have', { scaling: 'current', format: 'e5m2' }, 1e-32],
    ['a scale of the past that saturates', { scaling: 'delayed', powerOfTwo: false }, 100],
    ['e5m2 without saturation', { format: 'e5m2', saturate: false }, 3000],
    ['fp16', { format: 'fp16', saturate: false }, 300],
    ['bf16 of numbers near the largest f32', { format: 'bf16', saturate: false }, 1e34],
    ['f32, which changes nothing', { format: 'f32', saturate: false }, 1],
    ['MXFP8', { ...block, blockScale: 'e8m0' }, 1],
    ['MXFP4, upright', { ...block, format: 'e2m1', blockScale: 'e8m0', blockRows: 32, blockColumns: 1 }, 1],
    ['NVFP4', { ...block, format: 'e2m1', blockScale: 'e4m3', blockColumns: 16 }, 1],
    ['f32 scales of blocks', { ...block, blockScale: 'f32', blockRows: 32 }, 1],
  ])('promise 3: what %s does', async (_, change, size) => {
    const cast = { ...PLAIN, ...change };
    for (const shape of [[2, 32, 64], ...(cast.scaling === 'block' ? [] : [[3, 5, 7], [1], [3, 4097]])]) {
      const inputs = (lane: number): Float64Array[] => {
        const x = spread(shape, `cast${lane}`, size);
        if (lane === 0 && cast.scaling !== 'current') x.set(repeated(shape, SPECIAL).subarray(0, Math.min(17, x.length)));
        const amax = x.reduce((a, b) => (Number.isFinite(b) ? Math.max(a, Math.abs(b)) : a), 0);
        return castInputs(x, shape, cast, amax, 0.7);
      };
      const codes: Type = { dtype: codeDtype(formatNamed(cast.format)), shape };
      const scales = inputs(1)[4];
      const types = [
        f32(...shape),
        u32(STATS.words),
        codes,
        f32(...shape),
        ...(scales === undefined ? [] : [u32(scales.length)]),
      ];
      await checkOp('cast_error', { types, attrs: { format: cast.format }, data: inputs, close: ['exact', sums] });
    }
  });

  it('call overflow what lies beyond the largest value by more than half a step', async () => {
    const data = [448, 464, 464.01, -500, 447, 2 ** -9, 2 ** -10, 0];
    const inputs = castInputs(Float64Array.from(data), [8], PLAIN, 0, 1);
    const [counts] = references.cast_error(
      inputs.map((values) => tensor([values.length], values)),
      { format: 'e4m3' },
    );
    expect(counts?.data[CAST_COUNTS.overflow]).toBe(2);
    expect(counts?.data[CAST_COUNTS.underflow]).toBe(1);
    const limitOf = (name: string): number => overflowLimit(formatNamed(name)) * formatNamed(name).maxValue;
    for (const [name, limit] of Object.entries({ e4m3: 464, e5m2: 61440, e2m1: 7, e2m3: 7.75 }))
      expect(limitOf(name) / limit, name).toBeCloseTo(1, 6);
  });

  it('promise 3: read a pack without the space between its tensors, in every lane', async () => {
    const shapes = [[3], [2, 70], [1], [1025]];
    const g = new Graph();
    const members = shapes.map((shape, i) => readPack(g, g.input(`x${i}`, f32(...shape), 'micro')));
    g.output('y', readPack(g, g.pack(members, 'all')), 'micro');
    const data = (lane: number): Float32Array[] =>
      shapes.map((shape, i) => Float32Array.from(noise(sizeOf(shape), `${i}${lane}`)));
    const feeds = [0, 1, 2].map((lane) => ({ inputs: Object.fromEntries(data(lane).map((values, i) => [`x${i}`, values])) }));
    const results = await runGraph(g, feeds);
    for (const [lane, { outputs }] of results.entries())
      expect([...(outputs['y'] ?? [])]).toEqual(data(lane).flatMap((x) => [...x]));
    await checkOp('read_pack', { types: [u32(2, 5)], data: (lane) => [repeated([2, 5], [1, 2, lane])], close: 'exact' });
  });

  it('refuse what does not belong together', () => {
    const g = new Graph();
    const [x, other] = [g.input('x', f32(3, 32), 'micro'), g.input('y', f32(3), 'micro')];
    const stats = tensorStats(g, x);
    const codes = g.input('codes', { dtype: 'u8', shape: [3, 32] }, 'micro');
    expect(() => tensorStats(g, codes)).toThrow(ShapeError);
    expect(() => castError(g, { x, stats, codes, values: x }, 'bf16')).toThrow('the codes are not those of x in bf16');
    expect(() => castError(g, { x, stats: codes, codes, values: x }, 'e4m3')).toThrow('there are no statistics of x');
    expect(() => castError(g, { x, stats, codes, values: other }, 'e4m3')).toThrow('the values are not those of x');
    expect(() => castError(g, { x, stats, codes, values: x, scales: other }, 'e4m3')).toThrow('the scales are not u32');
    expect(() => readPack(g, g.input('packed', { ...packOf([[3]]), dtype: 'u8' }, 'micro'))).toThrow('the elements are no words');
  });
});
