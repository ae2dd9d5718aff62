import type { Role, Scaling } from '../numerics/site.ts';
import type { PrecisionSpec } from './run-spec.ts';

/** What a recipe says of one role: a format, and the scaling where it is not the format's usual one under this recipe. */
interface Choice {
  readonly format: string;
  readonly scaling?: Scaling;
}

type Choices = Partial<Record<Role, Choice>>;

interface RecipeRow {
  /** One sentence, with its full stop. */
  readonly help: string;
  readonly casts: (spec: PrecisionSpec) => Choices;
  /** Whether the head's matmuls are cast as those of the blocks are; its logits never are. */
  readonly head: boolean;
  /** How it scales tensors in formats of at most 8 bits, its own and those of overrides. */
  readonly tensors: Exclude<Scaling, 'block'>;
  /** Set where the recipe takes `format` from the spec; what `recipe` then stands for. */
  readonly format?: 'hybrid' | 'e4m3';
  /** Scales are powers of two whatever the spec says. */
  readonly powerOfTwo?: true;
}

/** The operands of the three matmuls of a linear layer. */
export const OPERANDS = [
  'fprop.activation',
  'fprop.weight',
  'dgrad.gradient',
  'dgrad.weight',
  'wgrad.activation',
  'wgrad.gradient',
] as const satisfies readonly Role[];

/** What bf16 keeps of a step besides the operands: the results of all kernels but norms' statistics, scores and logits, forward and backward. */
const ACTIVATIONS = [
  'fprop.output',
  'dgrad.output',
  'residual',
  'residual.gradient',
  'intermediate',
  'intermediate.gradient',
] as const satisfies readonly Role[];

function each(roles: readonly Role[], format: string): Choices {
  return Object.fromEntries(roles.map((role) => [role, { format }]));
}

/** Operands that are gradients: HYBRID gives them range instead of precision, stochastic rounding keeps their mean. */
export function isGradientOperand(role: Role): boolean {
  return role === 'dgrad.gradient' || role === 'wgrad.gradient';
}

/** The six operands in FP8, as the spec's `format` says or, where it leaves that to the recipe, as `own`. */
function fp8({ format }: PrecisionSpec, own: 'hybrid' | 'e4m3', prefix = ''): Choices {
  const kind = format === 'recipe' ? own : format;
  const of = (role: Role): string => (kind === 'hybrid' ? (isGradientOperand(role) ? 'e5m2' : 'e4m3') : kind);
  return Object.fromEntries(OPERANDS.map((role) => [role, { format: prefix + of(role) }]));
}

/** Every recipe: what it casts. */
export const RECIPES: { readonly [R in PrecisionSpec['recipe']]: RecipeRow } = {
  f32: { help: 'Everything in f32.', casts: () => ({}), head: false, tensors: 'current' },
  bf16: {
    help: 'Matmul operands, activations and their gradients in bf16; master weights, optimizer and accumulation in f32.',
    casts: () => each([...OPERANDS, ...ACTIVATIONS], 'bf16'),
    head: true,
    tensors: 'current',
  },
  'bf16-pure': {
    help: 'As bf16, and the weights are kept in bf16 too.',
    casts: () => each([...OPERANDS, ...ACTIVATIONS, 'weights'], 'bf16'),
    head: true,
    tensors: 'current',
  },
  'fp8-current': {
    help: 'Matmul operands in FP8, each scaled by its own amax.',
    casts: (spec) => fp8(spec, 'hybrid'),
    head: false,
    tensors: 'current',
    format: 'hybrid',
  },
  'fp8-delayed': {
    help: 'Matmul operands in FP8, scaled by the amax of earlier steps (TransformerEngine).',
    casts: (spec) => fp8(spec, 'hybrid'),
    head: false,
    tensors: 'delayed',
    format: 'hybrid',
  },
  'fp8-none': {
    help: 'Matmul operands in FP8 without scales, as for unit scaling.',
    casts: (spec) => fp8(spec, 'hybrid'),
    head: false,
    tensors: 'none',
    format: 'hybrid',
  },
  'fp8-block': {
    help: 'Matmul operands in E4M3 with an f32 scale for 1x128 activations and gradients and 128x128 weights (DeepSeek-V3).',
    casts: () => ({ ...each(OPERANDS, 'fp8-1x128'), ...each(['fprop.weight', 'dgrad.weight'], 'fp8-128x128') }),
    head: false,
    tensors: 'current',
  },
  mxfp8: {
    help: 'Matmul operands in FP8 with a power-of-two scale for every 32 elements (OCP MX).',
    casts: (spec) => fp8(spec, 'e4m3', 'mxfp8-'),
    head: false,
    tensors: 'current',
    format: 'e4m3',
  },
  mxfp4: {
    help: 'Matmul operands in E2M1 with a power-of-two scale for every 32 elements (OCP MX).',
    casts: () => each(OPERANDS, 'mxfp4'),
    head: false,
    tensors: 'current',
  },
  nvfp4: {
    help: 'Matmul operands in E2M1 with an E4M3 scale for every 16 elements and an f32 scale for the tensor; gradients round stochastically.',
    casts: () => each(OPERANDS, 'nvfp4'),
    head: false,
    tensors: 'current',
  },
  'fp8-lm': {
    help: 'FP8 operands and weight gradients, first moment in FP8, second moment and master weights in FP16, all with power-of-two scales (FP8-LM).',
    casts: (spec) => ({
      ...fp8(spec, 'hybrid'),
      ...each(['wgrad.output', 'optimizer.m'], 'e4m3'),
      'optimizer.v': { format: 'fp16', scaling: 'current' },
      weights: { format: 'fp16', scaling: 'current' },
    }),
    head: false,
    tensors: 'current',
    format: 'hybrid',
    powerOfTwo: true,
  },
};
