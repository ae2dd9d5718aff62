import { f32, packOf, u32 } from '../../src/graph/types.ts';
import type { Attrs } from '../../src/graph/types.ts';
import { HYPER, HYPER_SIZE } from '../../src/ops/hyper.ts';
import { sizeOf } from '../../src/base/shape.ts';
import type { GradientCase, Operand } from './gradcheck.ts';
import { noise } from './tensor.ts';

/** Random f32 data of a shape; `offset` moves it off zero. */
function real(shape: readonly number[], name: string, offset = 0): Operand {
  return { type: f32(...shape), data: noise(sizeOf(shape), name).map((value) => value + offset) };
}

function whole(shape: readonly number[], values: readonly number[]): Operand {
  return { type: u32(...shape), data: Float64Array.from(values) };
}

/** Tokens, and their positions sorted by token: `order` and `starts` of the embedding's backward pass. */
function tokenOperands(
  shape: readonly number[],
  tokens: readonly number[],
  vocab: number,
): { tokens: Operand; order: Operand; starts: Operand } {
  const order = tokens.map((_, i) => i).sort((i, j) => (tokens[i] ?? 0) - (tokens[j] ?? 0) || i - j);
  const starts = Array.from({ length: vocab + 1 }, (_, v) => tokens.filter((token) => token < v).length);
  return { tokens: whole(shape, tokens), order: whole([tokens.length], order), starts: whole([vocab + 1], starts) };
}

function hyperOperand(zLoss: number): Operand {
  const data = new Float64Array(HYPER_SIZE);
  data[HYPER.zLoss] = zLoss;
  return { type: f32(HYPER_SIZE), data };
}

const product = (attrs: Attrs): Attrs => ({
  transposeA: false,
  transposeB: false,
  batched: false,
  alpha: 1,
  bias: false,
  residual: false,
  activation: 'none',
  slope: 'none',
  columnSums: false,
  ...attrs,
});

const text = tokenOperands([2, 3], [4, 0, 2, 2, 4, 2], 6);
const grouped = { heads: 4, kvHeads: 2, headSize: 3 };
const single = { heads: 2, kvHeads: 1, headSize: 4 };
const scores = (attrs: typeof grouped, T: number): Operand =>
  real([2, T, (attrs.heads + 2 * attrs.kvHeads) * attrs.headSize], `qkv${T}`);

const bare = { qkNorm: false, eps: 0, base: 0 };
const even = { heads: 4, kvHeads: 2, headSize: 6 };

