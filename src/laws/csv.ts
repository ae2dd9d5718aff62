import { SpecError } from '../base/errors.ts';
import { findColumn, type Law, type Points } from './law.ts';
import { curvePoints, type CurveRun } from './schedule.ts';

/** Laws of learning curves are made of learning rates, so their files have these columns instead. */
const CURVE_COLUMNS = ['step', 'lr', 'loss'];
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const SHOWN = 30;

interface Sheet {
  readonly file: string;
  readonly header: readonly string[];
  /** Cells of each row, and the line it stands on. */
  readonly rows: readonly { readonly line: number; readonly cells: readonly string[] }[];
  /** A comma is the point of decimals. */
  readonly decimalComma: boolean;
}

/**
 * Points of a law from comma-, semicolon- or tab-separated values with a line of column names. Where commas do not separate, they may be
 * the point of decimals. A byte-order mark, quoted cells and empty lines are taken. Columns that the law does not read may hold
 * anything; `run` names the run of a row, and rows of one run are resampled together. Laws of learning curves read `step`, `lr` and `loss`:
 * lr is straight between the steps that are given, and loss may be left empty.
 *
 * @param file its name, for errors.
 * @throws SpecError with line and column for the first thing that is wrong.
 */
export function readPoints(text: string, law: Law, file = 'points'): Points {
  const sheet = readSheet(text, file);
  checkLines(sheet);
  const column = (name: string): number => indexOf(sheet, name);
  if (law.columns.some(({ name }) => name === 'S1') && column('S1') < 0) return curvesOf(sheet, law);
  const names = new Set([...law.columns.map(({ name }) => name), law.target]);
  if ([...names].some((name) => column(name) < 0)) for (const name of ['N', 'D', 'C']) names.add(name);
  const columns: Record<string, Float64Array> = {};
  const raw = new Set(law.columns.filter((input) => input.raw === true).map(({ name }) => name));
  for (const name of names) {
    const c = column(name);
    if (c >= 0)
      columns[name] = Float64Array.from(sheet.rows, (_, row) => cellValue(sheet, row, c, raw.has(name) ? -Infinity : 0));
  }
  const points: Points = {
    columns,
    runs: sheet.rows.map(({ line, cells }) => cells[column('run')] ?? `line ${line}`),
    rowNames: sheet.rows.map(({ line }) => `${file} line ${line}`),
  };
  needColumns(
    sheet,
    law,
    [...names].filter((name) => law.target === name || law.columns.some((input) => input.name === name)),
    (name) => findColumn(points, name) !== null,
  );
  return points;
}

function needColumns(sheet: Sheet, law: Law, names: readonly string[], isThere: (name: string) => boolean): void {
  const missing = names.filter((name) => !isThere(name));
  if (missing.length === 0) return;
  throw new SpecError({
    where: sheet.file,
    rule: missing.length === 1 ? `column ${missing.join()} is missing` : `columns ${missing.join(', ')} are missing`,
    got: sheet.header.join(', '),
    expected: `${names.join(', ')} for law ${law.id}`,
  });
}

function curvesOf(sheet: Sheet, law: Law): Points {
  const [step, lr, loss, run] = [...CURVE_COLUMNS, 'run'].map((name) => indexOf(sheet, name));
  needColumns(sheet, law, CURVE_COLUMNS, (name) => indexOf(sheet, name) >= 0);
  interface Curve {
    rates: number[];
    points: { step: number; loss: number }[];
  }
  const curves = new Map<string, Curve>();
  sheet.rows.forEach(({ line, cells }, row) => {
    const name = cells[run ?? -1] ?? 'run';
    const curve = curves.get(name) ?? { rates: [], points: [] };
    curves.set(name, curve);
    const at = cellValue(sheet, row, step ?? -1, 0);
    const rate = cellValue(sheet, row, lr ?? -1, -Number.MIN_VALUE);
    const before = curve.rates.length;
    if (!Number.isInteger(at) || at <= before || at > 1e7)
      throw new SpecError({
        where: `${sheet.file} line ${line}, column step`,
        rule: 'steps of a run do not rise in whole numbers',
        got: String(at),
        expected: `${before + 1} or more`,
      });
    const last = curve.rates[before - 1] ?? rate;
    for (let i = before + 1; i <= at; i++) curve.rates.push(last + ((rate - last) * (i - before)) / (at - before));
    if ((cells[loss ?? -1] ?? '').trim() !== '') curve.points.push({ step: at, loss: cellValue(sheet, row, loss ?? -1, 0) });
  });
  return curvePoints([...curves].map(([name, curve]): CurveRun => ({ run: name, ...curve })));
}

