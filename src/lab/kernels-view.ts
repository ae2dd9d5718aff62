import type { MeasureOptions } from '../worker/protocol.ts';
import { KERNEL_SORT_KEYS, type KernelSortKey } from './kernel-figures.ts';
import { KERNELS_START } from './kernels-desk.ts';
import { choiceIn, onlySettings, refusedSetting } from './query-settings.ts';

/** What the Kernels page shows, and what it is set to measure; a link says what differs from {@link KERNELS_VIEW_START}. */
export interface KernelsView {
  /** The figure that kernels are in order of. */
  readonly sort: KernelSortKey;
  readonly descending: boolean;
  readonly settings: MeasureOptions;
}

export const KERNELS_VIEW_START: KernelsView = { sort: 'share', descending: true, settings: KERNELS_START };

const PAGE = 'Kernels';
const KEYS: readonly string[] = ['sort', 'order', 'rounds', 'lanes', 'unfused'];
/** Fewer than three rounds have no interval. */
const ROUNDS = [3, 100] as const;
const LANES = [2, 256] as const;

/** 1, 2, 4 and so on up to `most`, and `most` itself. */
export function lanesUpTo(most: number): readonly number[] {
  const lanes: number[] = [];
  for (let count = 1; count < most; count *= 2) lanes.push(count);
  return [...lanes, most];
}

export function kernelsQuery({ sort, descending, settings }: KernelsView): URLSearchParams {
  const query = new URLSearchParams();
  const start = KERNELS_VIEW_START;
  if (sort !== start.sort) query.set('sort', sort);
  if (descending !== start.descending) query.set('order', descending ? 'down' : 'up');
  if (settings.rounds !== start.settings.rounds) query.set('rounds', String(settings.rounds));
  if (settings.lanes.at(-1) !== start.settings.lanes.at(-1)) query.set('lanes', String(settings.lanes.at(-1)));
  if (settings.unfused !== start.settings.unfused) query.set('unfused', String(settings.unfused));
  return query;
}

/** @throws SpecError for a setting that the page has not, and for the first whose value makes no sense. */
export function kernelsViewOf(query: URLSearchParams): KernelsView {
  onlySettings(PAGE, query, KEYS);
  const { settings } = KERNELS_VIEW_START;
  return {
    sort: choiceIn(PAGE, query, 'sort', KERNEL_SORT_KEYS, KERNELS_VIEW_START.sort),
    descending: choiceIn(PAGE, query, 'order', ['down', 'up'], 'down') === 'down',
    settings: {
      ...settings,
      rounds: whole(query, 'rounds', ROUNDS, settings.rounds),
      lanes: lanesUpTo(whole(query, 'lanes', LANES, settings.lanes.at(-1) ?? LANES[1])),
      unfused: choiceIn(PAGE, query, 'unfused', ['true', 'false'], settings.unfused ? 'true' : 'false') === 'true',
    },
  };
}

function whole(query: URLSearchParams, key: string, [least, most]: readonly [number, number], start: number): number {
  const text = query.get(key) ?? String(start);
  const value = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) throw refusedSetting(PAGE, key, text, `${least}..${most}`);
  return value;
}
