import { choiceIn, onlySettings, refusedSetting } from './query-settings.ts';
import { runTitle, type XUnit } from './run.ts';
import { isColumnId, type ColumnId } from './store/columns.ts';
import { KEPT_STATES, type KeptState, type RunRecord } from './store/record.ts';
import { differing, filterRuns, sortRuns, type Condition } from './store/table.ts';

/** Curves of runs: of what they trained on, of what was held out, or both. */
export type RunSplit = 'train' | 'validation' | 'both';

/** What the Runs page shows of the kept runs; a link says what differs from {@link RUNS_VIEW_START}. */
export interface RunsView {
  readonly sort: ColumnId;
  readonly descending: boolean;
  /** What name, tags or note hold; empty: anything. */
  readonly text: string;
  readonly state: KeptState | '';
  readonly tag: string;
  /** By what runs are joined into mean and band, the first the slowest; none: each stands for itself. */
  readonly group: readonly ColumnId[];
  /** Only the runs of this sweep, by its id; empty: all. */
  readonly sweep: string;
  /** Fields of the spec in which the runs do not differ are columns too. */
  readonly everything: boolean;
  /** Runs that the user has hidden are shown too. */
  readonly hidden: boolean;
  readonly split: RunSplit;
  readonly unit: XUnit;
  readonly xLog: boolean;
  readonly yLog: boolean;
  /** Weight of the moving average, 0 (off) to 0.999. */
  readonly smoothing: number;
  /** What x the curves are drawn over, in {@link unit}; null: all. */
  readonly zoom: readonly [number, number] | null;
  /** Axes of the parallel coordinates that are logarithmic. */
  readonly logAxes: readonly ColumnId[];
}

export const RUNS_VIEW_START: RunsView = {
  sort: 'created',
  descending: true,
  text: '',
  state: '',
  tag: '',
  group: [],
  sweep: '',
  everything: false,
  hidden: false,
  split: 'train',
  unit: 'step',
  xLog: false,
  yLog: false,
  smoothing: 0.9,
  zoom: null,
  logAxes: [],
};

const PAGE = 'Runs';
const UNITS: readonly XUnit[] = ['step', 'tokens', 'flops', 'time'];
/** Digits of an end of the zoom: a thousandth of a pixel at any width. */
const ZOOM_DIGITS = 7;
const LOGS = ['none', 'x', 'y', 'xy'] as const;
const KEYS = [
  'sort',
  'order',
  'text',
  'state',
  'tag',
  'sweep',
  'group',
  'columns',
  'hidden',
  'loss',
  'x',
  'log',
  'smoothing',
  'zoom',
  'axes',
] as const;
type Key = (typeof KEYS)[number];

/** Each setting as the link has it. */
function written(view: RunsView): { readonly [K in Key]: string } {
  return {
    sort: view.sort,
    order: view.descending ? 'down' : 'up',
    text: view.text,
    state: view.state,
    tag: view.tag,
    sweep: view.sweep,
    group: view.group.join(','),
    columns: view.everything ? 'all' : 'differing',
    hidden: view.hidden ? 'shown' : 'left-out',
    loss: view.split,
    x: view.unit,
    log: `${view.xLog ? 'x' : ''}${view.yLog ? 'y' : ''}` || 'none',
    smoothing: String(view.smoothing),
    zoom: view.zoom === null ? '' : view.zoom.map((end) => Number(end.toPrecision(ZOOM_DIGITS))).join('..'),
    axes: view.logAxes.join(','),
  };
}

export function runsQuery(view: RunsView): URLSearchParams {
  const [now, start] = [written(view), written(RUNS_VIEW_START)];
  return new URLSearchParams(KEYS.filter((key) => now[key] !== start[key]).map((key) => [key, now[key]]));
}