/** Where the VJP of each op is held against central differences: every kind, flag and transpose that an op has. */
export const gradientCases: Readonly<Record<string, readonly GradientCase[]>> = {
  embedding: [{ inputs: [text.tokens, real([6, 4], 'table'), text.order, text.starts], attrs: {} }],
  position_add: [{ inputs: [real([2, 3, 4], 'x'), real([3, 4], 'table')], attrs: {} }],
  bias_add: [{ inputs: [real([2, 3, 4], 'x'), real([4], 'bias')], attrs: {} }],
  add: [{ inputs: [real([2, 5], 'a'), real([2, 5], 'b')], attrs: {} }],
  activation: [
    { inputs: [real([3, 5], 'x')], attrs: { kind: 'gelu', cap: 0 } },
    { inputs: [real([3, 5], 'x')], attrs: { kind: 'relu2', cap: 0 } },
    { inputs: [real([3, 5], 'x')], attrs: { kind: 'softcap', cap: 1.5 } },
  ],
  swiglu: [{ inputs: [real([2, 3, 10], 'x')], attrs: {} }],
  norm: [
    {
      inputs: [real([2, 3, 5], 'x', 2), real([5], 'gain', 1), real([5], 'bias')],
      attrs: { kind: 'layernorm', bias: true, eps: 1e-5 },
    },
    { inputs: [real([2, 3, 5], 'x', 2), real([5], 'gain', 1)], attrs: { kind: 'layernorm', bias: false, eps: 0.1 } },
    { inputs: [real([2, 3, 5], 'x', 2), real([5], 'gain', 1)], attrs: { kind: 'rmsnorm', bias: false, eps: 0.1 } },
    {
      inputs: [real([2, 3, 5], 'x', 2), real([5], 'gain', 1), real([5], 'bias')],
      attrs: { kind: 'rmsnorm', bias: true, eps: 1e-5 },
    },
  ],
  rope: [
    { inputs: [real([2, 5, 16], 'qkv')], attrs: { heads: 3, headSize: 4, base: 10000, inverse: false } },
    { inputs: [real([2, 5, 16], 'qkv')], attrs: { heads: 3, headSize: 4, base: 100, inverse: true } },
  ],
  qk_norm: [
    { inputs: [scores(grouped, 3), real([3], 'qgain', 1), real([3], 'kgain', 1)], attrs: { ...grouped, eps: 0.1 } },
    { inputs: [scores(single, 3), real([4], 'qgain', 1), real([4], 'kgain', 1)], attrs: { ...single, eps: 1e-5 } },
  ],
  split_qkv: [{ inputs: [scores(grouped, 4)], attrs: grouped, outputs: [0, 1, 2] }],
  merge_heads: [{ inputs: [real([2, 3, 4, 5], 'x')], attrs: {} }],
  split_heads: [{ inputs: [real([2, 4, 15], 'x')], attrs: { heads: 3 } }],
  causal_softmax: [{ inputs: [real([2, 2, 5, 5], 'scores')], attrs: {} }],
  attention: [
    { inputs: [scores(grouped, 5)], attrs: { ...grouped, ...bare, scale: 1 / Math.sqrt(3) } },
    { inputs: [scores(single, 4)], attrs: { ...single, ...bare, scale: 0.7 } },
    { inputs: [scores(single, 4)], attrs: { ...single, ...bare, scale: 0.7, base: 100 } },
    {
      inputs: [scores(grouped, 5), real([3], 'qgain', 1), real([3], 'kgain', 1)],
      attrs: { ...grouped, scale: 0.7, qkNorm: true, eps: 0.1, base: 0 },
    },
    {
      inputs: [scores(even, 4), real([6], 'qgain', 1), real([6], 'kgain', 1)],
      attrs: { ...even, scale: 0.5, qkNorm: true, eps: 1e-5, base: 10000 },
    },
  ],
  cross_entropy: [
    { inputs: [real([2, 3, 6], 'logits'), text.tokens, hyperOperand(0)], attrs: {}, constants: [2] },
    { inputs: [real([2, 3, 6], 'logits'), text.tokens, hyperOperand(0.1)], attrs: {}, constants: [2] },
  ],
  constant: [{ inputs: [], attrs: { value: 3, size: 4 } }],
  mean: [{ inputs: [real([7], 'x')], attrs: {} }],
  matmul: [
    { inputs: [real([2, 3, 4], 'a'), real([4, 5], 'b')], attrs: product({ alpha: 0.5 }) },
    { inputs: [real([3, 4], 'a'), real([5, 4], 'b')], attrs: product({ transposeB: true }) },
    { inputs: [real([4, 3], 'a'), real([4, 5], 'b')], attrs: product({ transposeA: true }) },
    { inputs: [real([2, 2, 3, 4], 'a'), real([2, 2, 4, 5], 'b')], attrs: product({ batched: true }) },
    { inputs: [real([2, 2, 3, 4], 'a'), real([2, 2, 5, 4], 'b')], attrs: product({ batched: true, transposeB: true, alpha: 2 }) },
    { inputs: [real([2, 4, 3], 'a'), real([2, 4, 5], 'b')], attrs: product({ batched: true, transposeA: true }) },
    { inputs: [real([2, 3, 4], 'a'), real([4, 5], 'b')], attrs: product({ alpha: 0.5, parts: [2, 3] }) },
  ],
};

/** A cast that gives its values too. */
function cast(attrs: Attrs): Attrs {
  const common = { powerOfTwo: true, margin: 0, rounding: 'nearest', saturate: true, tensor: 0, first: 0, values: true };
  return { ...common, blockScale: 'none', blockRows: 0, blockColumns: 0, ...attrs };
}

