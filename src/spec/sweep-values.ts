import { isRecord } from './defaults.ts';
import type { SpecPath } from './field.ts';
import { FUSION_RULE_NAMES } from './fusion-rules.ts';
import { fieldAt, isSpecPath } from './schema.ts';
import { MAX_RUNS, numbersOf } from './sweep.ts';
import type { Axis, AxisValue, AxisValues, PathAxis, Range } from './sweep.ts';
import { nearestPath, readField } from './validate.ts';
import type { Complaint } from './words.ts';
import { nearest, numeral, quoted, shown } from './words.ts';

/** Hears of faults, `at` being where in the sweep: `axes.0.values.2`. */
export type Report = (at: string, complaint: Complaint) => void;

const RANGE_FORM = '{"log":[0.001,0.1],"count":5}';

/** The axes that a value lists; those at fault are reported and left out. */
export function readAxes(value: unknown, report: Report): readonly Axis[] {
  if (!Array.isArray(value)) {
    report('axes', {
      rule: 'is not a list',
      got: shown(value),
      expected: 'a list such as [{"path":"seed.init","values":[1,2]}]',
    });
    return [];
  }
  // No axis has less than one value, so more axes than this are a slip, and each is looked at.
  if (value.length > 64) {
    report('axes', {
      rule: 'has too many entries',
      got: String(value.length),
      expected: '64 at most',
      cure: 'Zip some of them.',
    });
    return [];
  }
  return value.flatMap((axis: unknown, i) => readAxis(`axes.${i}`, axis, report) ?? []);
}

function readAxis(at: string, value: unknown, report: Report): Axis | undefined {
  if (!isRecord(value) || !('zip' in value)) return readPathAxis(at, value, report);
  if (!onlyKeys(at, value, ['zip'], report)) return undefined;
  const { zip } = value;
  if (!Array.isArray(zip) || zip.length === 0 || zip.length > 64) {
    report(`${at}.zip`, { rule: 'is not a list of axes', got: shown(zip), expected: 'a list of 1 to 64 axes of equal length' });
    return undefined;
  }
  const columns = zip.flatMap((column: unknown, i) => readPathAxis(`${at}.zip.${i}`, column, report, { distinct: false }) ?? []);
  if (columns.length < zip.length) return undefined;
  const lengths = columns.map(({ values }) => ('count' in values ? values.count : values.length));
  if (new Set(lengths).size > 1) {
    report(`${at}.zip`, {
      rule: 'its axes differ in length',
      got: columns.map(({ path }, i) => `${lengths[i]} of ${path}`).join(', '),
      expected: 'equal lengths',
      cure: 'Give every zipped axis a value for each run, or take the axis out of the zip.',
    });
    return undefined;
  }
  return { zip: columns };
}

function readPathAxis(at: string, value: unknown, report: Report, { distinct = true } = {}): PathAxis | undefined {
  if (!isRecord(value)) {
    report(at, { rule: 'is not an axis', got: shown(value), expected: '{"path":...,"values":...} or {"zip":[...]}' });
    return undefined;
  }
  if (!onlyKeys(at, value, ['path', 'values'], report)) return undefined;
  const { path } = value;
  if (typeof path !== 'string' || !isSpecPath(path)) {
    const near = typeof path === 'string' ? nearestPath(path) : undefined;
    report(`${at}.path`, {
      rule: 'names no field of a spec',
      got: shown(path),
      ...(near === undefined ? { expected: 'a path such as "optimizer.lr"' } : { cure: `Did you mean "${near}"?` }),
    });
    return undefined;
  }
  const values = readValues(`${at}.values`, path, value['values'], report, { distinct });
  return values === undefined ? undefined : { path, values };
}

