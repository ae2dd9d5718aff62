import { recipeGaps, recipeRuns } from '../bench/index.ts';
import type { GapOptions, RecipeRun } from '../bench/index.ts';
import { SpecError } from '../base/errors.ts';
import { specToHash, tokensPerStep } from '../spec/index.ts';
import { verdictOf } from '../laws/index.ts';
import { adapterName } from './adapter.ts';
import { readTextIfAny, writeWhole } from './files.ts';
import { table } from './format.ts';
import type { Io } from './io.ts';
import { parseJson } from './spec-file.ts';

/** Runs of one spec in several recipes, as a file keeps them. */
export interface RecipeStudy {
  /** The spec as a link's fragment. */
  readonly spec: string;
  readonly seeds: number;
  readonly tokensPerStep: number;
  readonly adapter: string;
  readonly software: boolean;
  readonly runs: readonly RecipeRun[];
}

/**
 * Makes the runs that the file does not have yet, and keeps each as it ends.
 *
 * @throws SpecError where the file is of another spec or number of seeds; what training throws.
 */
export async function recipeStudy(
  options: Omit<GapOptions, 'known' | 'onRun' | 'seeds'> & { readonly seeds: number },
  save: string | null,
  io: Io,
): Promise<RecipeStudy> {
  const { gpu, spec, seeds } = options;
  const empty: RecipeStudy = {
    spec: specToHash(spec),
    seeds,
    tokensPerStep: tokensPerStep(spec),
    adapter: adapterName(gpu.report),
    software: gpu.report.software,
    runs: [],
  };
  let kept = save === null ? empty : (savedStudy(save, empty) ?? empty);
  const runs = await recipeRuns({
    ...options,
    known: kept.runs,
    onRun: (run) => {
      kept = { ...kept, runs: [...kept.runs, run] };
      if (save !== null) writeWhole(save, `${JSON.stringify(kept)}\n`);
    },
    onProgress: (said) => io.err(`${said}\n`),
  });
  return { ...kept, runs };
}

function savedStudy(path: string, { spec, seeds, adapter }: RecipeStudy): RecipeStudy | null {
  const text = readTextIfAny(path);
  if (text === null) return null;
  // The file is this command's own: what else it may hold shows as another spec.
  const study = parseJson(text, `file "${path}"`) as Partial<RecipeStudy>;
  if (isStudy(study) && study.spec === spec && study.seeds === seeds && study.adapter === adapter) return study;
  throw new SpecError({
    where: `file "${path}"`,
    rule: 'it keeps the runs of another spec, of other seeds or of another adapter',
    got: `${study.spec ?? 'no spec'}, ${study.seeds ?? 'no'} seeds, ${study.adapter ?? 'no adapter'}`,
    expected: `${spec}, ${seeds} seeds, ${adapter}`,
    cure: 'Name another file.',
  });
}

function isStudy(value: Partial<RecipeStudy>): value is RecipeStudy {
  return Array.isArray(value.runs);
}

/** The lines of `bench recipes`: how far each recipe ends from f32. */
export function gapsText(study: RecipeStudy): string {
  const rows = recipeGaps(study.runs).map(({ recipe, validation, gap }) => [
    recipe,
    validation === null ? '' : validation.toFixed(4),
    gap === null || gap.equal ? '' : `${percent(gap.relative)} %`,
    gap === null || gap.equal ? '' : `${percent(gap.lo)} to ${percent(gap.hi)} %`,
    recipe === 'f32' ? '' : verdictOf(gap, { arm: recipe, baseline: 'f32', tokensPerStep: study.tokensPerStep }).text,
  ]);
  const titles = ['recipe', 'validation', 'gap to f32', '95 % interval', ''];
  return table([titles, ...rows], (column) => column > 0 && column < 4);
}

function percent(share: number): string {
  return `${share < 0 ? '' : '+'}${(100 * share).toFixed(2)}`;
}
