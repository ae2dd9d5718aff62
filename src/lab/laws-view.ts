import { SpecError } from '../base/errors.ts';
import { lawNamed, type Params } from '../laws/index.ts';
import { COUNT_ALL, type Counting, type RunSpec } from '../spec/index.ts';
import { FITTED } from './laws/fit-protocol.ts';
import { PLAN_KEYS, PLAN_START, planViewOf, planWritten, type PlanView } from './planner/plan-view.ts';
import { choiceIn, onlySettings, refusedSetting } from './query-settings.ts';
import { typedNumber } from './typed-number.ts';

/** What the Laws page shows; a link says what differs from {@link LAWS_VIEW_START}. */
export interface LawsView {
  /** The sweep whose runs are fitted, by its id; empty: all kept runs that {@link tag} lets through. */
  readonly sweep: string;
  /** Only runs with this tag; empty: all. */
  readonly tag: string;
  /** A law that is fitted, by its id. */
  readonly law: string;
  readonly loss: string;
  readonly counting: Counting;
  /** The law's two exponents are one. */
  readonly tied: boolean;
  /** Parameters that keep a value. */
  readonly fixed: Params;
  readonly projected: boolean;
  /** Of the learning rates of a size and its tokens only the best. */
  readonly best: boolean;
  readonly bootstrap: boolean;
  /** FLOPs above which points are held out; 0: none are. */
  readonly hold: number;
  /** The column along x. */
  readonly x: string;
  /** How many times beyond the data curves are drawn. */
  readonly reach: number;
  /** Sets of published constants that are drawn beside the fit, by their place in the law's row. */
  readonly published: readonly number[];
  /** Published frontiers that are drawn beside one's own, by their place in the list of {@link FRONTIERS}. */
  readonly frontiers: readonly number[];
  /** The file that the points come from, by its name; empty: kept runs. */
  readonly file: string;
  /** Keys of points that are left out by hand; empty where a link says nothing of that. */
  readonly out: readonly string[];
  readonly plan: PlanView;
}

/** Published ways to the best size of a budget: Chinchilla's constants in the table's order, then Kaplan's. */
export const FRONTIERS = [...lawNamed('chinchilla').constants.map(({ name }) => name), 'Kaplan et al., without embeddings'];

/** Losses of fits, in the order of the choice; other thresholds come by link. */
export const FIT_LOSSES = ['huber:1e-3', 'lad', 'ls', 'ls-log'] as const;
export const REACHES = [1, 10, 100] as const;

export const LAWS_VIEW_START: LawsView = {
  sweep: '',
  tag: '',
  law: 'chinchilla',
  loss: 'huber:1e-3',
  counting: { ...COUNT_ALL, flops: '6N' },
  tied: false,
  fixed: {},
  projected: false,
  best: false,
  bootstrap: true,
  hold: 0,
  x: '',
  reach: 10,
  published: [],
  frontiers: [],
  file: '',
  out: [],
  plan: PLAN_START,
};

const PAGE = 'Laws';
const KEYS = [
  'sweep',
  'tag',
  'law',
  'loss',
  'count',
  'flops',
  'attention',
  'head',
  'tie',
  'fix',
  'projected',
  'best',
  'bootstrap',
  'hold',
  'x',
  'reach',
  'published',
  'frontiers',
  'file',
  'out',
  ...PLAN_KEYS,
] as const;
type Key = (typeof KEYS)[number];

const onOff = (on: boolean): string => (on ? 'on' : 'off');

/** Each setting as the link has it. */
function written(view: LawsView): { readonly [K in Key]: string } {
  const { counting } = view;
  return {
    sweep: view.sweep,
    tag: view.tag,
    law: view.law,
    loss: view.loss,
    count: counting.parameters,
    flops: counting.flops,
    attention: counting.attention,
    head: counting.head ? 'in' : 'out',
    tie: onOff(view.tied),
    fix: fixedText(view.fixed),
    projected: onOff(view.projected),
    best: onOff(view.best),
    bootstrap: onOff(view.bootstrap),
    hold: String(view.hold),
    x: view.x,
    reach: String(view.reach),
    published: view.published.join('.'),
    frontiers: view.frontiers.join('.'),
    file: view.file,
    out: outText(view.out),
    ...planWritten(view.plan),
  };
}

export function lawsQuery(view: LawsView): URLSearchParams {
  const [now, start] = [written(view), written(LAWS_VIEW_START)];
  return new URLSearchParams(KEYS.filter((key) => now[key] !== start[key]).map((key) => [key, now[key]]));
}

/** The fit to the runs of a sweep; budgets of FLOPs count every matmul, and stay together only where C does too. */
export function sweepLawsView(sweep: string, runs: readonly { readonly spec: Pick<RunSpec, 'budget'> }[]): LawsView {
  const flops = runs.some(({ spec }) => 'flops' in spec.budget);
  return { ...LAWS_VIEW_START, sweep, ...(flops ? { counting: COUNT_ALL } : {}) };
}

