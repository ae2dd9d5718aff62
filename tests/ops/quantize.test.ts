import { describe, expect, it } from 'vitest';
import { ShapeError, SpecError } from '../../src/base/errors.ts';
import { RandomSequence, STREAM } from '../../src/base/random.ts';
import { sizeOf } from '../../src/base/shape.ts';
import { Graph } from '../../src/graph/index.ts';
import { f32, printType, u32 } from '../../src/graph/types.ts';
import type { Type, Value } from '../../src/graph/types.ts';
import { amaxOf, castBlocks, castWords, currentScale, FORMATS, formatNamed } from '../../src/numerics/index.ts';
import type { BlockFormat, Rounding } from '../../src/numerics/index.ts';
import { amax } from '../../src/ops/amax.ts';
import type { AmaxOf } from '../../src/ops/amax.ts';
import { dequantize, quantize } from '../../src/ops/quantize.ts';
import type { CastAttrs, CastSources } from '../../src/ops/quantize.ts';
import { hardWords, oracleOf } from '../numerics/oracle.ts';
import { noise } from '../reference/tensor.ts';
import { checkOp, repeated } from '../support/check-op.ts';
import { unpackCodes } from '../support/codes.ts';
import { runGraph } from '../support/run-graph.ts';

const PLAIN: CastAttrs = {
  format: 'e4m3',
  scaling: 'none',
  powerOfTwo: true,
  margin: 0,
  rounding: 'nearest',
  saturate: true,
  tensor: 7,
  blockScale: 'none',
  blockRows: 0,
  blockColumns: 0,
};
const ROUNDINGS: readonly Rounding[] = ['nearest', 'zero', 'stochastic'];
const SPECIAL = [0, -0, 1, -1, 448, 464, 465, -500, 2 ** -9, 2 ** -10, 1.0625, 1.1875, 3e-45, -1e-39, 1e38, -3e38, 0.3];

interface Casting {
  readonly cast: CastAttrs & { readonly values: boolean; readonly first?: number };
  /** What the outputs are named after. */
  readonly name: string;
}

/** Nodes of one graph: what x is cast to by each cast, and that again as numbers. */
function castGraph(type: Type, castings: readonly Casting[]): Graph {
  const g = new Graph();
  const inputs = new Map<string, Value>();
  const input = (name: string, of: Type): Value => {
    const known = inputs.get(name) ?? g.input(name, of, 'micro');
    inputs.set(name, known);
    return known;
  };
  const x = input('x', type);
  const maxima = new Map<AmaxOf, Value>();
  const amaxFor = (of: AmaxOf): Value => {
    const known = maxima.get(of) ?? amax(g, x, { of });
    maxima.set(of, known);
    return known;
  };
  for (const { cast, name } of castings) {
    const sources: CastSources = {
      ...(cast.scaling === 'current' ? { amax: amaxFor('all') } : {}),
      ...(cast.blockScale === 'e4m3' ? { amax: amaxFor('finite') } : {}),
      ...(cast.scaling === 'delayed' ? { scale: input(cast.powerOfTwo ? 'power' : 'scale', f32(1)) } : {}),
      ...(cast.rounding === 'stochastic' ? { draw: input('draw', u32(2)) } : {}),
    };
    const { codes, scales, values } = quantize(g, x, cast, sources, name);
    g.output(`${name} codes`, codes, 'micro');
    if (scales !== undefined) g.output(`${name} scales`, scales, 'micro');
    if (values !== undefined) g.output(`${name} values`, values, 'micro');
    g.output(`${name} again`, dequantize(g, codes, scales, cast, name), 'micro');
  }
  return g;
}

const bits = ({ buffer, byteOffset, length }: Float32Array): Uint32Array => new Uint32Array(buffer, byteOffset, length);

/** Where two lists of words first differ; -1 where they do not. */
function firstDifference(got: ArrayLike<number>, want: ArrayLike<number>): number {
  return got.length === want.length ? Array.from(want).findIndex((word, i) => word !== got[i]) : 0;
}

