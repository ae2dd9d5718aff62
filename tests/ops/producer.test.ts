import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/base/errors.ts';
import { sizeOf } from '../../src/base/shape.ts';
import { Graph } from '../../src/graph/graph.ts';
import { f32, u32 } from '../../src/graph/types.ts';
import type { Attrs, Type, Value } from '../../src/graph/types.ts';
import { amax } from '../../src/ops/amax.ts';
import { HYPER_SIZE } from '../../src/ops/hyper.ts';
import { addOp } from '../../src/ops/op.ts';
import { producedBy, withAmax, withCast } from '../../src/ops/producer.ts';
import { quantize } from '../../src/ops/quantize.ts';
import type { CastAttrs } from '../../src/ops/quantize.ts';
import { opOf } from '../../src/ops/table.ts';
import { noise } from '../reference/tensor.ts';
import { checkOp } from '../support/check-op.ts';
import { runGraph, testGpu } from '../support/run-graph.ts';

/** One part, an odd number of columns, parts with a rest, and rows that are longer than a part. */
const SHAPES: readonly (readonly number[])[] = [
  [1, 1],
  [3, 5],
  [2, 33, 4],
  [83, 50],
  [300, 36],
  [3, 4100],
];

interface Maker {
  readonly op: string;
  readonly attrs: Attrs;
  types(shape: readonly number[]): readonly Type[];
}

const row = (shape: readonly number[]): Type => f32(shape.at(-1) ?? 1);
const stats = (shape: readonly number[]): Type => f32(sizeOf(shape.slice(0, -1)), 2);
const stat = (shape: readonly number[]): Type => f32(sizeOf(shape.slice(0, -1)));
const targets = (shape: readonly number[]): Type => u32(sizeOf(shape.slice(0, -1)));
const doubled = (shape: readonly number[]): Type => f32(...shape.slice(0, -1), 2 * (shape.at(-1) ?? 1));

const MAKERS: readonly Maker[] = [
  {
    op: 'norm',
    attrs: { kind: 'layernorm', bias: true, eps: 1e-5 },
    types: (shape) => [f32(...shape), row(shape), row(shape)],
  },
  {
    op: 'residual_norm',
    attrs: { kind: 'rmsnorm', bias: false, eps: 1e-5 },
    types: (shape) => [f32(...shape), f32(...shape), row(shape)],
  },
  {
    op: 'norm_backward',
    attrs: { kind: 'layernorm', addend: true },
    types: (shape) => [f32(...shape), f32(...shape), row(shape), stats(shape), f32(...shape)],
  },
  {
    op: 'norm_backward',
    attrs: { kind: 'rmsnorm', addend: false },
    types: (shape) => [f32(...shape), f32(...shape), row(shape), stats(shape)],
  },
  { op: 'add', attrs: {}, types: (shape) => [f32(...shape), f32(...shape)] },
  { op: 'activation', attrs: { kind: 'gelu', cap: 0 }, types: (shape) => [f32(...shape)] },
  { op: 'activation_backward', attrs: { kind: 'relu2', cap: 0 }, types: (shape) => [f32(...shape), f32(...shape)] },
  { op: 'swiglu', attrs: {}, types: (shape) => [doubled(shape)] },
  { op: 'swiglu_backward', attrs: {}, types: (shape) => [f32(...shape), doubled(shape)] },
  {
    op: 'cross_entropy_fused',
    attrs: { scale: 0.25 },
    types: (shape) => [f32(...shape), targets(shape), f32(HYPER_SIZE)],
  },
  {
    op: 'cross_entropy_backward',
    attrs: {},
    types: (shape) => [f32(...shape), targets(shape), stat(shape), f32(HYPER_SIZE), stat(shape)],
  },
];

/** Attention, of B sequences of T tokens. */
interface Heads {
  readonly B: number;
  readonly T: number;
  readonly H: number;
  readonly Hkv: number;
  readonly D: number;
  readonly base?: number;
  readonly qkNorm?: true;
}

/** Heads of whole vectors and others, several workgroups, what is prepared in every way, and more workgroups than there may be parts. */
const HEADS: readonly Heads[] = [
  { B: 2, T: 70, H: 3, Hkv: 1, D: 4 },
  { B: 1, T: 9, H: 2, Hkv: 2, D: 5 },
  { B: 1, T: 131, H: 1, Hkv: 1, D: 32 },
  { B: 2, T: 17, H: 2, Hkv: 1, D: 8, base: 100 },
  { B: 2, T: 17, H: 2, Hkv: 2, D: 4, base: 100 },
  { B: 1, T: 66, H: 2, Hkv: 1, D: 8, base: 100, qkNorm: true },
  { B: 345, T: 1, H: 3, Hkv: 1, D: 4 },
];

