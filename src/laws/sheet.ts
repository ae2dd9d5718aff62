import { SpecError, type Fault } from '../base/errors.ts';

/** Comma-, semicolon- or tab-separated values, as cells. */

export interface SheetRow {
  /** Where it begins in the file, counted from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

export interface Sheet {
  readonly file: string;
  /** Names of columns, trimmed. */
  readonly header: readonly string[];
  readonly rows: readonly SheetRow[];
  readonly separator: string;
  /** A comma is the point of decimals. */
  readonly decimalComma: boolean;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const DECIMAL_COMMA = /^[+-]?\d*,\d+(e[+-]?\d+)?$/i;
/** Beside decimal commas, 1.500 may be fifteen hundred. */
const GROUPED = /^[+-]?\d{1,3}(\.\d{3})+$/;
const SHOWN = 30;

/**
 * A file with a line of column names. A byte-order mark, quoted cells, lines of `#` and empty ones are taken; where commas do not separate,
 * they may be the point of decimals. Rows may still be of another length than the header.
 *
 * @param file its name, for errors.
 * @throws SpecError where it has no rows, or two columns of one name.
 */
export function readSheet(text: string, file: string): Sheet {
  const body = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const separator = separatorOf(body);
  const [head, ...rows] = rowsOf(body, separator);
  if (head === undefined || rows.length === 0)
    throw new SpecError({
      where: file,
      rule: 'it holds no points',
      expected: 'a line of column names and a line for each point',
    });
  const header = head.cells.map((name) => name.trim());
  const twice = header.find((name, i) => name !== '' && header.indexOf(name) !== i);
  if (twice !== undefined) throw new SpecError({ where: file, rule: 'two columns have the same name', got: twice });
  const some = (is: (text: string) => boolean): boolean => rows.some(({ cells }) => cells.some((cell) => is(cell.trim())));
  // Beside numbers with a point, the comma of 1,000 groups thousands.
  const decimalComma = separator !== ',' && some((text) => DECIMAL_COMMA.test(text)) && !some(hasDecimalPoint);
  return { file, header, rows, separator, decimalComma };
}

/** Whether a number has a point that cannot group thousands. */
function hasDecimalPoint(text: string): boolean {
  return text.includes('.') && NUMBER.test(text) && (!GROUPED.test(text) || /^[+-]?0/.test(text));
}

/** NaN for what is not plainly a number; infinity for one too large. */
export function numberIn(sheet: Pick<Sheet, 'decimalComma'>, cell: string): number {
  const text = cell.trim();
  if (sheet.decimalComma && DECIMAL_COMMA.test(text)) return Number(text.replace(',', '.'));
  return NUMBER.test(text) && !(sheet.decimalComma && GROUPED.test(text)) ? Number(text) : Number.NaN;
}

/** What is wrong with a cell that is to hold a number larger than `above`; null for nothing. */
export function cellFault(sheet: Sheet, { line, cells }: SheetRow, column: number, above = 0): Fault | null {
  const text = (cells[column] ?? '').trim();
  const value = numberIn(sheet, text);
  if (value > above && value < Infinity) return null;
  return {
    where: `${sheet.file} line ${line}, column ${sheet.header[column]}`,
    rule: text === '' ? 'it is empty' : Number.isFinite(value) ? 'it is not above 0' : 'it is not a number',
    ...(text === '' ? {} : { got: text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text }),
    expected: above >= 0 ? 'a number above 0' : 'a number',
    cure: 'Correct the row, or take it out.',
  };
}

/** What is wrong with a row's length; null for nothing. */
export function lengthFault({ file, header, separator }: Sheet, { line, cells }: SheetRow): Fault | null {
  if (cells.length === header.length) return null;
  return {
    where: `${file} line ${line}`,
    rule: 'it has not as many cells as there are columns',
    got: String(cells.length),
    expected: String(header.length),
    ...(separator === ',' && cells.length > header.length ? { cure: 'Separate by semicolons where commas are decimal.' } : {}),
  };
}

/** Rows that say what an earlier one says: a line that is there twice is one measurement. */
export function twinFaults({ file, rows }: Sheet): ReadonlyMap<SheetRow, Fault> {
  const seen = new Map<string, number>();
  const faults = new Map<SheetRow, Fault>();
  for (const row of rows) {
    const key = JSON.stringify(row.cells.map((cell) => cell.trim()));
    const first = seen.get(key);
    if (first === undefined) seen.set(key, row.line);
    else
      faults.set(row, {
        where: `${file} line ${row.line}`,
        rule: `it repeats line ${first}`,
        cure: 'A measurement counts once: take one of them out, or name different runs in a column run.',
      });
  }
  return faults;
}

/** The one that is most often in the first line of names. */
function separatorOf(text: string): string {
  const head = /^(?:\s*(?:#.*)?[\r\n]+)*(.*)/.exec(text)?.[1]?.replace(/"[^"]*"/g, '') ?? '';
  const counts = [';', '\t', ','].map((mark) => ({ mark, count: head.split(mark).length }));
  return counts.reduce((best, next) => (next.count > best.count ? next : best)).mark;
}

/** Cells of every row that has any; quoted cells may hold separators, line ends and doubled quotes. */
function* rowsOf(text: string, separator: string): Generator<SheetRow> {
  const cell = new RegExp(`("(?:[^"]|"")*"|[^${separator}\\r\\n]*)(${separator}|\\r\\n|\\n|\\r|$)`, 'gy');
  let line = 1;
  let started = 1;
  let cells: string[] = [];
  for (let match = cell.exec(text); match !== null; match = cell.exec(text)) {
    const [whole, written = '', end = ''] = match;
    cells.push(written.startsWith('"') && written.length > 1 ? written.slice(1, -1).replaceAll('""', '"') : written);
    line += whole.split(/\r\n|\n|\r/).length - 1;
    if (end === separator) continue;
    const [first = ''] = cells;
    if (!(cells.length === 1 && first.trim() === '') && !first.startsWith('#')) yield { line: started, cells };
    if (end === '') return;
    cells = [];
    started = line;
  }
}