/** Names of the outputs that are not what they should be. */
function wrong(
  outputs: Readonly<Record<string, Float32Array>>,
  want: Readonly<Record<string, ArrayLike<number>>>,
  codes: Type,
): string[] {
  expect(Object.keys(outputs).toSorted()).toEqual(Object.keys(want).toSorted());
  return Object.entries(want).flatMap(([name, words]) => {
    const got = bits(outputs[name] ?? new Float32Array(0));
    const found = name.endsWith(' codes') ? unpackCodes(got, codes.dtype, sizeOf(codes.shape)) : got;
    const at = firstDifference(found, words);
    return at < 0 ? [] : [`${name} at ${at}: got ${found[at]}, want ${words[at]}`];
  });
}

const SHAPE = [7, 11, 13];
const SIZE = sizeOf(SHAPE);
const POWER = 2 ** -5;
const SCALE = Math.fround(37.7);

/** Words for three lanes: of all kinds, without NaN and Inf, and so small that the scale is the largest there is. */
function lanesFor(name: string): readonly Uint32Array<ArrayBuffer>[] {
  const format = formatNamed(name);
  const hard = hardWords(oracleOf(format.bits <= 16 ? format : FORMATS.fp16), format.bits <= 8 ? 1 : 97);
  const sequence = new RandomSequence(format.bits, STREAM.fit);
  const any = Uint32Array.from({ length: SIZE }, (_, i) =>
    i % 3 === 0 ? sequence.bits() : (hard[(i * 101) % hard.length] ?? 0),
  );
  const numbers = any.map((word) => ((word & 0x7f800000) === 0x7f800000 ? (word & 0x807fffff) | 0x3f000000 : word) >>> 0);
  return [
    any,
    numbers.map((word) => ((word & 0x7fffffff) > 0x4fffffff ? (word & 0xcfffffff) >>> 0 : word)),
    any.map((word) => (word & 0x803fffff) >>> 0),
  ];
}

describe('quantize is castWords in every bit, and dequantize gives its values', () => {
  // Every format meets every scaling and every rounding; E4M3 all pairs of them.
  it.each(Object.keys(FORMATS))('%s: every scaling and rounding, in three lanes', async (format) => {
    const scalings = [
      { scaling: 'none', powerOfTwo: false },
      { scaling: 'current', powerOfTwo: true },
      { scaling: 'current', powerOfTwo: false, margin: 3 },
      { scaling: 'delayed', powerOfTwo: true },
      { scaling: 'delayed', powerOfTwo: false },
    ] as const;
    const castings = scalings.flatMap((scaling, i) =>
      ROUNDINGS.flatMap((rounding, j): Casting[] => {
        if (format !== 'e4m3' && (i + format.length) % 3 !== j) return [];
        const saturate = (i + j) % 2 === 0;
        const cast = { ...PLAIN, format, rounding, saturate, values: (i + j) % 3 < 2, first: 4 * j, ...scaling };
        return [{ cast, name: `${scaling.scaling} ${scaling.powerOfTwo} ${rounding}` }];
      }),
    );
    const lanes = lanesFor(format);
    const feeds = lanes.map((words, lane) => ({
      inputs: { x: new Float32Array(words.buffer), power: [POWER], scale: [SCALE], draw: [lane + 5, 0x80000001] },
    }));
    const graph = castGraph(f32(...SHAPE), castings);
    const results = await runGraph(graph, feeds);
    for (const [lane, words] of lanes.entries()) {
      const want: Record<string, ArrayLike<number>> = {};
      for (const { cast, name } of castings) {
        const { first, rounding: round, saturate } = cast;
        const current = currentScale(amaxOf(words), formatNamed(format), cast);
        const scale = { none: 1, current, delayed: cast.powerOfTwo ? POWER : SCALE, block: 1 }[cast.scaling];
        const draw = { seed: lane + 5, tensor: 7, step: 0x80000001 };
        const whole = Uint32Array.from([...new Uint32Array(first ?? 0), ...words]);
        const { codes, values } = castWords(whole, formatNamed(format), { round, saturate, scale, draw });
        want[`${name} codes`] = codes.slice(first);
        want[`${name} again`] = values.slice(first);
        if (cast.values) want[`${name} values`] = values.slice(first);
        if (cast.scaling !== 'none') want[`${name} scales`] = new Uint32Array(Float32Array.of(1 / scale).buffer);
      }
      const codes = graph.outputs.find(({ name }) => name.endsWith(' codes'))?.value.type ?? f32();
      expect(wrong(results[lane]?.outputs ?? {}, want, codes)).toEqual([]);
    }
  });

  it.each(['alone', 'plain'])('%s kernels: a lane has the bits of its lone run, at every tail of a word', async (variant) => {
    for (const size of [1, 2, 3, 5, 9, 4099]) {
      const castings = ['e2m1', 'e4m3', 'bf16'].map((format): Casting => {
        return { cast: { ...PLAIN, format, scaling: 'current', rounding: 'stochastic', values: true }, name: format };
      });
      const feeds = [0, 1, 2].map((lane) => ({ inputs: { x: noise(size, `x${lane}`), draw: [lane, 3] } }));
      const graph = castGraph(f32(size), castings);
      const options = { variants: { quantize: variant } };
      const together = await runGraph(graph, feeds, options);
      const [lone] = await runGraph(graph, feeds.slice(2), options);
      for (const [name, values] of Object.entries(lone?.outputs ?? {}))
        expect(firstDifference(bits(together[2]?.outputs[name] ?? new Float32Array(0)), bits(values))).toBe(-1);
    }
  });
});