function attentionMaker(op: 'attention' | 'attention_backward', { B, T, H, Hkv, D, base = 0, qkNorm }: Heads): Maker {
  const [qkv, o, lse] = [f32(B, T, (H + 2 * Hkv) * D), f32(B, T, H * D), f32(B, H, T)];
  const gains = qkNorm === true ? [f32(D), f32(D)] : [];
  const attrs = { heads: H, kvHeads: Hkv, headSize: D, scale: 0.5, qkNorm: qkNorm === true, eps: 1e-5, base };
  return { op, attrs, types: () => (op === 'attention' ? [qkv, ...gains] : [o, qkv, o, lse, ...gains]) };
}

const bits = (values: Float32Array | undefined): Uint32Array =>
  values === undefined ? new Uint32Array() : new Uint32Array(values.buffer, values.byteOffset, values.length);

/** What partial amaxes say: a NaN is one whatever its other bits. */
const largestOf = (words: Uint32Array): number => Math.min(Math.max(...words), 0x7f800001);

/** Holds one form of a graph against the other, in every variant, bit for bit: three lanes, and one of them alone. */
async function expectSame(
  { op, types }: Maker,
  shape: readonly number[],
  form: 'with_amax' | 'with_cast',
  build: (g: Graph, inputs: readonly Value[], fused: boolean) => readonly Value[],
): Promise<void> {
  const inputs = types(shape);
  const lanes = [0, 1, 2].map((lane) => ({
    inputs: Object.fromEntries(
      inputs.map(({ shape: one, dtype }, i) => {
        const values = noise(sizeOf(one), `x${i} ${lane}`);
        if (dtype !== 'f32') return [`x${i}`, values.map((_, at) => (7 * at + lane) % (shape.at(-1) ?? 1))];
        // Overflows, and what comes of them, at one place of the last lane.
        if (lane === 2) values[Math.floor(values.length / 2)] = 3e38 * (i % 2 === 0 ? 1 : -1);
        return [`x${i}`, values];
      }),
    ),
  }));
  const graphOf = (fused: boolean): Graph => {
    const g = new Graph();
    const values = inputs.map((type, i) => g.input(`x${i}`, type, 'micro'));
    for (const [i, value] of build(g, values, fused).entries()) g.output(`y${i}`, value, 'micro');
    return g;
  };
  const { caps } = await testGpu();
  const made = graphOf(true).nodes.find((node) => node.op === form);
  const serving = opOf(form).variants.flatMap(({ name, supports }) => {
    const software = [true, false].find((kind) => made !== undefined && supports(made, { ...caps, software: kind }));
    return software === undefined ? [] : [{ variant: name, software }];
  });
  expect(serving.map(({ variant }) => variant)).toContain('plain');
  for (const { variant, software } of serving) {
    const base = opOf(op).variants.some(({ name }) => name === variant) ? variant : 'plain';
    const own = { ...caps, software };
    const plain = await runGraph(graphOf(false), lanes, { variants: { [op]: base }, caps: own });
    const options = { variants: { [form]: variant }, caps: own };
    const fused = await runGraph(graphOf(true), lanes, options);
    const [lone] = await runGraph(graphOf(true), lanes.slice(1, 2), options);
    for (const [lane, { outputs }] of plain.entries()) {
      for (const [name, values] of Object.entries(outputs)) {
        const isAmax = form === 'with_amax' && name === `y${Object.keys(outputs).length - 1}`;
        const [got, want] = [bits(fused[lane]?.outputs[name]), bits(values)];
        const where = `${variant}, lane ${lane}, ${name}`;
        if (isAmax) expect(largestOf(got), where).toBe(largestOf(want));
        else expect(got, where).toEqual(want);
      }
    }
    for (const [name, values] of Object.entries(lone?.outputs ?? {}))
      expect(bits(fused[1]?.outputs[name]), `promise 2: ${name}`).toEqual(bits(values));
    const [last] = Object.values(fused[0]?.outputs ?? {}).slice(-1);
    // One element may well be 0.
    if (shape.length === 0 || sizeOf(shape) > 1) expect(bits(last).some((word) => word > 0)).toBe(true);
  }
}

