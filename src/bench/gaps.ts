import type { Dataset } from '../data/index.ts';
import type { Gpu } from '../gpu/device.ts';
import { gapOver, windowsOf } from '../laws/index.ts';
import type { Gap } from '../laws/index.ts';
import { flopsPerToken, totalSteps } from '../spec/index.ts';
import type { RunSpec } from '../spec/index.ts';
import { Trainer } from '../train/index.ts';
import { ALL_RECIPES, recipeSpec } from './recipes.ts';
import type { Recipe } from './recipes.ts';

/** A spec trained to its end in one recipe, once a seed, the seeds as lanes of one program. */
export interface RecipeRun {
  readonly recipe: Recipe;
  /** Nats per token, `[seeds][steps]`. */
  readonly losses: readonly (readonly number[])[];
  /** Mean nats per token of the held-out part at the end, a seed; null where the data has none. */
  readonly validation: readonly number[] | null;
}

/** How far each recipe ends from f32. */
export interface RecipeGap {
  readonly recipe: Recipe;
  /** Mean over seeds of the held-out loss at the end, nats per token; null where the data has no such part. */
  readonly validation: number | null;
  /** Of the training loss over the last tenth of the steps; null where no seed stayed finite there. */
  readonly gap: Gap | null;
}

export interface GapOptions {
  readonly gpu: Gpu;
  /** Its own recipe is of no account. */
  readonly spec: RunSpec;
  readonly dataset: Dataset;
  /** f32 is always among them. */
  readonly recipes?: readonly Recipe[];
  /** Runs of each recipe: seeds 1, 2, ... */
  readonly seeds?: number;
  /** Runs that need not be made again. */
  readonly known?: readonly RecipeRun[];
  /** Hears of each run as it ends, so that a study of hours can be gone on with. */
  readonly onRun?: (run: RecipeRun) => void;
  readonly onProgress?: (what: string) => void;
}

/** Floats of a loss that are told: six digits are f32's own. */
const told = (value: number): number => Number(value.toPrecision(6));

/**
 * Trains the spec in every recipe, from the same weights and on the same batches a seed.
 *
 * @returns the known runs and the new ones, f32 first.
 * @throws DeviceError, KernelError as a run does; SpecError where the spec's dimensions do not suit a recipe's blocks.
 */
export async function recipeRuns(options: GapOptions): Promise<readonly RecipeRun[]> {
  const { spec, dataset, recipes = ALL_RECIPES, known = [], onRun } = options;
  const steps = totalSteps(spec, flopsPerToken(spec, dataset.vocab).total);
  const runs: RecipeRun[] = [];
  for (const recipe of new Set<Recipe>(['f32', ...recipes])) {
    const before = known.find((run) => run.recipe === recipe);
    const run = before ?? (await trainRecipe(options, recipe, steps));
    if (before === undefined) onRun?.(run);
    runs.push(run);
  }
  return runs;
}

async function trainRecipe(options: GapOptions, recipe: Recipe, steps: number): Promise<RecipeRun> {
  const { gpu, spec, dataset, seeds = 3, onProgress } = options;
  const own = recipeSpec(spec, recipe, 'fused');
  const specs = Array.from({ length: seeds }, (_, i) => ({ ...own, seed: { init: i + 1, data: i + 1 } }));
  onProgress?.(`${recipe}: compiling`);
  const trainer = await Trainer.create({ gpu, specs, dataset });
  try {
    const losses = specs.map((): number[] => []);
    while (trainer.step < steps) {
      await trainer.free();
      const { lossNats } = await trainer.advance(1);
      for (const [lane, loss] of lossNats.entries()) losses[lane]?.push(told(loss));
      onProgress?.(`${recipe}: step ${trainer.step} of ${steps}`);
    }
    const validation = await trainer.evaluate('validation');
    return { recipe, losses, validation: validation === null ? null : Array.from(validation, told) };
  } finally {
    trainer.destroy();
  }
}

/** The gap of every run to f32's. @throws RangeError without a run of f32. */
export function recipeGaps(runs: readonly RecipeRun[]): readonly RecipeGap[] {
  const base = runs.find(({ recipe }) => recipe === 'f32');
  if (base === undefined) throw new RangeError('gaps are to f32, which is not among the runs');
  const steps = base.losses[0]?.length ?? 0;
  const { windowSteps } = windowsOf(steps);
  return runs.map(({ recipe, losses, validation }) => ({
    recipe,
    validation: validation === null ? null : validation.reduce((sum, value) => sum + value, 0) / validation.length,
    gap: gapOver({ arm: losses, baseline: base.losses }, steps - windowSteps + 1, steps),
  }));
}
