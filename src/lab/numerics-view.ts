import { SpecError } from '../base/errors.ts';
import { COMPARE_KEYS, COMPARE_START, compareQuery, compareState, type CompareState } from './compare-state.ts';
import { EXPLORER_KEYS, EXPLORER_START, explorerQuery, explorerState, type ExplorerState } from './explorer-state.ts';

/** What the Numerics page shows, section by section; a link says what differs from {@link NUMERICS_START}. */
export interface NumericsView {
  readonly compare: CompareState;
  readonly explorer: ExplorerState;
}

export const NUMERICS_START: NumericsView = { compare: COMPARE_START, explorer: EXPLORER_START };

/** Every setting that a link to the page may have. */
const KEYS: ReadonlySet<string> = new Set([...COMPARE_KEYS, ...EXPLORER_KEYS]);

export function viewQuery(view: NumericsView): URLSearchParams {
  return new URLSearchParams([...compareQuery(view.compare), ...explorerQuery(view.explorer)]);
}

/** @throws SpecError for a setting that no section has, and for the first whose value makes no sense. */
export function viewOf(query: URLSearchParams): NumericsView {
  for (const key of query.keys()) {
    if (!KEYS.has(key)) {
      const got = JSON.stringify(key.slice(0, 40));
      const rule = 'the Numerics page of this build has no such setting';
      throw new SpecError({ where: 'URL', rule, got, expected: [...KEYS].join(', '), cure: 'Copy the whole link again.' });
    }
  }
  return { compare: compareState(query), explorer: explorerState(query) };
}