describe('with_amax gives what its op gives and what amax of that gives, bit for bit, in every variant and lane', () => {
  for (const maker of MAKERS) {
    const { op, attrs } = maker;
    it.each(SHAPES.map((shape) => [shape]))(`promise 4: ${op} ${JSON.stringify(attrs)} of %j`, async (shape) => {
      const of = shape.length === 3 || shape[0] === 300 ? 'finite' : 'all';
      await expectSame(maker, shape, 'with_amax', (g, inputs, fused) => {
        if (fused) return withAmax(g, { op, inputs, attrs, name: op }, of);
        const outputs = addOp(g, op, opOf(op), inputs, attrs);
        const made = outputs[producedBy(op) ?? 0];
        return made === undefined ? outputs : [...outputs, amax(g, made, { of })];
      });
    });
  }

  it.each(HEADS.flatMap((heads) => (['attention', 'attention_backward'] as const).map((op) => ({ op, ...heads }))))(
    'promise 4: $op of %o',
    { timeout: 60_000 },
    async ({ op, ...heads }) => {
      const maker = attentionMaker(op, heads);
      const of = heads.T % 2 === 0 ? 'finite' : 'all';
      await expectSame(maker, [], 'with_amax', (g, inputs, fused) => {
        if (fused) return withAmax(g, { op, inputs, attrs: maker.attrs, name: op }, of);
        const outputs = addOp(g, op, opOf(op), inputs, maker.attrs);
        const [made] = outputs;
        return made === undefined ? outputs : [...outputs, amax(g, made, { of })];
      });
    },
  );

  it('refuses what has no rows, an op that it does not know and an amax that there is not', () => {
    const g = new Graph();
    const [flat, x] = [g.input('flat', f32(8), 'micro'), g.input('x', f32(2, 8), 'micro')];
    expect(() => withAmax(g, { op: 'add', inputs: [flat, flat], attrs: {}, name: '' }, 'all')).toThrow(ShapeError);
    expect(() => withAmax(g, { op: 'add', inputs: [flat, flat], attrs: {}, name: '' }, 'all')).toThrow(
      'what is made has no rows: got f32[8], f32[8]',
    );
    expect(() => withAmax(g, { op: 'mean', inputs: [x], attrs: {}, name: '' }, 'all')).toThrow(
      'mean gives nothing beside what it makes',
    );
    expect(() => addOp(g, 'with_amax', opOf('with_amax'), [x, x], { op: 'add', amax: 'causal' })).toThrow(
      'there is no amax of causal',
    );
    expect(producedBy('mean')).toBeUndefined();
  });
});

/** A cast without a scale. */
const CAST: CastAttrs = {
  format: 'bf16',
  scaling: 'none',
  powerOfTwo: false,
  margin: 0,
  rounding: 'nearest',
  saturate: false,
  tensor: 0,
  blockScale: 'none',
  blockRows: 0,
  blockColumns: 0,
};
/** Codes of 16 and of 8 bits. */
const CASTS: readonly CastAttrs[] = [
  CAST,
  { ...CAST, format: 'e4m3', saturate: true },
  { ...CAST, format: 'fp16', rounding: 'zero' },
  { ...CAST, format: 'e5m2', rounding: 'zero' },
];

describe('with_cast gives what its op and then a cast give, bit for bit, in every variant and lane', () => {
  for (const [i, maker] of MAKERS.entries()) {
    const { op, attrs } = maker;
    const cast = CASTS[i % CASTS.length] ?? CAST;
    it.each([[[2, 33, 4]], [[300, 36]]])(`promise 4: ${op} ${JSON.stringify(attrs)} of %j to ${cast.format}`, async (shape) => {
      await expectSame(maker, shape, 'with_cast', (g, inputs, fused) => {
        if (fused) return withCast(g, { op, inputs, attrs, name: op }, cast);
        const outputs = addOp(g, op, opOf(op), inputs, attrs);
        const made = outputs[producedBy(op) ?? 0];
        if (made === undefined) return outputs;
        const { codes, values = made } = quantize(g, made, { ...cast, values: true }, {});
        return [...outputs.map((output) => (output === made ? values : output)), codes];
      });
    });
  }

  it('refuses what it cannot cast as it makes it: under a scale, by random bits, in words that threads would share', () => {
    const g = new Graph();
    const [x, odd] = [g.input('x', f32(2, 8), 'micro'), g.input('odd', f32(4, 6), 'micro')];
    const cast = (input: Value, change: Partial<CastAttrs>): unknown =>
      withCast(g, { op: 'add', inputs: [input, input], attrs: {}, name: '' }, { ...CAST, ...change });
    expect(() => cast(x, {})).not.toThrow();
    expect(() => cast(x, { scaling: 'current', format: 'e4m3' })).toThrow('what is made cannot be cast to e4m3 as it is made');
    expect(() => cast(x, { rounding: 'stochastic' })).toThrow(ShapeError);
    expect(() => cast(x, { format: 'e2m1' })).toThrow(ShapeError);
    expect(() => cast(odd, {})).toThrow('got f32[4,6], f32[4,6]');
  });
});

describe('amax', () => {
  it.each([[[1]], [[2049]], [[300, 36]], [[2, 3, 33, 33]], [[3, 4100]], [[5000]]])('of %j is exact', async (shape) => {
    const size = sizeOf(shape);
    for (const of of ['all', 'finite', ...(shape.length > 3 ? ['causal'] : [])]) {
      await checkOp('amax', {
        types: [f32(...shape)],
        attrs: { of },
        data: (lane) => [noise(size, `x${lane}`).map((value, i) => (lane === 2 && i > 0 && i === size - 1 ? -Infinity : value))],
        close: 'exact',
      });
    }
  });
});
