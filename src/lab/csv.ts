import { written } from './json-file.ts';

export type Cell = string | number;

/** Rows as comma-separated values; NaN and infinities as the words that JSON files have for them. */
export function csv(rows: readonly (readonly Cell[])[]): string {
  const cellText = (cell: Cell): string => quoted(String(typeof cell === 'number' ? written(cell) : cell));
  return `${rows.map((row) => row.map(cellText).join(',')).join('\n')}\n`;
}

function quoted(text: string): string {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
