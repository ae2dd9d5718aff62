import type { SpecPath } from './field.ts';
import { countedParameters, type ParametersCounted } from './counts.ts';
import { isRecord } from './defaults.ts';
import type { RunSpec } from './run-spec.ts';
import { vocabSize } from './shapes.ts';
import { getField, setField } from './schema.ts';
import { budgetAs, totalSteps } from './steps.ts';
import { isRange, numbersOf } from './sweep.ts';
import type { Axis, AxisValue, AxisValues, PathAxis, SweepRecipe } from './sweep.ts';
import { choiceParam, numberParam, rulesParam, sizesParam, valuesOf } from './sweep-params.ts';
import type { Param, Size } from './sweep-params.ts';
import type { Report } from './sweep-values.ts';
import { either, nearest, quoted, shown } from './words.ts';

/** What a recipe makes of its parameters. */
export interface RecipeReading {
  /** The recipe with every parameter, the omitted ones at their defaults. */
  readonly recipe: SweepRecipe;
  /** Runs of its grid, known before {@link axes} writes any of them down. */
  readonly runs: number;
  readonly axes: () => readonly Axis[];
}

export interface RecipeRow {
  /** What the user gets, as a sentence without its full stop. */
  readonly title: string;
  /** One or two sentences. */
  readonly help: string;
  readonly params: Readonly<Record<string, Pick<Param<unknown>, 'help' | 'default' | 'form'>>>;
  /** A sweep of it, small. */
  readonly example: SweepRecipe;
  readonly read: (given: Record<string, unknown>, base: RunSpec, report: Report) => RecipeReading | undefined;
}

type Params = Readonly<Record<string, Param<unknown>>>;
type ValuesOf<P extends Params> = { readonly [K in keyof P]: P[K] extends Param<infer T> ? T : never };

const SEEDS = {
  seeds: numberParam('Runs of each point that differ in their seeds only.', { min: 1, max: 1000, whole: true, default: 1 }),
};
const WARMUP = {
  warmup: choiceParam(
    'Whether the warm-up keeps its share of the run, or its number of steps.',
    ['share', 'steps'] as const,
    'share',
  ),
};
type Warmup = 'share' | 'steps';
const SIZES = {
  sizes: sizesParam('Widths, or sizes such as {"layers":2,"width":64,"heads":4}; heads keep the base’s head size.'),
};

interface RowOf<P extends Params> {
  readonly title: string;
  readonly help: string;
  readonly params: P;
  readonly example: Record<string, unknown>;
  readonly axes: (values: ValuesOf<P>, base: RunSpec) => readonly Axis[];
  /** Runs of its grid, where these are not one for each combination of its lists. */
  readonly runs?: (values: ValuesOf<P>) => number;
}

/** A row with the `seeds` that every recipe has. */
function row<P extends Params>(kind: string, { title, help, params, example, axes, runs }: RowOf<P>): RecipeRow {
  const all: Params = { ...params, ...SEEDS };
  const read: RecipeRow['read'] = (given, base, report) => {
    const known = ['kind', ...Object.keys(all)];
    let sound = true;
    const fail: Report = (at, complaint) => {
      sound = false;
      report(at, complaint);
    };
    for (const key of Object.keys(given).filter((name) => !known.includes(name))) {
      const near = nearest(key, known);
      fail(`recipe.${/^\w{1,40}$/.test(key) ? key : quoted(key)}`, {
        rule: `is not a parameter of ${kind}`,
        got: shown(given[key]),
        cure: near === undefined ? `Parameters are ${known.slice(1).join(', ')}.` : `Did you mean "${near}"?`,
      });
    }
    const values = Object.fromEntries(
      Object.entries(all).map(([name, param]): [string, unknown] => {
        const value = given[name] ?? param.default;
        if (value !== undefined) return [name, param.read(`recipe.${name}`, value, base, fail)];
        return [name, fail(`recipe.${name}`, { rule: 'is missing', cure: param.help })];
      }),
    );
    if (!sound) return undefined;
    // Every parameter was read by the reader of its own name, and none reported a fault.
    const own = values as ValuesOf<P>;
    const seeds = Number(values['seeds']);
    const points = runs?.(own) ?? Object.values(values).reduce<number>((product, value) => product * listLength(value), 1);
    return {
      recipe: { kind, ...values },
      runs: points * seeds,
      axes: () => [...axes(own, base), ...(seeds > 1 ? [seedAxis(base, seeds)] : [])],
    };
  };
  return { title, help, params: all, example: { kind, ...example }, read };
}

