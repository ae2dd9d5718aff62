/** An override as a form's row holds it. */
export interface CastRow {
  readonly selector: string;
  readonly cast: string;
}

export function rowsOfCasts(casts: Readonly<Record<string, string>>): readonly CastRow[] {
  return Object.entries(casts).map(([selector, cast]) => ({ selector, cast }));
}

/** What rows stand for, in their order; an empty row stands for nothing, and of two with one selector the last one counts. */
export function castsOfRows(rows: readonly CastRow[]): Record<string, string> {
  return Object.fromEntries(
    rows
      .filter((row, i) => (row.selector !== '' || row.cast !== '') && !isTwice(rows, i))
      .map(({ selector, cast }) => [selector, cast]),
  );
}

/** True where a row further down has the same selector. */
export function isTwice(rows: readonly CastRow[], i: number): boolean {
  const selector = rows[i]?.selector;
  return selector !== '' && rows.slice(i + 1).some((row) => row.selector === selector);
}