/** Values of one field: a list or a range. Everything in it is what the field takes, for itself. */
export function readValues(
  at: string,
  path: SpecPath,
  value: unknown,
  report: Report,
  { distinct = true } = {},
): AxisValues | undefined {
  if (isRecord(value)) return readRange(at, path, value, report);
  if (!Array.isArray(value)) {
    report(at, { rule: 'is not a list', got: shown(value), expected: `a list, or a range such as ${RANGE_FORM}` });
    return undefined;
  }
  if (value.length === 0) {
    report(at, { rule: 'is empty', cure: `Give ${path} a value, or leave the axis out.` });
    return undefined;
  }
  if (value.length > MAX_RUNS) {
    report(at, { rule: 'has too many values', got: String(value.length), expected: `${MAX_RUNS} at most` });
    return undefined;
  }
  let sound = true;
  const seen = new Map<string, number>();
  const list = value.map((item: unknown, i): AxisValue => {
    const read = readField(path, item, FUSION_RULE_NAMES, (_, complaint) => {
      sound = false;
      report(`${at}.${i}`, complaint);
    });
    const text = JSON.stringify(read);
    const first = seen.get(text);
    if (first === undefined) seen.set(text, i);
    else if (distinct && sound) {
      sound = false;
      report(`${at}.${i}`, { rule: `is the same as value ${first}`, got: shown(item), cure: 'Leave one of them.' });
    }
    // What readField reports nothing about has the type of its field.
    return read as AxisValue;
  });
  return sound ? list : undefined;
}

function readRange(at: string, path: SpecPath, value: Record<string, unknown>, report: Report): Range | undefined {
  const field = fieldAt(path);
  if (field.kind !== 'int' && field.kind !== 'float') {
    report(at, { rule: `${path} is no number, so it has no ranges`, got: shown(value), expected: 'a list of values' });
    return undefined;
  }
  const form = 'log' in value ? 'log' : 'linear';
  if (!onlyKeys(at, value, [form, 'count'], report)) return undefined;
  const { count } = value;
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 2 || count > MAX_RUNS) {
    report(`${at}.count`, {
      rule: 'is not a number of values',
      got: shown(count),
      expected: `a whole number from 2 to ${MAX_RUNS}`,
    });
    return undefined;
  }
  const ends: unknown = value[form];
  if (!Array.isArray(ends) || ends.length !== 2) {
    report(`${at}.${form}`, { rule: 'is not a pair of numbers', got: shown(ends), expected: `a range such as ${RANGE_FORM}` });
    return undefined;
  }
  let sound = true;
  const [first = NaN, last = NaN] = ends.map((end: unknown, i): number => {
    const read = readField(path, end, [], (_, complaint) => {
      sound = false;
      report(`${at}.${form}.${i}`, complaint);
    });
    return typeof read === 'number' ? read : NaN;
  });
  if (!sound) return undefined;
  const pair = `${numeral(first)} to ${numeral(last)}`;
  if (Number.isNaN(first) || Number.isNaN(last) || first === last || (form === 'log' && Math.min(first, last) <= 0)) {
    const expected = form === 'log' ? 'two different numbers above 0' : 'two different numbers';
    report(`${at}.${form}`, { rule: 'does not span a range', got: pair, expected });
    return undefined;
  }
  const range: Range = form === 'log' ? { log: [first, last], count } : { linear: [first, last], count };
  const numbers = numbersOf(range, field.kind === 'int');
  if (new Set(numbers).size === count) return range;
  report(`${at}.count`, {
    rule: 'is more than the range has different values',
    got: `${count} of ${pair}`,
    expected: `${new Set(numbers).size} at most`,
    cure: 'Take fewer values or a wider range.',
  });
  return undefined;
}

/** Reports keys that are not among `known`, and those of them that are missing. */
function onlyKeys(at: string, value: Record<string, unknown>, known: readonly string[], report: Report): boolean {
  const foreign = Object.keys(value).filter((key) => !known.includes(key));
  for (const key of foreign) {
    const near = nearest(key, known);
    report(`${at}.${/^\w{1,40}$/.test(key) ? key : quoted(key)}`, {
      rule: 'is not a key that belongs here',
      got: shown(value[key]),
      cure: near === undefined ? `Keys here are ${known.join(', ')}.` : `Did you mean "${near}"?`,
    });
  }
  const missing = known.find((key) => value[key] === undefined);
  if (foreign.length === 0 && missing !== undefined) report(`${at}.${missing}`, { rule: 'is missing' });
  return foreign.length === 0 && missing === undefined;
}