/** @throws SpecError for a setting that the page has not, and for the first whose value makes no sense. */
export function lawsViewOf(query: URLSearchParams): LawsView {
  onlySettings(PAGE, query, KEYS);
  const start = written(LAWS_VIEW_START);
  const on = (key: Key): boolean => choiceIn(PAGE, query, key, ['on', 'off'], start[key]) === 'on';
  const law = choiceIn(
    PAGE,
    query,
    'law',
    FITTED.map(({ id }) => id),
    start.law,
  );
  const hold = Number(query.get('hold') ?? 0);
  if (!(hold >= 0 && hold < Infinity)) throw refusedSetting(PAGE, 'hold', query.get('hold') ?? '', 'a number of FLOPs');
  const loss = query.get('loss') ?? start.loss;
  if (!/^(lad|ls|ls-log|huber:\d+(\.\d+)?(e-?\d+)?)$/.test(loss)) throw refusedSetting(PAGE, 'loss', loss, FIT_LOSSES.join(', '));
  return {
    sweep: query.get('sweep') ?? '',
    tag: query.get('tag') ?? '',
    law,
    loss,
    counting: {
      parameters: choiceIn(PAGE, query, 'count', ['all', 'non-embedding', 'blocks'], LAWS_VIEW_START.counting.parameters),
      flops: choiceIn(PAGE, query, 'flops', ['6N', 'exact'], LAWS_VIEW_START.counting.flops),
      attention: choiceIn(PAGE, query, 'attention', ['full', 'causal', 'none'], LAWS_VIEW_START.counting.attention),
      head: choiceIn(PAGE, query, 'head', ['in', 'out'], 'in') === 'in',
    },
    tied: on('tie'),
    fixed: fixedOf(query.get('fix') ?? '', law),
    projected: on('projected'),
    best: on('best'),
    bootstrap: on('bootstrap'),
    hold,
    x: query.get('x') ?? '',
    reach: Number(choiceIn(PAGE, query, 'reach', REACHES.map(String), start.reach)),
    published: placesIn(query, 'published', lawNamed(law).constants.length),
    frontiers: placesIn(query, 'frontiers', FRONTIERS.length),
    file: query.get('file') ?? '',
    out: outOf(query.get('out') ?? ''),
    plan: planViewOf(query, PAGE),
  };
}

/** Places in a list, as in `0.2`. @throws SpecError for one that the list has not. */
function placesIn(query: URLSearchParams, key: Key, length: number): readonly number[] {
  const places = (query.get(key) ?? '').split('.').filter((text) => text !== '');
  const strange = places.find((text) => !(Number.isInteger(Number(text)) && Number(text) >= 0 && Number(text) < length));
  if (strange !== undefined) throw refusedSetting(PAGE, key, strange, `places below ${length}`);
  return places.map(Number);
}

/** Characters of left out points that a link has room for. */
const MOST_OUT = 2000;

/** Whether a link has room for points that are left out; where it has not, only this browser remembers them. */
export function linkHolds(keys: readonly string[]): boolean {
  return keys.map(encodeURIComponent).join(',').length <= MOST_OUT;
}

function outText(keys: readonly string[]): string {
  return linkHolds(keys) ? keys.map(encodeURIComponent).join(',') : '';
}

/** @throws SpecError for text that is no list of keys. */
function outOf(text: string): readonly string[] {
  try {
    return text === '' ? [] : text.split(',').map(decodeURIComponent);
  } catch {
    throw refusedSetting(PAGE, 'out', text, 'points with a comma between them');
  }
}

/** `E=1.69,alpha=0.34`, with every digit. */
export function fixedText(fixed: Params): string {
  return Object.entries(fixed)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}

/** @throws SpecError where a part is no parameter of the law with a number. */
export function fixedOf(text: string, law: string): Params {
  const names = lawNamed(law).parameters.map(({ name }) => name);
  const fixed: Record<string, number> = {};
  for (const part of text.split(/[,;\s]+/).filter((word) => word !== '')) {
    const [name = '', value = '', more] = part.split('=');
    const number = value === '' ? Number.NaN : Number(value);
    if (!names.includes(name) || more !== undefined || !Number.isFinite(number) || fixed[name] !== undefined)
      throw new SpecError({
        where: 'fixed parameters',
        rule: 'it gives no parameter of the law a value',
        got: part.slice(0, 40),
        expected: `NAME=VALUE with a name of ${names.join(', ')}`,
      });
    fixed[name] = number;
  }
  return fixed;
}

const HOLD = 'FLOPs above which points are held out';

/** The FLOPs above which points are held out, as typed; of nothing 0. @throws SpecError */
export function holdOf(text: string): number {
  const hold = text.trim() === '' ? 0 : typedNumber(text, HOLD);
  if (hold >= 0) return hold;
  throw new SpecError({ where: HOLD, rule: 'it is below 0', got: text.trim() });
}

/** With every digit that was typed. */
export function holdText(hold: number): string {
  return hold === 0 ? '' : (hold >= 1e4 ? hold.toExponential() : String(hold)).replace('e+', 'e');
}
