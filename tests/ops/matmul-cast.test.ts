import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sizeOf } from '../../src/base/shape.ts';
import { fuse, FUSION_RULES, planProgram, Program, Store, tryPath } from '../../src/engine/index.ts';
import { Gpu } from '../../src/gpu/device.ts';
import { openNodeGpu } from '../../src/gpu/node-adapter.ts';
import { Graph } from '../../src/graph/graph.ts';
import { f32 } from '../../src/graph/types.ts';
import type { Attrs, Node, Value } from '../../src/graph/types.ts';
import { castWords, formatNamed, PLAIN } from '../../src/numerics/index.ts';
import { amax } from '../../src/ops/amax.ts';
import { matmulCast } from '../../src/ops/matmul-cast.ts';
import { matmulCastVariants } from '../../src/ops/matmul-kernels.ts';
import { matmul } from '../../src/ops/matmul.ts';
import type { MatmulOptions } from '../../src/ops/matmul.ts';
import type { Dispatch, Op } from '../../src/ops/op.ts';
import { quantize } from '../../src/ops/quantize.ts';
import type { CastAttrs } from '../../src/ops/quantize.ts';
import { opOf } from '../../src/ops/table.ts';
import { referenceOf } from '../reference/ops.ts';
import { noise, tensor } from '../reference/tensor.ts';
import { expectClose } from '../support/close.ts';
import { unpackCodes } from '../support/codes.ts';

const BF16: CastAttrs = {
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
const E4M3: CastAttrs = { ...BF16, format: 'e4m3', saturate: true };
const FP16: CastAttrs = { ...BF16, format: 'fp16', rounding: 'zero' };
/** How operands are cast beforehand, where they are codes: with a scale of their own each. */
const OPERAND: CastAttrs = { ...E4M3, scaling: 'current', powerOfTwo: true };

interface Case {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly cast: CastAttrs;
  readonly batch?: number;
  readonly transpose?: 'NN' | 'NT' | 'TN';
  readonly bias?: true;
  readonly residual?: true;
  readonly slope?: 'gelu' | 'swiglu';
  readonly parts?: readonly number[];
  /** The operands are codes. */
  readonly coded?: true;
  /** Large tiles are tried too: they take a software adapter seconds to compile. */
  readonly large?: true;
}

const CASES: readonly Case[] = [
  { M: 13, N: 20, K: 19, cast: BF16, transpose: 'NT', bias: true, residual: true },
  { M: 66, N: 36, K: 36, cast: E4M3, batch: 2, large: true },
  { M: 17, N: 12, K: 12, cast: BF16, slope: 'swiglu', bias: true },
  { M: 36, N: 24, K: 1032, cast: FP16, transpose: 'TN', slope: 'gelu' },
  { M: 3, N: 12, K: 40, cast: E4M3, transpose: 'TN' },
  { M: 20, N: 28, K: 36, cast: { ...E4M3, format: 'e5m2' }, parts: [16, 12] },
  { M: 16, N: 24, K: 16, cast: BF16, parts: [10, 14] },
  { M: 19, N: 36, K: 13, cast: BF16, coded: true, bias: true, residual: true },
  { M: 9, N: 8, K: 21, cast: E4M3, coded: true, transpose: 'NT' },
];

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
  batch,
  transpose = 'NN',
  bias,
  residual,
  slope,
}: Case): Readonly<Record<string, readonly number[]>> {
  const lead = batch === undefined ? [] : [batch];
  return {
    a: [...lead, ...(transpose === 'TN' ? [K, M] : [M, K])],
    b: [...lead, ...(transpose === 'NT' ? [N, K] : [K, N])],
    ...(bias === undefined ? {} : { bias: [N] }),
    ...(residual === undefined ? {} : { residual: [...lead, M, N] }),
    ...(slope === undefined ? {} : { pre: [...lead, M, slope === 'swiglu' ? 2 * N : N] }),
  };
}

