import { quantile } from '../base/quantile.ts';
import type { Dataset } from '../data/index.ts';
import { keptBytes } from '../engine/index.ts';
import type { Gpu } from '../gpu/device.ts';
import type { FusionRule, RunSpec } from '../spec/index.ts';
import { Trainer } from '../train/index.ts';
import { msPerStep } from '../measure/index.ts';

export type Recipe = RunSpec['precision']['recipe'];

export const ALL_RECIPES: readonly Recipe[] = [
  'f32',
  'bf16',
  'bf16-pure',
  'fp8-none',
  'fp8-current',
  'fp8-delayed',
  'fp8-block',
  'mxfp8',
  'mxfp4',
  'nvfp4',
  'fp8-lm',
];

/** What a step in one recipe costs. */
export interface RecipeCost {
  readonly recipe: Recipe;
  /** Casts fused into the kernels beside them, or all of them on their own; everything else is fused in both. */
  readonly casts: 'fused' | 'unfused';
  /** Wall time of a step over the rounds, each of which measured every recipe: median and quartiles. */
  readonly msPerStep: Spread;
  /** What that is more than f32 of the same round. */
  readonly msOverF32: Spread;
  readonly dispatchesPerStep: number;
  /** Bytes that one lane keeps from the forward for the backward pass. */
  readonly keptBytes: number;
  readonly peakBytes: number;
}

export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export interface RecipeOptions {
  readonly gpu: Gpu;
  /** Its own recipe is of no account. */
  readonly spec: RunSpec;
  readonly dataset: Dataset;
  /** f32 is always among them. */
  readonly recipes?: readonly Recipe[];
  readonly rounds?: number;
  /** Milliseconds of training a round and recipe, and at least one step. */
  readonly windowMs?: number;
  readonly onProgress?: (what: string) => void;
}

const CAST_RULES: readonly FusionRule[] = [
  'cast-store',
  'cast-producer',
  'matmul-decode',
  'matmul-cast',
  'amax-producer',
  'amax-weights',
];

/** All fused but the casts. */
const UNFUSED_CASTS = Object.fromEntries(CAST_RULES.map((name) => [name, false]));

interface Arm {
  readonly recipe: Recipe;
  readonly casts: RecipeCost['casts'];
  readonly trainer: Trainer;
  readonly samples: number[];
}

/**
 * Trains the spec in every recipe, turn by turn, so that what slows the machine down meets them all alike.
 *
 * @throws DeviceError, KernelError as a run does; SpecError where the spec's dimensions do not suit a recipe's blocks.
 */
export async function recipeCosts(options: RecipeOptions): Promise<readonly RecipeCost[]> {
  const { gpu, spec, dataset, recipes = ALL_RECIPES, rounds = 5, windowMs = 250, onProgress } = options;
  const arms: Arm[] = [];
  try {
    for (const recipe of new Set<Recipe>(['f32', ...recipes])) {
      for (const casts of recipe === 'f32' ? (['fused'] as const) : (['fused', 'unfused'] as const)) {
        onProgress?.(`${recipe}, casts ${casts}: compiling`);
        const own = recipeSpec(spec, recipe, casts);
        arms.push({ recipe, casts, trainer: await Trainer.create({ gpu, specs: [own], dataset }), samples: [] });
      }
    }
    // The first window warms up.
    for (let round = 0; round <= rounds; round++) {
      onProgress?.(round === 0 ? 'warming up' : `round ${round} of ${rounds}`);
      for (const { trainer, samples } of arms) {
        const ms = await msPerStep(trainer, windowMs);
        if (round > 0) samples.push(ms);
      }
    }
    const base = arms[0]?.samples ?? [];
    return arms.map(({ recipe, casts, trainer: { plan }, samples }) => ({
      recipe,
      casts,
      msPerStep: spread(samples),
      msOverF32: spread(samples.map((ms, round) => ms - (base[round] ?? NaN))),
      dispatchesPerStep: plan.dispatchesPerStep,
      keptBytes: keptBytes(plan) / plan.lanes,
      peakBytes: plan.peakBytes,
    }));
  } finally {
    for (const { trainer } of arms) trainer.destroy();
  }
}

/** The spec in a recipe of the defaults; blocks of 128 are made as small as dimensions ask for. */
export function recipeSpec(spec: RunSpec, recipe: Recipe, casts: RecipeCost['casts']): RunSpec {
  const blockSize = recipe === 'fp8-block' && spec.model.width % 128 !== 0 ? 16 : null;
  const precision = { ...spec.precision, recipe, blockSize, overrides: {} };
  return { ...spec, precision, fusion: casts === 'fused' ? 'all' : UNFUSED_CASTS };
}

function spread(samples: readonly number[]): Spread {
  const [low = NaN, median = NaN, high = NaN] = [0.25, 0.5, 0.75].map((share) => quantile(samples, share));
  return { median, low, high };
}