/** Values of a parameter that is a list or a range; 1 for any other. */
function listLength(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  return isRecord(value) && typeof value['count'] === 'number' ? value['count'] : 1;
}

/** Both seeds, counted up from the base's: u32, like the fields. */
function seedAxis({ seed }: RunSpec, count: number): Axis {
  const from = (first: number): number[] => Array.from({ length: count }, (_, i) => (first + i) % 2 ** 32);
  return {
    zip: [
      { path: 'seed.init', values: from(seed.init) },
      { path: 'seed.data', values: from(seed.data) },
    ],
  };
}

type Point = Partial<Record<SpecPath, number>>;

/** One axis of points that each set the same fields, and the warm-up where that is to keep its share of the run. */
function pointAxis(points: readonly Point[], base: RunSpec, warmup: Warmup): Axis {
  const share = base.schedule.warmupSteps / totalSteps(base);
  const full = points.map((point): Point => {
    if (warmup === 'steps' || share === 0) return point;
    const steps = totalSteps(specAt(base, point));
    return { ...point, 'schedule.warmupSteps': Math.min(steps - 1, Math.round(share * steps)) };
  });
  const paths = Object.keys(full[0] ?? {}) as SpecPath[];
  const columns = paths.map((path): PathAxis => ({ path, values: full.map((point) => point[path] ?? null) }));
  // Fields that stay as the base has them are no news of a run.
  const varied = columns.filter(({ path }) => full.some((point) => point[path] !== getField(base, path)));
  const [only, ...others] = varied.length === 0 ? columns : varied;
  return only !== undefined && others.length === 0 ? only : { zip: varied.length === 0 ? columns : varied };
}

function specAt(base: RunSpec, point: Point): RunSpec {
  return Object.entries(point).reduce<RunSpec>((spec, [path, value]) => setField(spec, path as SpecPath, value), base);
}

function sizePoint({ layers, width, heads }: Size): Point {
  return { 'model.layers': layers, 'model.width': width, 'model.heads': heads };
}

/** Numbers of a field, a range written out. */
function numbers(values: AxisValues, whole: boolean): readonly number[] {
  return isRange(values) ? numbersOf(values, whole) : values.filter((value): value is number => typeof value === 'number');
}

function sizeAxis(sizes: readonly Size[], base: RunSpec): Axis {
  return pointAxis(sizes.map(sizePoint), base, 'steps');
}