/** The product as `y`; and the product and its cast, which the rule has made one. */
function graphsOf(c: Case): { readonly bare: Graph; readonly fused: Graph; readonly node: Node } {
  const bare = new Graph();
  bare.output('y', productIn(bare, c), 'micro');
  const apart = new Graph();
  const { codes, values } = quantize(apart, productIn(apart, c), { ...c.cast, values: true }, {});
  if (values !== undefined) apart.output('values', values, 'micro');
  apart.output('codes', codes, 'micro');
  const fused = fuse(apart, 'whole', ONLY);
  const node = fused.nodes.find(({ op }) => op === 'matmul_cast');
  if (node === undefined) throw new RangeError('the rule has made nothing');
  return { bare, fused, node };
}

const ONLY = Object.fromEntries(FUSION_RULES.map(({ name }) => [name, name === 'matmul-cast']));

function productIn(graph: Graph, c: Case): Value {
  const { a, b, ...rest } = Object.fromEntries(
    Object.entries(shapesOf(c)).map(([name, shape]) => [name, graph.input(name, f32(...shape), 'micro')]),
  );
  if (a === undefined || b === undefined) throw new RangeError('a matmul has two operands');
  const { batch, transpose = 'NN', slope, parts = [], coded } = c;
  const [aCodes, bCodes] = [a, b].map((x) => (coded === true ? codesOf(graph, x) : undefined));
  const { pre, ...others } = rest;
  const options: MatmulOptions = {
    alpha: 0.5,
    batched: batch !== undefined,
    transposeA: transpose === 'TN',
    transposeB: transpose === 'NT',
    parts,
    ...others,
    ...(slope === undefined || pre === undefined ? {} : { slope: { kind: slope, pre } }),
    ...(aCodes === undefined ? {} : { aCodes }),
    ...(bCodes === undefined ? {} : { bCodes }),
  };
  return matmul(graph, aCodes?.codes ?? a, bCodes?.codes ?? b, options);
}

function codesOf(
  graph: Graph,
  x: Value,
): { readonly codes: Value; readonly cast: CastAttrs; readonly scales: Value | undefined } {
  const { codes, scales } = quantize(graph, x, { ...OPERAND, values: false }, { amax: amax(graph, x, { of: 'all' }) });
  return { codes, scales, cast: OPERAND };
}

type Inputs = Readonly<Record<string, Float64Array>>;

/** Runs one variant on some lanes and gives each output of each of them, with the dispatches of the product. */
async function run(
  graph: Graph,
  op: string,
  { name, software }: { readonly name: string; readonly software: boolean },
  lanes: readonly Inputs[],
): Promise<{ readonly outputs: readonly (readonly Uint32Array[])[]; readonly dispatches: readonly Dispatch[] }> {
  const caps = { ...gpu.caps, software };
  const plan = planProgram(graph, { caps, lanes: lanes.length, slots: 1, variants: { [op]: name } });
  const store = new Store(gpu, lanes.length);
  const program = await Program.create(store, plan);
  try {
    for (const [lane, inputs] of lanes.entries()) {
      for (const [input, data] of Object.entries(inputs)) program.slot(input, 0).set(data, lane * data.length);
    }
    const reading = await program.run(1);
    const outputs = lanes.map((_, lane) =>
      graph.outputs.map((output) => {
        const all = reading.get(output.name, 0).slice();
        const size = all.length / lanes.length;
        return new Uint32Array(all.buffer).slice(lane * size, (lane + 1) * size);
      }),
    );
    return { outputs, dispatches: plan.steps.filter(({ node }) => node.op === op).flatMap((step) => step.dispatches) };
  } finally {
    program.destroy();
    store.destroy();
  }
}

/** Variants that serve a node, on a software adapter or on a GPU. */
function variantsOf(node: Node, large = false): readonly { readonly name: string; readonly software: boolean }[] {
  return matmulCastVariants.flatMap(({ name, supports }) => {
    const software = [true, false].find((kind) => supports(node, { ...gpu.caps, software: kind }));
    return software === undefined || (!large && /-(64|128)/.test(name)) ? [] : [{ name, software }];
  });
}

