import {
  FIELDS,
  differingPaths,
  getField,
  PRESETS,
  totalSteps,
  withDefaults,
  type Preset,
  type RunSpec,
  type SpecPath,
} from '../spec/index.ts';
import { COMPARISON_START, recipeArm, type ComparisonSetup } from './comparison-setup.ts';

/** A comparison that one click sets up: a spec to start from, and arms over it. */
export interface ComparisonPreset {
  readonly id: string;
  /** A word or two. */
  readonly label: string;
  /** As a sentence without its full stop. */
  readonly title: string;
  readonly blurb: string;
  /** Null leaves the base spec as it is. */
  readonly base: RunSpec | null;
  readonly setup: ComparisonSetup;
}

const LABELS: Readonly<Record<string, string>> = {
  'qk-norm': 'qk-norm',
  'z-loss': 'z-loss',
  fp8: 'FP8 from scratch',
  nvfp4: 'NVFP4',
};

/** Looks at the tensors that a short run is given at least, so that its map shows a course. */
const LOOKS = 20;

/** The comparison of a preset that has one: the preset itself and what it is held against. */
function ofPreset({ id, title, blurb, spec, compare = {} }: Preset): ComparisonPreset {
  const base = withDefaults(spec);
  const other = withDefaults(compare, base);
  const [path = 'name'] = differingPaths(base, other).filter((each) => each !== 'name');
  // A recipe is held against the one that is known to work; other settings stand against what they cure.
  const baseline = path === 'precision.recipe' ? 1 : 0;
  const arms = [
    { name: armName(path, base), changes: {} },
    { name: armName(path, other), changes: compare },
  ];
  const probeEvery = Math.min(COMPARISON_START.probeEvery, Math.ceil(totalSteps(base) / LOOKS));
  const setup = { ...COMPARISON_START, arms, baseline, probeEvery };
  return { id, label: LABELS[id] ?? id.replaceAll('-', ' '), title, blurb, base, setup };
}

/** `fp8-delayed`, `qk-norm off`, `z-loss 0.0001`. */
function armName(path: SpecPath, spec: RunSpec): string {
  const value = getField(spec, path);
  if (path === 'precision.recipe') return spec.precision.recipe;
  const { label } = FIELDS[path];
  const short = label.charAt(0).toLowerCase() + label.slice(1);
  return `${short} ${typeof value === 'boolean' ? (value ? 'on' : 'off') : JSON.stringify(value).replaceAll('"', '')}`;
}

/** Comparisons to begin with: of recipes over whatever the base is, and of presets that make trouble and cure it. */
export const COMPARISON_PRESETS: readonly ComparisonPreset[] = [
  {
    id: 'bf16-fp8',
    label: 'bf16 against FP8',
    title: 'What FP8 costs this model',
    blurb: 'FP8 as TransformerEngine has it: E4M3 forward, E5M2 for gradients, each tensor scaled by its own amax.',
    base: null,
    setup: COMPARISON_START,
  },
  {
    id: 'eight-bits',
    label: '8 bits',
    title: 'Three ways to eight bits',
    blurb: 'A scale for each tensor, for each block of 64 (DeepSeek-V3 has 128), and for each 32 elements (MXFP8), against bf16.',
    base: null,
    setup: {
      ...COMPARISON_START,
      arms: [recipeArm('bf16'), recipeArm('fp8-current'), recipeArm('fp8-block', { blockSize: 64 }), recipeArm('mxfp8')],
    },
  },
  {
    id: 'four-bits',
    label: '4 bits',
    title: 'Down to four bits',
    blurb: 'MXFP8, MXFP4 and NVFP4 against bf16: where does the loss leave the noise?',
    base: null,
    setup: { ...COMPARISON_START, arms: [recipeArm('bf16'), recipeArm('mxfp8'), recipeArm('mxfp4'), recipeArm('nvfp4')] },
  },
  ...PRESETS.filter(({ compare }) => compare !== undefined).map(ofPreset),
];
