/** Rows that come and go together. */
const BLOCK = 40;
/** So many rows are rendered whatever is in sight. */
const FEW = 160;

/** Whether a table of so many rows leaves out those that are out of sight. */
export function isWindowed(rows: number): boolean {
  return rows > FEW;
}

/** Rows `from..to` of a table, or room for them where they are out of sight. */
export interface RowStretch {
  readonly from: number;
  readonly to: number;
  readonly rendered: boolean;
}

/**
 * Which rows of a table are rendered.
 *
 * @param sight first and last row that can be seen.
 * @param kept a row that stays whatever is in sight, such as the one with the focus; -1: none.
 */
export function stretches(rows: number, sight: readonly [first: number, last: number], kept = -1): readonly RowStretch[] {
  if (!isWindowed(rows)) return rows === 0 ? [] : [{ from: 0, to: rows, rendered: true }];
  const [first, last] = sight.map((row) => Math.floor(Math.min(rows - 1, Math.max(0, row)) / BLOCK));
  const all: RowStretch[] = [];
  for (let block = 0; block * BLOCK < rows; block++) {
    const [from, to] = [block * BLOCK, Math.min(rows, (block + 1) * BLOCK)];
    const inSight = block >= (first ?? 0) - 1 && block <= (last ?? 0) + 1;
    const rendered = inSight || (kept >= from && kept < to);
    const before = all.at(-1);
    if (before?.rendered === rendered) all[all.length - 1] = { ...before, to };
    else all.push({ from, to, rendered });
  }
  return all;
}
