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
  readonly group: ColumnId | '';
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
}

export const RUNS_VIEW_START: RunsView = {
  sort: 'created',
  descending: true,
  text: '',
  state: '',
  tag: '',
  group: '',
  everything: false,
  hidden: false,
  split: 'train',
  unit: 'step',
  xLog: false,
  yLog: false,
  smoothing: 0.9,
};

const PAGE = 'Runs';
const UNITS: readonly XUnit[] = ['step', 'tokens', 'flops', 'time'];
const LOGS = ['none', 'x', 'y', 'xy'] as const;
const KEYS = ['sort', 'order', 'text', 'state', 'tag', 'group', 'columns', 'hidden', 'loss', 'x', 'log', 'smoothing'] as const;
type Key = (typeof KEYS)[number];

/** Each setting as the link has it. */
function written(view: RunsView): { readonly [K in Key]: string } {
  return {
    sort: view.sort,
    order: view.descending ? 'down' : 'up',
    text: view.text,
    state: view.state,
    tag: view.tag,
    group: view.group,
    columns: view.everything ? 'all' : 'differing',
    hidden: view.hidden ? 'shown' : 'left-out',
    loss: view.split,
    x: view.unit,
    log: `${view.xLog ? 'x' : ''}${view.yLog ? 'y' : ''}` || 'none',
    smoothing: String(view.smoothing),
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
  const column = (key: 'sort' | 'group'): ColumnId | '' => {
    const text = query.get(key) ?? start[key];
    if (text !== '' && !isColumnId(text)) throw refusedSetting(PAGE, key, text, 'a column such as created or optimizer.lr');
    return text;
  };
  const smoothing = Number(query.get('smoothing') ?? start.smoothing);
  if (!(smoothing >= 0 && smoothing <= 0.999)) throw refusedSetting(PAGE, 'smoothing', query.get('smoothing') ?? '', '0..0.999');
  return {
    sort: column('sort') || RUNS_VIEW_START.sort,
    descending: choiceIn(PAGE, query, 'order', ['down', 'up'], 'down') === 'down',
    text: query.get('text') ?? '',
    state: choiceIn(PAGE, query, 'state', ['', ...KEPT_STATES], ''),
    tag: query.get('tag') ?? '',
    group: column('group'),
    everything: choiceIn(PAGE, query, 'columns', ['all', 'differing'], 'differing') === 'all',
    hidden: choiceIn(PAGE, query, 'hidden', ['shown', 'left-out'], 'left-out') === 'shown',
    split: choiceIn(PAGE, query, 'loss', ['train', 'validation', 'both'], 'train'),
    unit: choiceIn(PAGE, query, 'x', UNITS, 'step'),
    xLog: log.includes('x'),
    yLog: log.includes('y'),
    smoothing,
  };
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
      (wanted === '' || [recordTitle(run), run.note, ...run.tags].some((text) => text.toLowerCase().includes(wanted))),
  );
  return sortRuns(found, view.sort, view.descending);
}

/** Losses first: a phone shows few columns. */
const FIGURES: readonly ColumnId[] = ['smoothTrainNats', 'validationNats', 'state', 'step', 'tokens', 'parameters', 'created'];

/** The columns of a table of these runs, beside their names. */
export function shownColumns(runs: readonly RunRecord[], everything: readonly ColumnId[] | null): readonly ColumnId[] {
  return [...FIGURES, ...(everything ?? differing(runs))];
}