/** Exact names first, then names that differ in case. */
function indexOf({ header }: Sheet, name: string): number {
  const exact = header.indexOf(name);
  return exact >= 0 ? exact : header.findIndex((other) => other.toLowerCase() === name.toLowerCase());
}

/** @param above the value must be larger. */
function cellValue({ file, header, rows, decimalComma }: Sheet, row: number, column: number, above: number): number {
  const { line = 0, cells = [] } = rows[row] ?? {};
  const text = (cells[column] ?? '').trim();
  const value = NUMBER.test(decimalComma ? text.replace(',', '.') : text)
    ? Number(decimalComma ? text.replace(',', '.') : text)
    : NaN;
  if (value > above && value < Infinity) return value;
  throw new SpecError({
    where: `${file} line ${line}, column ${header[column]}`,
    rule: text === '' ? 'it is empty' : Number.isFinite(value) ? 'it is not above 0' : 'it is not a number',
    ...(text === '' ? {} : { got: text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text }),
    expected: above >= 0 ? 'a number above 0' : 'a number',
    cure: 'Correct the row, or take it out.',
  });
}

function readSheet(text: string, file: string): Sheet {
  const body = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const lines = body.split(/\r\n|\n|\r/).map((content, i) => ({ line: i + 1, content }));
  const [head, ...rest] = lines.filter(({ content }) => content.trim() !== '');
  if (head === undefined || rest.length === 0)
    throw new SpecError({
      where: file,
      rule: 'it holds no points',
      expected: 'a line of column names and a line for each point',
    });
  const separator = [';', '\t'].find((mark) => head.content.includes(mark)) ?? ',';
  const header = cellsOf(head.content, separator).map((name) => name.trim());
  const twice = header.find((name, i) => name !== '' && header.indexOf(name) !== i);
  if (twice !== undefined) throw new SpecError({ where: file, rule: 'two columns have the same name', got: twice });
  const rows = rest.map(({ line, content }) => {
    const cells = cellsOf(content, separator);
    if (cells.length !== header.length)
      throw new SpecError({
        where: `${file} line ${line}`,
        rule: 'it has not as many cells as there are columns',
        got: String(cells.length),
        expected: String(header.length),
        ...(separator === ',' && cells.length > header.length
          ? { cure: 'Separate by semicolons where commas are decimal.' }
          : {}),
      });
    return { line, cells };
  });
  return { file, header, rows, decimalComma: separator !== ',' };
}

/** Cells of a line; a quoted one may hold the separator, and two quotes for one. */
function cellsOf(line: string, separator: string): string[] {
  const cells: string[] = [];
  for (let at = 0; at <= line.length;) {
    if (line[at] === '"') {
      const quoted = /^"((?:[^"]|"")*)"/.exec(line.slice(at));
      if (quoted !== null) {
        cells.push((quoted[1] ?? '').replaceAll('""', '"'));
        at += quoted[0].length + 1;
        continue;
      }
    }
    const end = line.indexOf(separator, at);
    cells.push(line.slice(at, end < 0 ? undefined : end));
    if (end < 0) break;
    at = end + 1;
  }
  return cells;
}

/** A line that is there twice is one measurement. */
function checkLines({ file, rows }: Sheet): void {
  const seen = new Map<string, number>();
  for (const { line, cells } of rows) {
    const key = JSON.stringify(cells.map((cell) => cell.trim()));
    const first = seen.get(key);
    if (first !== undefined)
      throw new SpecError({
        where: `${file} line ${line}`,
        rule: `it repeats line ${first}`,
        cure: 'A measurement counts once: take one of them out, or name different runs in a column run.',
      });
    seen.set(key, line);
  }
}