/** Overflows and what comes of them in the last lane. */
function lanesOf(c: Case): readonly Inputs[] {
  return [0, 1, 2].map((lane) =>
    Object.fromEntries(
      Object.entries(shapesOf(c)).map(([name, shape]) => {
        const values = noise(sizeOf(shape), `${name}${lane}`);
        if (lane === 2 && c.coded === undefined) values.set([3e38, -3e38], Math.floor(values.length / 2));
        return [name, values];
      }),
    ),
  );
}

describe('matmul_cast', () => {
  it.each(CASES)(
    'is the cast of the product of the same variant, bit for bit, and promise 2: in every lane: %o',
    { timeout: 120_000 },
    async (c) => {
      const { bare, fused, node } = graphsOf(c);
      const lanes = lanesOf(c);
      const format = formatNamed(c.cast.format);
      const dtype = node.outputs[1]?.type.dtype ?? 'f32';
      for (const variant of variantsOf(node, c.large)) {
        const got = await run(fused, 'matmul_cast', variant, lanes);
        const products = await run(bare, 'matmul', variant, lanes);
        for (const [lane, [product = new Uint32Array()]] of products.outputs.entries()) {
          const want = castWords(product, format, { ...PLAIN, round: c.cast.rounding, saturate: c.cast.saturate });
          const [values, codes = new Uint32Array()] = got.outputs[lane] ?? [];
          const where = `${variant.name}, lane ${lane}`;
          expect(values, `${where}: values`).toEqual(want.values);
          expect([...unpackCodes(codes, dtype, product.length)], `${where}: codes`).toEqual([...want.codes]);
        }
        const [alone] = (await run(fused, 'matmul_cast', variant, lanes.slice(1, 2))).outputs;
        expect(alone, `${variant.name}: promise 2`).toEqual(got.outputs[1]);
        // Where a cast is not made on the way, it is made behind the product.
        const stored = got.dispatches.every(
          ({ kernel }) => kernel.startsWith('matmul/') || kernel.endsWith('/dequantize-forward'),
        );
        expect(got.dispatches.length - products.dispatches.length).toBe(stored ? 0 : 1);
        const rows = c.parts?.includes(10) !== true;
        expect(stored, variant.name).toBe(rows && !/plain|skinny|split/.test(variant.name));
      }
    },
  );

  it.each(CASES.filter(({ coded }) => coded === undefined))(
    'promise 3: is as near to the f64 product as a cast allows: %o',
    async (c) => {
      const { fused, node } = graphsOf(c);
      const [inputs = {}] = lanesOf(c);
      const shapes = shapesOf(c);
      const operands = Object.entries(inputs).map(([name, data]) =>
        tensor(shapes[name] ?? [], Float64Array.from(Float32Array.from(data))),
      );
      const [want] = referenceOf('matmul_cast')(operands, node.attrs);
      if (want === undefined) throw new RangeError('the reference gives nothing');
      const software = gpu.caps.software;
      const { name } = matmulCastVariants.find(({ supports }) => supports(node, { ...gpu.caps, software })) ?? { name: '' };
      const [values = new Uint32Array()] = (await run(fused, 'matmul_cast', { name, software }, [inputs])).outputs[0] ?? [];
      const { mantissaBits, minValue } = formatNamed(c.cast.format);
      const because = 'sums of f32 may fall on the other side of a tie, a step of the format away';
      expectClose(new Float32Array(values.buffer), want.data, {
        rtol: 2 ** -mantissaBits,
        atol: minValue,
        because,
        shape: want.shape,
      });
    },
  );

  it('is tried in every variant by these cases, but for those of half precision', () => {
    const whole = (names: readonly string[]): string[] => names.filter((name) => !name.endsWith('-f16'));
    const tried = new Set(whole(CASES.flatMap((c) => variantsOf(graphsOf(c).node, c.large).map(({ name }) => name))));
    const names = whole(matmulCastVariants.map(({ name }) => name));
    const serving = names.filter((name) => gpu.caps.subgroups || !name.includes('subgroup'));
    expect([...tried].toSorted()).toEqual(serving.toSorted());
  });

  it('says what each part of a product touches of y and of the codes', async () => {
    const c: Case = { M: 20, N: 28, K: 36, cast: BF16, parts: [16, 12] };
    const plan = planProgram(graphsOf(c).fused, { caps: { ...gpu.caps, software: true }, variants: { matmul_cast: 'blocked' } });
    const touched = plan.steps.flatMap(({ dispatches }) => dispatches.map(({ touches }) => [touches?.['y'], touches?.['more']]));
    expect(touched).toEqual([
      [320, 320],
      [240, 240],
    ]);
  });

  it.each([
    ['f32 with a bias and a residual', { M: 20, N: 24, K: 16, cast: BF16, bias: true, residual: true }],
    ['codes', { M: 20, N: 24, K: 16, cast: E4M3, coded: true }],
  ] as const)('promise 4: its check passes it, and fails one that casts or multiplies otherwise: %s', async (_, c) => {
    const { node } = graphsOf(c);
    const op: Op = opOf('matmul_cast');
    const { variants } = op;
    const found = async (name: string, change: Readonly<Record<string, number>>): Promise<boolean> => {
      const own = variants.find((variant) => variant.name === name);
      if (own === undefined) throw new RangeError(`there is no ${name}`);
      const among = (of: object): Record<string, number> =>
        Object.fromEntries(Object.entries(change).filter(([key]) => key in of));
      const lower: (typeof own)['lower'] = (of, caps) =>
        own.lower(of, caps).map((dispatch) => {
          const { sizes, overrides = {} } = dispatch;
          return { ...dispatch, sizes: { ...sizes, ...among(sizes) }, overrides: { ...overrides, ...among(overrides) } };
        });
      Object.assign(op, { variants: variants.map((variant) => (variant === own ? { ...own, lower } : variant)) });
      try {
        return (await tryPath(gpu, { node, variant: name, key: name })).ok;
      } finally {
        Object.assign(op, { variants });
      }
    };
    for (const name of [gpu.caps.software ? ('coded' in c ? 'decoded' : 'blocked') : 'tiled-32', 'plain']) {
      expect(await found(name, {}), name).toBe(true);
      expect(await found(name, { ROUNDING: 1 }), `${name}, toward zero`).toBe(false);
      expect(await found(name, { alpha: 0.51 }), `${name}, another scale`).toBe(false);
      expect(await found(name, { m: 19 }), `${name}, a row short`).toBe(false);
    }
  });

  it('refuses what it cannot cast as it stores it', () => {
    const refused = (c: Omit<Case, 'cast'>, cast: Partial<CastAttrs> = {}, more: Attrs = {}): unknown => {
      const graph = new Graph();
      const { node } = productIn(graph, { ...c, cast: BF16 });
      return matmulCast(graph, { ...node, attrs: { ...node.attrs, ...more } }, { ...BF16, ...cast });
    };
    const c = { M: 8, N: 8, K: 8 } as const;
    expect(() => refused(c)).not.toThrow();
    const rule = 'a product like this cannot be cast to bf16 as it is stored';
    expect(() => refused({ ...c, N: 6 })).toThrow(rule);
    expect(() => refused({ ...c, transpose: 'NT', parts: [4, 4] })).toThrow(rule);
    expect(() => refused(c, {}, { activation: 'gelu' })).toThrow(rule);
    expect(() => refused({ ...c, transpose: 'TN' }, {}, { columnSums: true })).toThrow(rule);
    expect(() => refused(c, { rounding: 'stochastic' })).toThrow(rule);
    expect(() => refused(c, { scaling: 'current', format: 'e4m3' })).toThrow('cast to e4m3');
    expect(() => refused(c, { format: 'e2m1' })).toThrow('cast to e2m1');
  });
});
