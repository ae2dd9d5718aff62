import type { FieldTable, SpecPath } from './field.ts';
import { scalingsOf } from './precision.ts';
import { RECIPES } from './recipes.ts';
import type { RunSpec } from './run-spec.ts';

type PrecisionPath = Extract<SpecPath, `precision.${string}`>;

const isScaled = ({ precision }: RunSpec): boolean => {
  const used = scalingsOf(precision);
  return used.has('current') || used.has('delayed');
};
const isDelayed = ({ precision }: RunSpec): boolean => scalingsOf(precision).has('delayed');

/** The rows of the table of fields that say in which precision a run trains. */
export const PRECISION_FIELDS: Pick<FieldTable, PrecisionPath> = {
  'precision.recipe': {
    label: 'Precision',
    help: 'Recipe of number formats for weights, activations and gradients; emulated, so it shows numerics and not speed.',
    group: 'numerics',
    laneable: false,
    kind: 'choice',
    default: 'f32',
    choices: {
      f32: 'f32',
      bf16: 'bf16',
      'bf16-pure': 'bf16, weights too',
      'fp8-current': 'FP8, current scaling',
      'fp8-delayed': 'FP8, delayed scaling',
      'fp8-none': 'FP8, no scaling',
      'fp8-block': 'FP8 in blocks (DeepSeek-V3)',
      mxfp8: 'MXFP8',
      mxfp4: 'MXFP4',
      nvfp4: 'NVFP4',
      'fp8-lm': 'FP8-LM',
    },
  },
  'precision.format': {
    label: 'FP8 format',
    help: "E4M3, E5M2, or HYBRID: E4M3 forward and E5M2 for gradients; the recipe's own is HYBRID, and E4M3 for MXFP8.",
    group: 'numerics',
    laneable: false,
    when: ({ precision }) => RECIPES[precision.recipe].format !== undefined,
    kind: 'choice',
    default: 'recipe',
    choices: { recipe: 'As the recipe has it', hybrid: 'HYBRID', e4m3: 'E4M3', e5m2: 'E5M2' },
  },
  'precision.scale': {
    label: 'Scales',
    help: 'Scales of whole tensors: rounded down to a power of two, so that they change exponents only, or f32.',
    group: 'numerics',
    laneable: false,
    when: (spec) => isScaled(spec) && RECIPES[spec.precision.recipe].powerOfTwo === undefined,
    kind: 'choice',
    default: 'power-of-two',
    choices: { 'power-of-two': 'Powers of two', f32: 'f32' },
  },
  'precision.margin': {
    label: 'Margin',
    help: "Powers of two that scales of whole tensors leave free below the format's maximum.",
    unit: 'powers of two',
    group: 'numerics',
    laneable: false,
    when: isScaled,
    kind: 'int',
    default: 0,
    nullable: false,
    min: 0,
    max: 32,
    step: 1,
    log: false,
    usual: [0, 4],
  },
  'precision.amaxHistoryLen': {
    label: 'amax history',
    help: 'Steps whose amax delayed scaling remembers.',
    unit: 'steps',
    group: 'numerics',
    laneable: false,
    when: isDelayed,
    kind: 'int',
    default: 1024,
    nullable: false,
    min: 1,
    max: 4096,
    step: 2,
    log: true,
    usual: [1, 1024],
  },
  'precision.amaxAlgo': {
    label: 'amax of the history',
    help: 'Which amax delayed scaling takes: the largest of its history, or the last one.',
    group: 'numerics',
    laneable: false,
    when: isDelayed,
    kind: 'choice',
    default: 'max',
    choices: { max: 'Largest', most_recent: 'Most recent' },
  },
  'precision.blockSize': {
    label: 'Block size',
    help: 'Elements along the side of a block that shares a scale, a power of two that divides what it is laid along.',
    unit: 'elements',
    group: 'numerics',
    laneable: false,
    when: ({ precision }) => scalingsOf(precision).has('block'),
    kind: 'int',
    default: null,
    nullable: true,
    nullMeans: "the format's own",
    min: 4,
    max: 128,
    step: 2,
    log: true,
  },
  'precision.rounding': {
    label: 'Rounding',
    help: 'As the recipe has it (to nearest, but gradients in NVFP4 stochastically), all to nearest, or stochastic: the weights of bf16-pure, the gradient operands of the others.',
    group: 'numerics',
    laneable: false,
    when: ({ precision }) => scalingsOf(precision).size > 0,
    kind: 'choice',
    default: 'recipe',
    choices: { recipe: 'As the recipe has it', nearest: 'Nearest', stochastic: 'Stochastic' },
  },
  'precision.overrides': {
    label: 'Overrides',
    help: 'Casts of single tensors, over what the recipe does: a role, a layer, or layer:role, and its format/scaling/rounding; later ones win.',
    group: 'numerics',
    laneable: false,
    kind: 'casts',
    default: {},
    maxEntries: 64,
  },
};
