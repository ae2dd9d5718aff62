import { faultMessage, SpecError } from '../../base/errors.ts';

/** Points of any origin: one row each, columns by the names that laws have for them. */
export interface ForeignPoints {
  /** N, D, C, S, B and loss by whatever name the file has for them; other columns of numbers by their own, NaN where a cell is empty. */
  readonly columns: { readonly [name: string]: Float64Array };
  /** What each row is a measurement of: the file's column `run`, else its line. */
  readonly runs: readonly string[];
  /** Where each row stands, for messages. */
  readonly rowNames: readonly string[];
  /** Rows that are no points, and why: each names its line and column. */
  readonly faults: readonly string[];
  /** Columns of the file that hold no numbers, or only those of the taken columns. */
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

interface Row {
  readonly line: number;
  readonly cells: readonly string[];
}

/**
 * Points from comma-, semicolon- or tab-separated values with a line of column names. A byte-order mark, quoted cells, lines of `#` and empty
 * ones are taken; where commas do not separate, they may be the point of decimals. A row with a bad cell is left out and named.
 *
 * @param fileName named in errors.
 * @throws SpecError where it is no such file, or has no column that a law reads, or no row is left.
 */
export function pointsFromCsv(text: string, fileName: string): ForeignPoints {
  const body = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const separator = separatorOf(body);
  const [head, ...rows] = rowsOf(body, separator);
  if (head === undefined || rows.length === 0)
    throw unfit(fileName, 'it holds no points', 'a line of column names and a line for each point');
  const header = head.cells.map((name) => name.trim());
  const twice = header.find((name, i) => name !== '' && header.indexOf(name) !== i);
  if (twice !== undefined) throw unfit(fileName, `two columns have the name ${twice}`, 'a name of its own for each');
  const places = placesOf(header);
  if (places.size === 0)
    throw unfit(
      fileName,
      'no column is one that a law reads',
      `columns such as ${Object.keys(NAMES).join(', ')}`,
      header.join(', '),
    );
  const commas = separator !== ',' && rows.some(({ cells }) => cells.some((cell) => DECIMAL_COMMA.test(cell.trim())));

  const faults: string[] = [];
  const good = rows.filter((row) => {
    const fault = faultOf(row, header, places, commas);
    if (fault !== null)
      faults.push(faultMessage({ where: `${fileName}, line ${row.line}${fault.column}`, rule: fault.rule, got: fault.got }));
    return fault === null;
  });
  if (good.length === 0)
    throw unfit(fileName, `none of its ${rows.length} rows is a point`, 'numbers above 0', undefined, faults[0]);

  const columns: { [name: string]: Float64Array } = {};
  for (const [name, at] of places) columns[name] = Float64Array.from(good, ({ cells }) => numberOf(cells[at] ?? '', commas));
  const ignored: string[] = [];
  const runAt = header.findIndex((name) => RUN_NAMES.includes(plain(name)));
  header.forEach((name, at) => {
    if (at === runAt || [...places.values()].includes(at)) return;
    const values = good.map(({ cells }) => (cells[at]?.trim() === '' ? null : numberOf(cells[at] ?? '', commas)));
    const numbers = values.filter((value) => value !== null);
    if (name === '' || numbers.length === 0 || numbers.some((value) => Number.isNaN(value)) || Object.hasOwn(columns, name))
      ignored.push(name);
    else columns[name] = Float64Array.from(values, (value) => value ?? Number.NaN);
  });
  return {
    columns,
    runs: good.map(({ line, cells }) => cells[runAt]?.trim() || `line ${line}`),
    rowNames: good.map(({ line }) => `${fileName} line ${line}`),
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

function faultOf(
  { cells }: Row,
  header: readonly string[],
  places: ReadonlyMap<string, number>,
  commas: boolean,
): { readonly column: string; readonly rule: string; readonly got: string } | null {
  if (cells.length !== header.length)
    return { column: '', rule: 'it has not as many cells as there are columns', got: `${cells.length}, not ${header.length}` };
  for (const at of places.values()) {
    const cell = (cells[at] ?? '').trim();
    const value = numberOf(cell, commas);
    if (value > 0 && value < Infinity) continue;
    const rule = cell === '' ? 'the cell is empty' : value <= 0 ? 'the value is not above 0' : 'the cell is not a finite number';
    return { column: `, column ${header[at]}`, rule, got: cell === '' ? 'nothing' : cell.slice(0, 40) };
  }
  return null;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const DECIMAL_COMMA = /^[+-]?\d*,\d+(e[+-]?\d+)?$/i;
/** Beside decimal commas, 1.500 may be fifteen hundred. */
const GROUPED = /^[+-]?\d{1,3}(\.\d{3})+$/;

/** NaN for what is not plainly a number. */
function numberOf(cell: string, commas: boolean): number {
  const text = cell.trim();
  if (commas && DECIMAL_COMMA.test(text)) return Number(text.replace(',', '.'));
  return NUMBER.test(text) && !(commas && GROUPED.test(text)) ? Number(text) : Number.NaN;
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, '');
}

/** The one that is most often in the first line of names. */
function separatorOf(text: string): string {
  const head = /^(?:\s*(?:#.*)?[\r\n]+)*(.*)/.exec(text)?.[1]?.replace(/"[^"]*"/g, '') ?? '';
  const counts = [';', '\t', ','].map((mark) => ({ mark, count: head.split(mark).length }));
  return counts.reduce((best, next) => (next.count > best.count ? next : best)).mark;
}

/** Cells of every row that has any; quoted cells may hold separators, line ends and doubled quotes. */
function* rowsOf(text: string, separator: string): Generator<Row> {
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

function unfit(fileName: string, rule: string, expected: string, got?: string, why?: string): SpecError {
  const cure = why === undefined ? {} : { cure: `The first: ${why}` };
  return new SpecError({ where: fileName, rule, expected, ...cure, ...(got === undefined ? {} : { got }) });
}
