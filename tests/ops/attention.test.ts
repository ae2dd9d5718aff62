import { describe, expect, it } from 'vitest';
import { pullback } from '../../src/engine/grad.ts';
import { Graph } from '../../src/graph/graph.ts';
import { f32 } from '../../src/graph/types.ts';
import type { Attrs, Type } from '../../src/graph/types.ts';
import { attention, attentionOps } from '../../src/ops/attention.ts';
import { addOp } from '../../src/ops/op.ts';
import { referenceOf } from '../reference/ops.ts';
import { noise, tensor } from '../reference/tensor.ts';
import type { Tensor } from '../reference/tensor.ts';
import { repeated } from '../support/check-op.ts';
import { expectClose } from '../support/close.ts';
import { runGraph, testGpu } from '../support/run-graph.ts';

interface Shape {
  readonly B: number;
  readonly T: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
}

/** What queries and keys go through on their way in. */
interface Form {
  readonly qkNorm: boolean;
  readonly eps: number;
  readonly base: number;
}

const LANES = 2;
const BARE: Form = { qkNorm: false, eps: 0, base: 0 };
const FORMS: readonly (Form & { readonly title: string })[] = [
  { ...BARE, title: '' },
  { ...BARE, base: 100, title: ', turned' },
  { qkNorm: true, eps: 1e-5, base: 0, title: ', normed' },
  { qkNorm: true, eps: 1e-5, base: 10_000, title: ', normed and turned' },
];
const close = { rtol: 5e-6, atol: 3e-6, because: 'f32 sums of up to 128 products, and exponentials of their rounding errors' };
const gainsClose = { rtol: 1e-5, atol: 1e-4, because: 'f32 sums of up to 260 such gradients times values of size 1' };
const backwardClose = { rtol: 1e-5, atol: 2e-5, because: 'f32 sums of up to 390 products of three such factors' };

/** Variants that can serve heads of this size, whatever the adapter. */
function variantsFor(name: keyof typeof attentionOps, { headSize }: Pick<Shape, 'headSize'>): readonly string[] {
  const names = attentionOps[name].variants.map((variant) => variant.name);
  return headSize % 4 === 0 && headSize <= 32 ? names : names.filter((variant) => variant !== 'rows');
}

/** Runs both ops in every variant over a qkv a lane, against the references, and the last lane alone against its lane (promises 2, 3). */
async function check(
  shape: Shape,
  qkvOf: (lane: number) => ArrayLike<number>,
  scale = 1 / Math.sqrt(shape.headSize),
  { qkNorm, eps, base }: Form = BARE,
): Promise<void> {
  const { B, T, heads, kvHeads, headSize } = shape;
  const attrs = { heads, kvHeads, headSize, scale, qkNorm, eps, base };
  const gainTypes = qkNorm ? [f32(headSize), f32(headSize)] : [];
  const qkvType = f32(B, T, (heads + 2 * kvHeads) * headSize);
  const oType = f32(B, T, heads * headSize);
  const lanes = Array.from({ length: LANES }, (_, lane) => {
    const qkv = tensor(qkvType.shape, Float32Array.from(qkvOf(lane)));
    const gains = gainTypes.map((_, i) =>
      tensor(
        [headSize],
        noise(headSize, `gain${i} ${lane}`).map((value) => value + 1),
      ),
    );
    const [o, lse] = referenceOf('attention')([qkv, ...gains], attrs).map(({ shape: dims, data }) =>
      tensor(dims, Float32Array.from(data)),
    );
    if (o === undefined || lse === undefined) throw new RangeError('the reference of attention gives two tensors');
    const dout = tensor(oType.shape, noise(o.data.length, `do${lane}`));
    return { forward: [qkv, ...gains], backward: [dout, qkv, o, lse, ...gains] };
  });
  await checkVariants(
    'attention',
    shape,
    attrs,
    [qkvType, ...gainTypes],
    lanes.map(({ forward }) => forward),
    [close, close],
  );
  const types = [oType, qkvType, oType, f32(B, heads, T), ...gainTypes];
  // With one value to a head the gradient cancels to nothing but rounding, times 1 / rms.
  const dqkvClose = qkNorm && headSize === 1 ? { ...backwardClose, atol: 1e-4 } : backwardClose;
  await checkVariants(
    'attention_backward',
    shape,
    attrs,
    types,
    lanes.map(({ backward }) => backward),
    [dqkvClose, gainsClose, gainsClose],
  );
}