describe('quantize in blocks is castBlocks in every bit, and dequantize gives its values', () => {
  const BLOCKS = [
    { rows: 1, columns: 16 },
    { rows: 3, columns: 1 },
    { rows: 2, columns: 5 },
  ];
  /** Rows of very different size, on the right of a lane with NaN and Inf among them, and a row of zeros. */
  const lanes = [0, 1, 2].map((lane) =>
    Float32Array.from(noise(6 * 80, `blocks${lane}`), (value, i) => {
      if (i % 80 < 17) return lane === 1 && i % 80 === 16 ? (i > 200 ? NaN : -Infinity) : 0;
      return value * 2 ** (40 * (Math.floor(i / 5) % 7) * (lane - 1)) * (lane === 2 && i > 300 ? 2 ** -140 : 1);
    }),
  );

  it.each(['e4m3', 'e5m2', 'e2m3', 'e3m2', 'e2m1'])(
    '%s under every kind of scale, lying, standing and square',
    async (element) => {
      const castings = (['e8m0', 'e4m3', 'f32'] as const).flatMap((blockScale, i) =>
        BLOCKS.flatMap(({ rows, columns }, j): Casting[] => {
          if (element !== 'e2m1' && (i + Number(element[1])) % 3 !== j) return [];
          const rounding = ROUNDINGS[(i + j) % 3] ?? 'nearest';
          const blocks = { blockScale, blockRows: rows, blockColumns: columns };
          const cast = { ...PLAIN, format: element, scaling: 'block', rounding, values: j !== 1, ...blocks } as const;
          return [{ cast, name: `${blockScale} ${rows}x${columns}` }];
        }),
      );
      const graph = castGraph(f32(2, 3, 80), castings);
      const feeds = lanes.map((x, lane) => ({ inputs: { x, draw: [9, lane] } }));
      const [results, lone] = [await runGraph(graph, feeds), await runGraph(graph, feeds.slice(1, 2))];
      expect(Object.values(lone[0]?.outputs ?? {}).map(bits)).toEqual(Object.values(results[1]?.outputs ?? {}).map(bits));
      for (const [lane, x] of lanes.entries()) {
        const want: Record<string, ArrayLike<number>> = {};
        for (const { cast, name } of castings) {
          if (cast.blockScale === 'none') continue;
          const format: BlockFormat = {
            name,
            element: formatNamed(element),
            scale: cast.blockScale,
            rows: cast.blockRows,
            columns: cast.blockColumns,
          };
          const draw = { seed: 9, tensor: 7, step: lane };
          const casts = castBlocks(x, [6, 80], format, { round: cast.rounding, draw });
          const packed = new Uint32Array(Math.ceil(casts.scales.length / 4));
          new Uint8Array(packed.buffer).set(casts.scales);
          const scale = new Uint32Array(Float32Array.of(casts.tensorScale).buffer);
          want[`${name} codes`] = casts.codes;
          want[`${name} scales`] = [...scale, ...(cast.blockScale === 'f32' ? casts.scales : packed)];
          want[`${name} again`] = bits(casts.values);
          if (cast.values) want[`${name} values`] = bits(casts.values);
        }
        const codes = graph.outputs.find(({ name }) => name.endsWith(' codes'))?.value.type ?? f32();
        expect(wrong(results[lane]?.outputs ?? {}, want, codes)).toEqual([]);
      }
    },
  );
});

