import type { Lab, LossCurve, LossesAt, OwnFiles, RunCell, SweepDesk, SweepDraft, SweepRecord, SweptAxis } from '../lab/index.ts';
import {
  columnsOf,
  fieldAt,
  isSpecPath,
  SWEEP_RECIPES,
  type ParamForm,
  type SpecPath,
  type Sweep,
  type SweepRun,
} from '../spec/index.ts';
import { nats, short } from './format.ts';

/** The name of an axis: `Learning rate`. */
export function axisWords(path: SpecPath): string {
  return fieldAt(path).label;
}

/** A value of a field in few characters. */
export function valueWords(path: SpecPath, value: RunCell): string {
  if (value === null) return 'off';
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (typeof value === 'number') return short(value);
  const field = fieldAt(path);
  if (field.kind === 'choice') return value;
  // Rules that are switched off, by name: `{"attention":false}`.
  return value.startsWith('{') ? value.replaceAll(/[{}"]/g, '').replaceAll(':false', ' off').replaceAll(':true', ' on') : value;
}

/** What a curve is of: `Width 32, Layers 2`. */
export function namesOf(axes: readonly SweptAxis[], values: readonly RunCell[]): string {
  return axes.map(({ path }, i) => `${axisWords(path)} ${valueWords(path, values[i] ?? null)}`).join(', ') || 'All runs';
}

export function runsWords(count: number): string {
  return count === 1 ? '1 run' : `${count} runs`;
}

/** `2.3456`, of several runs `2.3456 (2.3411 to 2.3502)`; a dash where none is done. */
export function meanWords({ mean, low, high, losses }: LossesAt): string {
  if (losses.length === 0) return '—';
  return losses.length === 1 ? nats(mean) : `${nats(mean)} (${nats(low)} to ${nats(high)})`;
}

/** `2 runs done, 1 diverged, 3 to come`. */
export function outcomeWords({ losses, diverged, open }: LossesAt): string {
  return [
    losses.length > 0 ? `${runsWords(losses.length)} done` : '',
    diverged > 0 ? `${diverged} diverged` : '',
    open > 0 ? `${open} to come` : '',
  ]
    .filter((part) => part !== '')
    .join(', ');
}

const BEYOND = {
  nothing: 'nothing beyond it was run',
  diverged: 'everything beyond it diverged',
  open: 'what lies beyond it is to come',
} as const;

/** Where means are over different runs each. */
export const UNEVEN = 'means over different runs of the other axes, some of which diverged or are to come, do not compare';

/** How sure an optimum of a curve is, as a sentence without its full stop; `what` is swept. */
export function optimumWords({ optimum, uneven }: Pick<LossCurve, 'optimum' | 'uneven'>, what: string): string {
  if (optimum === null) return 'Too few runs are done';
  if (uneven) return `Not known yet: ${UNEVEN}`;
  if (optimum.kind === 'inside')
    return `Interpolated: parabola${optimum.log ? ' in the logarithm' : ''} through the best and its two neighbours`;
  const side = optimum.side === 'low' ? 'lowest' : 'highest';
  const cure = optimum.beyond === 'nothing' ? `: sweep ${optimum.side === 'low' ? 'lower' : 'higher'}` : '';
  return `At the edge: the best is the ${side} ${what.toLowerCase()} that is done, and ${BEYOND[optimum.beyond]}${cure}`;
}

const PARAM_WORDS: { readonly [param: string]: string } = {
  tokensPerParameter: 'Tokens per parameter',
  parameters: 'Parameters that count',
  warmup: 'Warm-up keeps its',
  rules: 'Fusion rules',
  budgets: 'Budgets',
};

/** The label of a parameter of a recipe. */
export function paramWords(name: string, form: ParamForm): string {
  const known = PARAM_WORDS[name];
  if (known !== undefined) return known;
  return form.kind === 'values' ? axisWords(form.path) : `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

const MOST_SPELLED = 12;

/** The numbers that a range comes to: `5 values: 0.001, 0.00316, 0.01, 0.0316, 0.1.` Empty where there is nothing to tell. */
export function spelledValues({ runs }: Pick<SweepDraft, 'runs'>, path: string, isRange: boolean): string {
  if (!isRange || !isSpecPath(path)) return '';
  const values = [...new Set(runs.map((run) => run.values[path]))].filter((value) => typeof value === 'number');
  if (values.length === 0) return '';
  const words = values.slice(0, MOST_SPELLED).map(short);
  return `${values.length} values: ${words.join(', ')}${values.length > MOST_SPELLED ? ', …' : ''}.`;
}

/** A sweep's name, else what it is. */
export function sweepTitle(sweep: Sweep): string {
  return sweep.name === '' ? sweepWhat(sweep) : sweep.name;
}

/** What a sweep varies: its recipe's title, its own axes. */
export function sweepWhat({ recipe, axes }: Sweep): string {
  const title = recipe === null ? '' : (SWEEP_RECIPES[recipe.kind]?.title ?? recipe.kind);
  const own = axes.flatMap((axis) => columnsOf(axis).slice(0, 1)).map(({ path }) => axisWords(path));
  if (title === '') return own.join(' × ');
  return own.length === 0 ? title : `${title}, ${own.join(' × ').toLowerCase()}`;
}

/** What a program trains: `Width 32, 5 values of learning rate, 2 seeds`. */
export function groupWords(runs: readonly SweepRun[], axes: readonly SweptAxis[], manySeeds: boolean): string {
  const words = axes.map(({ path }) => {
    const values = [...new Set(runs.map((run) => JSON.stringify(run.values[path] ?? null)))];
    if (values.length > 1) return `${values.length} values of ${axisWords(path).toLowerCase()}`;
    const value = runs[0]?.values[path] ?? null;
    return `${axisWords(path)} ${valueWords(path, typeof value === 'object' && value !== null ? JSON.stringify(value) : value)}`;
  });
  const seeds = new Set(runs.map(({ spec }) => `${spec.seed.init} ${spec.seed.data}`));
  const [first] = runs;
  const seed = seeds.size > 1 ? `${seeds.size} seeds` : `seed ${first?.spec.seed.init ?? ''}`;
  return [...words, ...(manySeeds ? [seed] : [])].join(', ') || runsWords(runs.length);
}

/** What a sweep does, seen from this tab; `elsewhere`: another one trains it. */
export type ShownState = SweepRecord['state'] | 'elsewhere';

export function shownState(
  desk: Pick<SweepDesk, 'runningId' | 'trainsElsewhere'>,
  id: string,
  state: SweepRecord['state'],
): ShownState {
  if (desk.runningId === id) return 'running';
  if (desk.trainsElsewhere(id)) return 'elsewhere';
  return state === 'running' ? 'paused' : state;
}

/** What keeps a sweep from being started, in a sentence; null where nothing does. */
export function sweepBlockedWords({ deviceState, run, comparisons, kernels }: Lab): string | null {
  if (deviceState === 'opening') return 'Opening the GPU…';
  if (deviceState === 'none') return 'There is no GPU to train on.';
  if (deviceState === 'crashed') return 'The training worker stopped: restart it above.';
  if (run?.active === true) return 'A run is training on the Train page: stop it there, or let it end, to sweep.';
  if (comparisons.busy) return 'A comparison has the GPU: stop it on the Numerics page, or let it end, to sweep.';
  if (kernels.busy) return 'A measurement has the GPU: stop it on the Kernels page, or let it end, to sweep.';
  return null;
}

/** What is said of runs that ended on another file than the one at hand. */
/** What runs that ended on another file than the one that counts are to a queue. */
export function anotherFileWords(count: number, { counted, atHand }: OwnFiles): string {
  const file = atHand || counted === null ? 'yours of now' : `“${counted.name}”, which was trained on last`;
  return `${runsWords(count)} ended on another file than ${file}: training ${count === 1 ? 'it' : 'them'} on this one replaces what came of that.`;
}

/** Which of the user's files results are of, where runs were trained on several; null: there is nothing to say. */
export function filesWords({ counted, atHand, others }: OwnFiles): string | null {
  if (counted === null || others.length === 0) return null;
  const left = others.map(({ name, runs }) => `${runsWords(runs)} on “${name}”`).join(', ');
  const are = others.length === 1 && others[0]?.runs === 1 ? 'is' : 'are';
  const file = atHand ? 'your file of now' : 'the file that was trained on last';
  const cure = atHand ? '' : `: open ${others.length === 1 ? 'that file' : 'one of those files'} to see those instead`;
  return `Of the runs on “${counted.name}”, ${file}. ${left} ${are} left out${cure}.`;
}

export const UNTIMED = 'unknown until something like it was timed';
