import { onlySettings } from './query-settings.ts';

/** What the Laws page shows; a link says what differs from {@link LAWS_VIEW_START}. */
export interface LawsView {
  /** The sweep that is shown, by its id; empty: none. */
  readonly sweep: string;
}

export const LAWS_VIEW_START: LawsView = { sweep: '' };

const KEYS = ['sweep'] as const;

export function lawsQuery(view: LawsView): URLSearchParams {
  return new URLSearchParams(view.sweep === '' ? [] : [['sweep', view.sweep]]);
}

/** @throws SpecError for a setting that the page has not, and for the first whose value makes no sense. */
export function lawsViewOf(query: URLSearchParams): LawsView {
  onlySettings('Laws', query, KEYS);
  return { sweep: query.get('sweep') ?? '' };
}