describe('ops of casts', () => {
  const x = (lane: number): Float64Array => repeated([3, 5, 7], SPECIAL, lane);

  it.each([
    ['none', {}, []],
    ['current', { scaling: 'current', margin: 1 }, [Float64Array.of(0x40a00000)]],
    ['delayed', { scaling: 'delayed', format: 'e5m2', powerOfTwo: false }, [Float64Array.of(0.7)]],
    ['drawn', { format: 'bf16', rounding: 'stochastic', saturate: false }, [Float64Array.of(3, 4)]],
    ['words', { format: 'f32', rounding: 'zero' }, []],
  ] as const)('promise 3: quantize and dequantize follow their references: %s', async (_, change, sources) => {
    const attrs = { ...PLAIN, ...change, first: 0, values: true };
    const types = [f32(3, 5, 7), ...sources.map((data) => (data[0] === 0.7 ? f32(1) : u32(data.length)))];
    await checkOp('quantize', { types, attrs, data: (lane) => [x(lane), ...sources], close: 'exact' });
    const dtype = { e4m3: 'u8', e5m2: 'u8', bf16: 'u16', f32: 'u32' } as const;
    const codes: Type = { dtype: dtype['format' in change ? change.format : 'e4m3'], shape: [3, 5, 7] };
    const limit = codes.dtype === 'u8' ? 256 : 65536;
    const scales = attrs.scaling === 'none' ? [] : [Float64Array.of(0x3f000000)];
    await checkOp('dequantize', {
      types: [codes, ...scales.map(() => u32(1))],
      attrs,
      data: (lane) => [repeated([3, 5, 7], [0, 1, 126, 128, limit - 20, 77, 50, 200], lane), ...scales],
      close: 'exact',
    });
  });

  it.each([
    ['e8m0', 1, 32, 'e4m3'],
    ['e4m3', 1, 16, 'e2m1'],
    ['e8m0', 16, 1, 'e2m3'],
    ['f32', 16, 64, 'e4m3'],
  ] as const)('promise 3: in blocks under scales of %s, %i x %i of %s', async (blockScale, blockRows, blockColumns, format) => {
    const blocks = { blockScale, blockRows, blockColumns };
    const attrs = { ...PLAIN, scaling: 'block', format, ...blocks, first: 0, values: true } as const;
    const shape = [2, 16, 64];
    const types = [f32(...shape), ...(blockScale === 'e4m3' ? [u32(1)] : [])];
    const data = (lane: number): readonly Float64Array[] => {
      const values = Float64Array.from(noise(sizeOf(shape), `lane${lane}`, 10 ** (lane - 1)), Math.fround);
      const largest = new Uint32Array(Float32Array.of(values.reduce((a, b) => Math.max(a, Math.abs(b)), 0)).buffer);
      return [values, Float64Array.from(largest)].slice(0, types.length);
    };
    await checkOp('quantize', { types, attrs, data, close: 'exact' });
  });

  it.each([
    ['all', [3, 5, 7]],
    ['finite', [3, 5, 7]],
    ['causal', [2, 9, 9]],
    ['all', [1]],
    ['causal', [1, 1]],
    ['all', [3, 4097]],
    ['finite', [71, 4096]],
  ] as const)('amax of %s elements, %s', async (of, shape) => {
    const values = (lane: number): Float64Array => {
      const data = noise(sizeOf(shape), `amax${lane}`);
      // Lane 0 has NaN above Inf, lane 1 Inf, lane 2 neither; all of them right of the diagonal too.
      if (lane < 1) data[Math.floor(data.length / 2)] = NaN;
      if (lane < 2) data[data.length - 1] = -Infinity;
      data[Math.min(3, data.length - 1)] = of === 'causal' && data.length > 1 ? NaN : -4 - lane;
      return data;
    };
    await checkOp('amax', { types: [f32(...shape)], attrs: { of }, data: (lane) => [values(lane)], close: 'exact' });
  });

  it('pack codes: what is kept is a word for eight, four or two elements', () => {
    const g = new Graph();
    const x = g.input('x', f32(3, 32), 'micro');
    const typesOf = (change: Partial<CastAttrs>): string[] =>
      Object.values<Value>({ ...quantize(g, x, { ...PLAIN, ...change, values: false }, {}) }).map(({ type }) => printType(type));
    expect(typesOf({ format: 'bf16' })).toEqual(['u16[3,32]']);
    expect(typesOf({ format: 'e2m3' })).toEqual(['u8[3,32]']);
    const mx = { scaling: 'block', format: 'e2m1', blockScale: 'e8m0', blockRows: 1, blockColumns: 32 } as const;
    expect(typesOf(mx)).toEqual(['u4[3,32]', 'u32[2]']);
    expect(typesOf({ ...mx, blockScale: 'f32', blockColumns: 16 })).toEqual(['u4[3,32]', 'u32[7]']);
  });

  const block = { scaling: 'block', blockScale: 'e8m0', blockRows: 1, blockColumns: 32 } as const;
  it.each<[Partial<CastAttrs>, string]>([
    [{ ...block, blockColumns: 24 }, 'blocks of 1x24 do not divide 32 columns'],
    [{ ...block, blockRows: 2 }, 'blocks of 2x32 do not divide 3 rows'],
    [{ ...block, blockScale: 'none' }, 'blocks have scales, elements of at most 8 bits, and saturate'],
    [{ ...block, format: 'bf16' }, 'blocks have scales, elements of at most 8 bits, and saturate'],
    [{ blockScale: 'f32' }, 'scaling none has no blocks'],
    [{ margin: 1000 }, 'margin 1000 is not a whole number of 0..32'],
    [{ tensor: -1 }, 'tensor -1 is not a u32'],
    [{ scaling: 'current' }, 'scaling current, rounding nearest: 2 inputs'],
    [{ rounding: 'stochastic' }, 'scaling none, rounding stochastic: 2 inputs'],
  ])('%j is refused', (change, says) => {
    const g = new Graph();
    const x = g.input('x', f32(3, 32), 'micro');
    expect(() => quantize(g, x, { ...PLAIN, ...change, values: true }, {})).toThrow(ShapeError);
    expect(() => quantize(g, x, { ...PLAIN, ...change, values: true }, {})).toThrow(says);
  });

  it('refuse formats that do not exist, sources and codes of other tensors', () => {
    const g = new Graph();
    const x = g.input('x', f32(3, 3000), 'micro');
    expect(() => quantize(g, x, { ...PLAIN, format: 'e0m7', values: true }, {})).toThrow(SpecError);
    const other = amax(g, g.input('y', f32(3), 'micro'), { of: 'all' });
    const scaled = (sources: CastSources): unknown => quantize(g, x, { ...PLAIN, scaling: 'current', values: true }, sources);
    expect(() => scaled({ amax: x })).toThrow('the amax is not u32[P]');
    expect(() => scaled({ amax: other, amaxAt: [0, 2] })).toThrow('the amax has no words 0 to 2');
    expect(() => scaled({ amax: other, amaxAt: [0, 1] })).not.toThrow();
    expect(() => dequantize(g, other, undefined, PLAIN)).toThrow('the codes are not those of e4m3');
    expect(() => amax(g, x, { of: 'causal' })).toThrow('causal elements are those of squares');
  });
});
