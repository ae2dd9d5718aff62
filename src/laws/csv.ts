import { SpecError } from '../base/errors.ts';
import { findColumn, type Law, type Points } from './law.ts';
import { curvePoints, type CurveRun } from './schedule.ts';
import { cellFault, lengthFault, numberIn, readSheet, twinFaults, type Sheet } from './sheet.ts';

/** Laws of learning curves are made of learning rates, so their files have these columns instead. */
const CURVE_COLUMNS = ['step', 'lr', 'loss'];

/**
 * Points of a law from a {@link readSheet} file, by the law's own names. Columns that the law does not read may hold anything; `run` names
 * the run of a row, and rows of one run are resampled together. Laws of learning curves read `step`, `lr` and `loss`: lr is straight
 * between the steps that are given, and loss may be left empty.
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
  // Best sizes of budgets take from the tokens of a run what its FLOPs count.
  if (law.model === null) names.add('D');
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
function cellValue(sheet: Sheet, row: number, column: number, above: number): number {
  const own = sheet.rows[row] ?? { line: 0, cells: [] };
  const fault = cellFault(sheet, own, column, above);
  if (fault !== null) throw new SpecError(fault);
  return numberIn(sheet, own.cells[column] ?? '');
}

/** @throws SpecError for the first row of another length, or that repeats another. */
function checkLines(sheet: Sheet): void {
  const twins = twinFaults(sheet);
  const fault = sheet.rows.map((row) => lengthFault(sheet, row)).find((each) => each !== null) ?? [...twins.values()][0];
  if (fault !== undefined) throw new SpecError(fault);
}