/** Every recipe, by its `kind`. */
export const SWEEP_RECIPES: Readonly<Record<string, RecipeRow>> = {
  'lr-width': row('lr-width', {
    title: 'Learning rate against width',
    help: 'Every learning rate at every size: where the best one lies, and how it moves as models grow.',
    params: { lr: valuesOf('optimizer.lr', 'Peak learning rates.'), ...SIZES },
    example: { lr: { log: [1e-3, 1e-1], count: 5 }, sizes: [32, 64] },
    axes: ({ lr, sizes }, base) => [sizeAxis(sizes, base), { path: 'optimizer.lr', values: lr }],
  }),
  seeds: row('seeds', {
    title: 'The same run under other seeds',
    help: 'How much of a difference is luck.',
    params: {},
    example: { seeds: 3 },
    axes: () => [],
  }),
  'size-ladder': row('size-ladder', {
    title: 'Sizes at fixed tokens per parameter',
    help: 'A ladder of models, each trained on tokens in proportion to its parameters.',
    params: {
      ...SIZES,
      tokensPerParameter: numberParam('Training tokens per parameter.', { min: 1e-3, max: 1e6, whole: false, default: 20 }),
      parameters: choiceParam<ParametersCounted>('Which parameters count.', ['all', 'non-embedding', 'blocks'], 'all'),
      ...WARMUP,
    },
    example: { sizes: [16, 32], tokensPerParameter: 1 },
    axes: ({ sizes, tokensPerParameter, parameters, warmup }, base) => {
      const points = sizes.map((size): Point => {
        const spec = specAt(base, sizePoint(size));
        const tokens = Math.round(tokensPerParameter * countedParameters(spec, vocabSize(spec), parameters));
        return { ...sizePoint(size), 'budget.tokens': tokens };
      });
      return [pointAxis(points, base, warmup)];
    },
  }),
  isoflop: row('isoflop', {
    title: 'IsoFLOP curves',
    help: 'Every size under every budget of FLOPs: the larger the model, the fewer tokens. Each budget has a size that is best.',
    params: { budgets: valuesOf('budget.flops', 'Budgets in training FLOPs.'), ...SIZES, ...WARMUP },
    example: { budgets: [1e10, 1e11], sizes: [16, 32, 48] },
    axes: ({ budgets, sizes, warmup }, base) => {
      const points = numbers(budgets, false).flatMap((flops) =>
        sizes.map((size): Point => ({ ...sizePoint(size), 'budget.flops': flops })),
      );
      return [pointAxis(points, base, warmup)];
    },
  }),
  horizons: row('horizons', {
    title: 'Token horizons',
    help: 'The same model trained for longer and longer, each run with a schedule of its own length.',
    params: { tokens: valuesOf('budget.tokens', 'Training tokens.'), ...WARMUP },
    example: { tokens: { log: [1e5, 1e6], count: 3 } },
    axes: ({ tokens, warmup }, base) => [
      pointAxis(
        numbers(tokens, true).map((budget) => ({ 'budget.tokens': budget })),
        base,
        warmup,
      ),
    ],
  }),
  batches: row('batches', {
    title: 'Batch sizes',
    help: 'The tokens of the base in larger and larger batches.',
    params: {
      batches: valuesOf('data.batch', 'Rows of a micro-batch.'),
      lr: choiceParam(
        'How the learning rate follows the batch: not at all, with its square root, or in proportion.',
        ['fixed', 'sqrt', 'linear'] as const,
        'fixed',
      ),
      ...WARMUP,
    },
    example: { batches: [8, 16, 32], lr: 'sqrt' },
    axes: ({ batches, lr, warmup }, base) => {
      const budget = budgetAs(base, 'tokens');
      const tokens = 'tokens' in budget ? budget.tokens : 0;
      const power = { fixed: 0, sqrt: 0.5, linear: 1 }[lr];
      const points = numbers(batches, true).map((batch): Point => {
        const rate = Number((base.optimizer.lr * (batch / base.data.batch) ** power).toPrecision(6));
        return { 'data.batch': batch, 'budget.tokens': tokens, ...(power === 0 ? {} : { 'optimizer.lr': rate }) };
      });
      return [pointAxis(points, base, warmup)];
    },
  }),
  precision: row('precision', {
    title: 'Precision recipes',
    help: 'The same run in several number formats, emulated: what each costs in loss.',
    params: { recipes: valuesOf('precision.recipe', 'Precision recipes.') },
    example: { recipes: ['f32', 'bf16', 'fp8-current'], seeds: 3 },
    axes: ({ recipes }) => [{ path: 'precision.recipe', values: recipes }],
  }),
  fusion: row('fusion', {
    title: 'Fusion rules',
    help: 'Every fusion rule switched off alone, beside all on and all off: the loss is to stay, the time is not.',
    params: { rules: rulesParam('Rules to switch off, one at a time.') },
    example: { rules: ['attention', 'cross-entropy'] },
    axes: ({ rules }) => [{ path: 'fusion', values: ['all', ...rules.map((rule): AxisValue => ({ [rule]: false })), 'none'] }],
    runs: ({ rules }) => rules.length + 2,
  }),
};

/** What a sweep's `recipe` means; `undefined`, and a report, where it means nothing. */
export function readRecipe(value: unknown, base: RunSpec, report: Report): RecipeReading | undefined {
  const kinds = Object.keys(SWEEP_RECIPES);
  if (!isRecord(value)) {
    report('recipe', {
      rule: 'is not an object',
      got: shown(value),
      expected: 'an object such as {"kind":"seeds","seeds":3}',
    });
    return undefined;
  }
  const { kind } = value;
  const found = typeof kind === 'string' && Object.hasOwn(SWEEP_RECIPES, kind) ? SWEEP_RECIPES[kind] : undefined;
  if (found !== undefined) return found.read(value, base, report);
  const near = typeof kind === 'string' ? nearest(kind, kinds) : undefined;
  report('recipe.kind', {
    rule: 'is not a recipe of sweeps',
    got: shown(kind),
    expected: either(kinds),
    ...(near === undefined ? {} : { cure: `Did you mean "${near}"?` }),
  });
  return undefined;
}
