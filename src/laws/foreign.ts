import { faultMessage, SpecError, type Fault } from '../base/errors.ts';
import type { Points } from './law.ts';
import { cellFault, lengthFault, numberIn, readSheet, twinFaults, type Sheet, type SheetRow } from './sheet.ts';

/** Points of any origin: one row each, columns by the names that laws have for them. */
export interface ForeignPoints extends Points {
  readonly runs: readonly string[];
  readonly rowNames: readonly string[];
  /** Rows that are no points, and why: each names its line and column. */
  readonly faults: readonly string[];
  /** Columns of the file that hold no numbers, or only those of the taken columns, or nothing. */
  readonly ignored: readonly string[];
}

/** Names of what laws read, in lower case and without spaces and the like; earlier ones win where a file has several. */
const NAMES: { readonly [column: string]: readonly string[] } = {
  N: ['n', 'params', 'parameters', 'nparams', 'numparams', 'modelsize', 'nonembeddingparameters'],
  D: ['d', 'tokens', 'ntokens', 'numtokens', 'trainingtokens', 'traintokens'],
  C: ['c', 'flops', 'flop', 'compute', 'trainingflops'],
  S: ['s', 'steps', 'step', 'trainingsteps'],
  B: ['b', 'batch', 'batchsize', 'batchtokens'],
  loss: [
    'loss',
    'l',
    'validationnats',
    'validationloss',
    'valloss',
    'testloss',
    'evalloss',
    'trainnats',
    'trainloss',
    'finalloss',
  ],
};
const RUN_NAMES = ['run', 'runid', 'id', 'name'];

/**
 * Points from a file whose law nobody has named yet: what laws read is found by whatever name the file has for it, other columns of
 * numbers keep theirs, NaN where a cell is empty, for not every law reads every column. A row with a bad cell is left out and named, as is
 * one that repeats another, and one in which everything that laws read is empty.
 *
 * @param file its name, for errors.
 * @throws SpecError where it is no such file, or has no column that a law reads, or no row is left.
 */
export function pointsFromCsv(text: string, file: string): ForeignPoints {
  const sheet = readSheet(text, file);
  const { header, rows } = sheet;
  const places = placesOf(header);
  if (places.size === 0)
    throw new SpecError({
      where: file,
      rule: 'no column is one that a law reads',
      got: header.join(', '),
      expected: `columns such as ${Object.keys(NAMES).join(', ')}`,
    });
  const twins = twinFaults(sheet);
  const faults: string[] = [];
  const good = rows.filter((row) => {
    const fault = twins.get(row) ?? rowFault(sheet, row, places);
    if (fault !== null) faults.push(shortly(fault));
    return fault === null;
  });
  if (good.length === 0)
    throw new SpecError({
      where: file,
      rule: `none of its ${rows.length} rows is a point`,
      expected: 'numbers above 0',
      cure: `The first: ${faults[0]}`,
    });

  const columns: { [name: string]: Float64Array } = {};
  const ignored: string[] = [];
  for (const [name, at] of places) {
    const values = Float64Array.from(good, ({ cells }) => numberIn(sheet, cells[at] ?? ''));
    if (values.every(Number.isNaN)) ignored.push(header[at] ?? name);
    else columns[name] = values;
  }
  const runAt = header.findIndex((name) => RUN_NAMES.includes(plain(name)));
  header.forEach((name, at) => {
    if (at === runAt || [...places.values()].includes(at)) return;
    const values = good.map(({ cells }) => (cells[at]?.trim() === '' ? null : numberIn(sheet, cells[at] ?? '')));
    const numbers = values.filter((value) => value !== null);
    if (name === '' || numbers.length === 0 || numbers.some((value) => Number.isNaN(value)) || Object.hasOwn(columns, name))
      ignored.push(name);
    else columns[name] = Float64Array.from(values, (value) => value ?? Number.NaN);
  });
  return {
    columns,
    runs: good.map(({ line, cells }) => cells[runAt]?.trim() || `line ${line}`),
    rowNames: good.map(({ line }) => `${file} line ${line}`),
    faults,
    ignored,
  };
}

/** Which column of the file each law column is. */
function placesOf(header: readonly string[]): ReadonlyMap<string, number> {
  const plainHeader = header.map(plain);
  const found = Object.entries(NAMES).map(([column, names]): [string, number] => {
    const exact = header.indexOf(column);
    const name = names.find((other) => plainHeader.includes(other));
    return [column, exact >= 0 ? exact : name === undefined ? -1 : plainHeader.indexOf(name)];
  });
  return new Map(found.filter(([, at]) => at >= 0));
}

function rowFault(sheet: Sheet, row: SheetRow, places: ReadonlyMap<string, number>): Fault | null {
  const wrong = lengthFault(sheet, row);
  if (wrong !== null) return wrong;
  const filled = [...places.values()].filter((at) => row.cells[at]?.trim() !== '');
  // A row that says nothing is named by the first thing that it does not say.
  for (const at of filled.length === 0 ? places.values() : filled) {
    const fault = cellFault(sheet, row, at);
    if (fault !== null) return fault;
  }
  return null;
}

/** In a list of many, what to do about each is said by the rule. */
function shortly({ where, rule, got }: Fault): string {
  return faultMessage({ where, rule, ...(got === undefined ? {} : { got }) });
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, '');
}
