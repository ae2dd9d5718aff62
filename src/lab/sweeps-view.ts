import { isSpecPath, type ParametersCounted, type SpecPath } from '../spec/index.ts';
import { choiceIn, onlySettings, refusedSetting } from './query-settings.ts';

/** What the Sweeps page shows; a link says what differs from {@link SWEEPS_VIEW_START}. */
export interface SweepsView {
  /** The sweep that is shown, by its id; empty: none. */
  readonly sweep: string;
  /** The sweep that is being built, as a link has it; empty: as at the start. */
  readonly plan: string;
  /** Axis that losses are drawn against; empty: the page's own choice. */
  readonly x: SpecPath | '';
  /** Axis that tells their curves apart; empty: every combination of the others. */
  readonly by: SpecPath | '';
  /** Axes of the map; empty: the page's own choice. */
  readonly rows: SpecPath | '';
  readonly columns: SpecPath | '';
  /** Parameters of the isoFLOP curves. */
  readonly counted: ParametersCounted;
}

export const SWEEPS_VIEW_START: SweepsView = { sweep: '', plan: '', x: '', by: '', rows: '', columns: '', counted: 'all' };

const AXES = ['x', 'by', 'rows', 'columns'] as const;
const KEYS = ['sweep', 'plan', ...AXES, 'counted'] as const;

export function sweepsQuery(view: SweepsView): URLSearchParams {
  return new URLSearchParams(KEYS.filter((key) => view[key] !== SWEEPS_VIEW_START[key]).map((key) => [key, view[key]]));
}

/** @throws SpecError for a setting that the page has not, and for the first whose value makes no sense. What a plan holds is not looked at. */
export function sweepsViewOf(query: URLSearchParams): SweepsView {
  onlySettings('Sweeps', query, KEYS);
  const axis = (key: (typeof AXES)[number]): SpecPath | '' => {
    const text = query.get(key) ?? '';
    if (text !== '' && !isSpecPath(text)) throw refusedSetting('Sweeps', key, text, 'a field such as optimizer.lr');
    return text;
  };
  return {
    sweep: query.get('sweep') ?? '',
    plan: query.get('plan') ?? '',
    x: axis('x'),
    by: axis('by'),
    rows: axis('rows'),
    columns: axis('columns'),
    counted: choiceIn('Sweeps', query, 'counted', ['all', 'non-embedding', 'blocks'], 'all'),
  };
}