/** A cast without a scale, as an op makes it that makes the tensor. */
function uncast(attrs: Attrs): Attrs {
  const { values: _, first: __, ...rest } = cast({ scaling: 'none', powerOfTwo: false, ...attrs });
  return rest;
}

/** Where fused ops are held against the plain ops that they stand for; the inputs of {@link gradientCases} come on top. */
export const fusedCases: Readonly<Record<string, readonly Pick<GradientCase, 'inputs' | 'attrs'>[]>> = {
  quantize: [
    { inputs: [real([3, 8], 'x', 1)], attrs: cast({ format: 'bf16', scaling: 'none', saturate: false }) },
    { inputs: [real([3, 8], 'x', 1), real([1], 'scale', 2)], attrs: cast({ format: 'e4m3', scaling: 'delayed' }) },
    {
      inputs: [real([3, 8], 'x', 1)],
      attrs: cast({ format: 'e5m2', scaling: 'block', blockScale: 'e8m0', blockRows: 3, blockColumns: 4 }),
    },
  ],
  matmul: [
    { inputs: [real([2, 3, 4], 'a'), real([4, 5], 'b'), real([5], 'bias')], attrs: product({ bias: true }) },
    { inputs: [real([6, 4], 'a'), real([4, 5], 'b'), real([6, 5], 'residual')], attrs: product({ residual: true }) },
    {
      inputs: [real([6, 4], 'a'), real([5, 4], 'b'), real([5], 'bias'), real([6, 5], 'residual')],
      attrs: product({ transposeB: true, bias: true, residual: true, activation: 'gelu', alpha: 0.5 }),
    },
    { inputs: [real([6, 4], 'a'), real([4, 5], 'b')], attrs: product({ activation: 'relu2' }) },
    { inputs: [real([6, 4], 'a'), real([5, 4], 'b'), real([6, 5], 'pre')], attrs: product({ transposeB: true, slope: 'gelu' }) },
    { inputs: [real([6, 4], 'a'), real([5, 4], 'b'), real([6, 5], 'pre')], attrs: product({ transposeB: true, slope: 'relu2' }) },
    { inputs: [real([6, 4], 'a'), real([4, 5], 'b'), real([6, 10], 'pre')], attrs: product({ slope: 'swiglu', alpha: 0.5 }) },
    { inputs: [real([6, 4], 'a'), real([6, 5], 'b')], attrs: product({ transposeA: true, columnSums: true }) },
  ],
  matmul_cast: [
    {
      inputs: [real([2, 3, 5], 'a'), real([5, 4], 'b'), real([4], 'bias'), real([2, 3, 4], 'residual')],
      attrs: { ...product({ bias: true, residual: true, alpha: 0.5 }), ...uncast({ format: 'bf16', saturate: false }) },
    },
    {
      inputs: [real([6, 5], 'a'), real([4, 5], 'b'), real([6, 8], 'pre')],
      attrs: { ...product({ transposeB: true, slope: 'swiglu' }), ...uncast({ format: 'e5m2', rounding: 'zero' }) },
    },
    { inputs: [real([3, 5], 'a'), real([5, 8], 'b')], attrs: { ...product({ parts: [3, 5] }), ...uncast({ format: 'e4m3' }) } },
  ],
  embedding_position: [{ inputs: [text.tokens, real([6, 4], 'table'), real([3, 4], 'positions')], attrs: {} }],
  residual_norm: ['layernorm', 'rmsnorm'].map((kind) => ({
    inputs: [real([2, 3, 5], 'a'), real([2, 3, 5], 'b', 2), real([5], 'gain', 1), real([5], 'bias')],
    attrs: { kind, bias: true, eps: 0.1 },
  })),
  norm_backward: ['layernorm', 'rmsnorm'].map((kind) => ({
    inputs: [
      real([2, 3, 5], 'dy'),
      real([2, 3, 5], 'x', 2),
      real([5], 'gain', 1),
      real([6, 2], 'stats', 1),
      real([2, 3, 5], 'addend'),
    ],
    attrs: { kind, addend: true },
  })),
  with_amax: [
    {
      inputs: [real([2, 3, 5], 'x', 2), real([5], 'gain', 1), real([5], 'bias')],
      attrs: { op: 'norm', amax: 'all', kind: 'layernorm', bias: true, eps: 0.1 },
    },
    {
      inputs: [real([2, 3, 5], 'a'), real([2, 3, 5], 'b', 2), real([5], 'gain', 1)],
      attrs: { op: 'residual_norm', amax: 'finite', kind: 'rmsnorm', bias: false, eps: 0.1 },
    },
    {
      inputs: [real([6, 5], 'dy'), real([6, 5], 'x', 2), real([5], 'gain', 1), real([6, 2], 'stats', 1), real([6, 5], 'addend')],
      attrs: { op: 'norm_backward', amax: 'all', kind: 'layernorm', addend: true },
    },
    { inputs: [real([3, 5], 'a'), real([3, 5], 'b')], attrs: { op: 'add', amax: 'all' } },
    { inputs: [real([3, 5], 'x')], attrs: { op: 'activation', amax: 'finite', kind: 'gelu', cap: 0 } },
    { inputs: [real([3, 5], 'dy'), real([3, 5], 'x')], attrs: { op: 'activation_backward', amax: 'all', kind: 'relu2', cap: 0 } },
    { inputs: [real([3, 10], 'x')], attrs: { op: 'swiglu', amax: 'all' } },
    { inputs: [real([3, 5], 'dy'), real([3, 10], 'x')], attrs: { op: 'swiglu_backward', amax: 'finite' } },
    {
      inputs: [real([3, 5], 'a'), real([5, 8], 'b'), real([8], 'bias')],
      attrs: { ...product({ bias: true, activation: 'gelu' }), op: 'matmul', amax: 'all' },
    },
    {
      inputs: [real([1, 5, 12], 'qkv')],
      attrs: { heads: 1, kvHeads: 1, headSize: 4, scale: 0.5, ...bare, op: 'attention', amax: 'all' },
    },
    {
      inputs: [real([2, 3, 6], 'logits'), text.tokens, hyperOperand(0.1)],
      attrs: { scale: 1 / 6, op: 'cross_entropy_fused', amax: 'finite' },
    },
  ],
  amax_tensors: [
    {
      inputs: [{ type: packOf([[3, 5], [7], [2, 2]]), data: noise(26, 'pack') }],
      attrs: { of: 'all', tensors: [2, 0] },
    },
  ],
  with_cast: [
    {
      inputs: [real([2, 3, 4], 'a'), real([2, 3, 4], 'b', 2), real([4], 'gain', 1)],
      attrs: { ...uncast({ format: 'bf16', saturate: false }), op: 'residual_norm', kind: 'rmsnorm', bias: false, eps: 0.1 },
    },
    { inputs: [real([3, 4], 'a'), real([3, 4], 'b')], attrs: { ...uncast({ format: 'e4m3' }), op: 'add' } },
    {
      inputs: [real([3, 8], 'x')],
      attrs: { ...uncast({ format: 'fp16', rounding: 'zero' }), op: 'activation', kind: 'gelu', cap: 0 },
    },
    { inputs: [real([3, 4], 'dy'), real([3, 8], 'x')], attrs: { ...uncast({ format: 'e5m2' }), op: 'swiglu_backward' } },
  ],
  head_loss: [false, true].flatMap((tied) =>
    [true, false].map((gradient) => ({
      inputs: [real([2, 3, 4], 'x'), real(tied ? [6, 4] : [4, 6], 'w'), text.tokens, hyperOperand(0.1)],
      attrs: { tied, gradient, scale: 1 / 6, chunk: 4 },
    })),
  ),
  cross_entropy_fused: [{ inputs: [real([2, 3, 6], 'logits'), text.tokens, hyperOperand(0.1)], attrs: { scale: 1 / 6 } }],
};