async function checkVariants(
  name: keyof typeof attentionOps,
  shape: Shape,
  attrs: Attrs,
  types: readonly Type[],
  lanes: readonly (readonly Tensor[])[],
  closeness: readonly (typeof close)[],
): Promise<void> {
  const graph = new Graph();
  const inputs = types.map((type, i) => graph.input(`in${i}`, type, 'micro'));
  const outputs = addOp(graph, name, attentionOps[name], inputs, { ...attrs });
  outputs.forEach((value, i) => graph.output(`out${i}`, value, 'micro'));
  const feeds = lanes.map((tensors) => ({ inputs: Object.fromEntries(tensors.map(({ data }, i) => [`in${i}`, data])) }));
  const { caps } = await testGpu();
  for (const variant of variantsFor(name, shape)) {
    const options = { variants: { [name]: variant }, caps: { ...caps, software: variant === 'rows' } };
    const together = await runGraph(graph, feeds, options);
    for (const [lane, tensors] of lanes.entries()) {
      for (const [i, want] of referenceOf(name)(tensors, { ...attrs }).entries()) {
        expectClose(together[lane]?.outputs[`out${i}`] ?? [], want.data, { ...(closeness[i] ?? close), shape: want.shape });
      }
    }
    const [lone] = await runGraph(graph, feeds.slice(LANES - 1), options);
    for (const i of outputs.keys()) {
      expect(together[LANES - 1]?.outputs[`out${i}`], `${name}/${variant}: a lane and its lone run`).toEqual(
        lone?.outputs[`out${i}`],
      );
    }
  }
}

const SHAPES: readonly Shape[] = [
  { B: 1, T: 1, heads: 1, kvHeads: 1, headSize: 1 },
  { B: 2, T: 7, heads: 4, kvHeads: 2, headSize: 3 },
  { B: 2, T: 7, heads: 4, kvHeads: 2, headSize: 8 },
  { B: 1, T: 67, heads: 2, kvHeads: 2, headSize: 16 },
  { B: 2, T: 33, heads: 3, kvHeads: 1, headSize: 20 },
  { B: 1, T: 130, heads: 2, kvHeads: 1, headSize: 32 },
  { B: 1, T: 34, heads: 1, kvHeads: 1, headSize: 40 },
];

/** The software adapter takes seconds to compile the kernels of large heads. */
const COMPILE_MS = 120_000;