/** @throws SpecError for a setting that the page has not, and for the first whose value makes no sense. */
export function runsViewOf(query: URLSearchParams): RunsView {
  onlySettings(PAGE, query, KEYS);
  const start = written(RUNS_VIEW_START);
  const log = choiceIn(PAGE, query, 'log', LOGS, 'none');
  const column = (key: Key, text: string): ColumnId => {
    if (!isColumnId(text)) throw refusedSetting(PAGE, key, text, 'a column such as created or optimizer.lr');
    return text;
  };
  const columns = (key: 'group' | 'axes'): readonly ColumnId[] => {
    const text = query.get(key) ?? start[key];
    return text === '' ? [] : [...new Set(text.split(',').map((each) => column(key, each)))];
  };
  const smoothing = Number(query.get('smoothing') ?? start.smoothing);
  if (!(smoothing >= 0 && smoothing <= 0.999)) throw refusedSetting(PAGE, 'smoothing', query.get('smoothing') ?? '', '0..0.999');
  return {
    sort: column('sort', query.get('sort') ?? start.sort),
    descending: choiceIn(PAGE, query, 'order', ['down', 'up'], 'down') === 'down',
    text: query.get('text') ?? '',
    state: choiceIn(PAGE, query, 'state', ['', ...KEPT_STATES], ''),
    tag: query.get('tag') ?? '',
    sweep: query.get('sweep') ?? '',
    group: columns('group'),
    everything: choiceIn(PAGE, query, 'columns', ['all', 'differing'], 'differing') === 'all',
    hidden: choiceIn(PAGE, query, 'hidden', ['shown', 'left-out'], 'left-out') === 'shown',
    split: choiceIn(PAGE, query, 'loss', ['train', 'validation', 'both'], 'train'),
    unit: choiceIn(PAGE, query, 'x', UNITS, 'step'),
    xLog: log.includes('x'),
    yLog: log.includes('y'),
    smoothing,
    zoom: zoomIn(query.get('zoom') ?? ''),
    logAxes: columns('axes'),
  };
}

function zoomIn(text: string): RunsView['zoom'] {
  if (text === '') return null;
  const ends = text.split('..').map(Number);
  const [low = Number.NaN, high = Number.NaN] = ends;
  if (ends.length !== 2 || !(low < high && high < Infinity))
    throw refusedSetting(PAGE, 'zoom', text, 'two numbers such as 100..2000');
  return [low, high];
}

/** A run's name, else what it is. */
export function recordTitle({ name, spec }: RunRecord): string {
  return name === '' ? runTitle({ ...spec, name: '' }) : name;
}

/** The runs that a view shows, in its order. */
export function shownRuns(runs: readonly RunRecord[], view: RunsView): readonly RunRecord[] {
  const conditions: Condition[] = [];
  if (view.state !== '') conditions.push({ column: 'state', is: 'among', values: [view.state] });
  if (!view.hidden) conditions.push({ column: 'hidden', is: 'among', values: [false] });
  const wanted = view.text.trim().toLowerCase();
  const found = filterRuns(runs, conditions).filter(
    (run) =>
      (view.tag === '' || run.tags.includes(view.tag)) &&
      (view.sweep === '' || run.sweep?.id === view.sweep) &&
      (wanted === '' || [recordTitle(run), run.note, ...run.tags].some((text) => text.toLowerCase().includes(wanted))),
  );
  return sortRuns(found, view.sort, view.descending);
}

/** Losses first: a phone shows few columns. */
const FIGURES: readonly ColumnId[] = ['smoothTrainNats', 'validationNats', 'state', 'step', 'tokens', 'parameters', 'created'];

/** Of runs whose ends were foretold. */
const ENDS: readonly ColumnId[] = ['end25Nats', 'end50Nats', 'end75Nats', 'endNats', 'endsInside'];

/** The columns of a table of these runs, beside their names. */
export function shownColumns(runs: readonly RunRecord[], everything: readonly ColumnId[] | null): readonly ColumnId[] {
  const foretold = runs.some(({ predictions }) => predictions !== undefined) ? ENDS : [];
  return [...FIGURES, ...foretold, ...(everything ?? differing(runs))];
}
