import { onlySettings } from './query-settings.ts';

/** What the Sweeps page shows; a link says what differs from {@link SWEEPS_VIEW_START}. */
export interface SweepsView {
  /** The sweep that is shown, by its id; empty: none. */
  readonly sweep: string;
}

export const SWEEPS_VIEW_START: SweepsView = { sweep: '' };

const KEYS = ['sweep'] as const;

export function sweepsQuery(view: SweepsView): URLSearchParams {
  return new URLSearchParams(view.sweep === '' ? [] : [['sweep', view.sweep]]);
}

/** @throws SpecError for a setting that the page has not, and for the first whose value makes no sense. */
export function sweepsViewOf(query: URLSearchParams): SweepsView {
  onlySettings('Sweeps', query, KEYS);
  return { sweep: query.get('sweep') ?? '' };
}