describe('attention', () => {
  for (const shape of SHAPES) {
    const { B, T, heads, kvHeads, headSize } = shape;
    const forms = FORMS.filter(({ base }) => base === 0 || headSize % 2 === 0);
    // Kernels of large heads are slow to compile: of those, what has least and what has most.
    for (const form of headSize <= 8 ? forms : [...forms.slice(0, 1), ...forms.slice(-1)]) {
      it(
        `of ${heads} heads of ${headSize} over ${kvHeads} in [${B},${T}]${form.title}, and its gradient`,
        async () => {
          const qkvOf = (lane: number): Float64Array => noise(B * T * (heads + 2 * kvHeads) * headSize, `qkv${lane}`);
          await check(shape, qkvOf, undefined, form);
        },
        COMPILE_MS,
      );
    }
  }

  for (const headSize of [12, 32]) {
    it(
      `of turned heads of ${headSize}, which are ${headSize % 8 === 0 ? '' : 'no '}pairs of whole vectors, and its gradient`,
      async () => {
        const shape = { B: 1, T: 6, heads: 2, kvHeads: 1, headSize };
        await check(shape, (lane) => noise(6 * 4 * headSize, `qkv${lane}`), undefined, { ...BARE, base: 10_000 });
      },
      COMPILE_MS,
    );
  }

  for (const headSize of [3, 8]) {
    it(`with heads of ${headSize} is exact where one score is far above the others`, async () => {
      const shape = { B: 1, T: 9, heads: 1, kvHeads: 1, headSize };
      await check(shape, (lane) => repeated([9, 3 * headSize], [0, 4, -4, -0, 1, 1e-38, 0.5], lane), 1);
    });

    it(`with heads of ${headSize} stays finite for scores up to 1e30`, async () => {
      const graph = new Graph();
      const qkv = graph.input('qkv', f32(1, 9, 3 * headSize), 'micro');
      const attrs = { heads: 1, kvHeads: 1, headSize, scale: 1 };
      attention(graph, qkv, attrs).forEach((value, i) => graph.output(`out${i}`, value, 'micro'));
      const data = repeated([9, 3 * headSize], [1e15, -1e15, 0, 3, 1e15, 1e-38, 7], 0);
      const { caps } = await testGpu();
      for (const variant of variantsFor('attention', attrs)) {
        const options = { variants: { attention: variant }, caps: { ...caps, software: variant === 'rows' } };
        const [result] = await runGraph(graph, [{ inputs: { qkv: data } }], options);
        expect([...(result?.outputs['out0'] ?? [NaN]), ...(result?.outputs['out1'] ?? [NaN])].every(Number.isFinite)).toBe(true);
      }
    });
  }

  it('has a finite gradient where scores are so large that their rounding is many units', async () => {
    const shape = { heads: 2, kvHeads: 2, headSize: 8, scale: 1 };
    const graph = new Graph();
    const qkv = graph.input('qkv', f32(1, 33, 48), 'micro');
    const [o] = attention(graph, qkv, shape);
    if (o === undefined) throw new RangeError('attention has no output');
    const seed = graph.input('do', o.type, 'micro');
    pullback(graph, new Map([[o, seed]]), [qkv]).forEach((value, i) => graph.output(`d${i}`, value, 'micro'));
    const { caps } = await testGpu();
    for (const software of [true, false]) {
      const inputs = { qkv: noise(33 * 48, 'qkv', 3e4), do: noise(33 * 16, 'do') };
      const [result] = await runGraph(graph, [{ inputs }], { caps: { ...caps, software } });
      expect([...(result?.outputs['d0'] ?? [NaN])].every(Number.isFinite), software ? 'rows' : 'tiles').toBe(true);
    }
  });

  it('promise 5: chooses tiles that fit the default 16 KiB of workgroup memory', async () => {
    const { caps } = await testGpu();
    for (const headSize of [1, 3, 16, 64, 100, 128]) {
      const graph = new Graph();
      const qkv = graph.input('qkv', f32(1, 4, 3 * headSize), 'micro');
      const [{ node }] = attention(graph, qkv, { heads: 1, kvHeads: 1, headSize, scale: 1 });
      const plain = attentionOps.attention.variants.at(-1);
      const [dispatch] = plain?.lower(node, { ...caps, workgroupBytes: 16384 }) ?? [];
      const keys = Number(dispatch?.overrides?.['TILE']);
      expect(keys).toBeGreaterThan(0);
      expect(8 * keys * headSize + 4 * keys).toBeLessThanOrEqual(16384);
    }
  });

  it('promise 5: keeps the tiles that it norms and turns, and what goes with them, within 16 KiB', async () => {
    const { caps } = await testGpu();
    for (const headSize of [2, 16, 64, 100, 128]) {
      const graph = new Graph();
      const qkv = graph.input('qkv', f32(1, 4, 3 * headSize), 'micro');
      const [{ node }] = attention(graph, qkv, { heads: 1, kvHeads: 1, headSize, scale: 1 }, 'attn', { base: 10 });
      const [dispatch] = attentionOps.attention.variants.at(-1)?.lower(node, { ...caps, workgroupBytes: 16384 }) ?? [];
      const tile = Number(dispatch?.overrides?.['TILE']);
      expect(tile).toBeGreaterThan(0);
      expect(8 * tile * headSize + 12 * tile).toBeLessThanOrEqual(16384);
    }
  });

  it('refuses gains of another head size, and rotary positions of heads without pairs', () => {
    const g = new Graph();
    const [qkv, gain] = [g.input('qkv', f32(1, 4, 9), 'micro'), g.input('gain', f32(4), 'micro')];
    const attrs = { heads: 1, kvHeads: 1, headSize: 3, scale: 1 };
    expect(() => attention(g, qkv, attrs, 'attn', { norm: { qgain: gain, kgain: gain, eps: 1e-5 } })).toThrow(
      /gains do not fit head size 3/,
    );
    expect(() => attention(g, qkv, attrs, 'attn', { base: 10_000 })).toThrow(/head size 3 has no pairs/);
    expect(() => attention(g, qkv, attrs, 'attn', { base: -1 })).toThrow(/base is -1/);
  });

  it('refuses a qkv of another width', () => {
    const g = new Graph();
    const qkv = g.input('qkv', f32(1, 4, 36), 'micro');
    expect(() => attention(g, qkv, { heads: 4, kvHeads: 2, headSize: 4, scale: 1 })).toThrow(
      /qkv has 36 columns, the heads take 32/,
    );
  });
});
