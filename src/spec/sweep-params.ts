import { isRecord } from './defaults.ts';
import type { SpecPath } from './field.ts';
import { FIELDS } from './fields.ts';
import { FUSION_RULE_NAMES } from './fusion-rules.ts';
import type { RunSpec } from './run-spec.ts';
import { MAX_RUNS } from './sweep.ts';
import type { AxisValues } from './sweep.ts';
import { readValues } from './sweep-values.ts';
import type { Report } from './sweep-values.ts';
import { either, nearest, numeral, shown } from './words.ts';

/** What a person fills in for a parameter. */
export type ParamForm =
  | { readonly kind: 'values'; readonly path: SpecPath }
  | { readonly kind: 'number' | 'sizes' | 'rules' }
  | { readonly kind: 'choice'; readonly choices: readonly string[] };

/** A parameter of a sweep recipe. */
export interface Param<T> {
  /** One sentence, with its full stop. */
  readonly help: string;
  readonly form: ParamForm;
  /** What it is where a sweep leaves it out; one without must be given. */
  readonly default?: T;
  /** What a value means; `undefined`, and a report, where it means nothing. */
  readonly read: (at: string, value: unknown, base: RunSpec, report: Report) => T | undefined;
}

/** A model of a ladder. */
export interface Size {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
}

/** Values of a field of the spec. */
export function valuesOf(path: SpecPath, help: string): Param<AxisValues> {
  return { help, form: { kind: 'values', path }, read: (at, value, _, report) => readValues(at, path, value, report) };
}

export function numberParam(help: string, { min, max, whole, ...rest }: NumberBounds): Param<number> {
  const noun = whole ? 'a whole number' : 'a number';
  return {
    help,
    form: { kind: 'number' },
    ...rest,
    read: (at, value, _, report) => {
      const sound = typeof value === 'number' && value >= min && value <= max && (!whole || Number.isInteger(value));
      if (sound) return value;
      const expected = `${noun} from ${numeral(min)} to ${numeral(max)}`;
      report(at, { rule: 'is out of bounds', got: shown(value), expected });
      return undefined;
    },
  };
}

interface NumberBounds {
  readonly min: number;
  readonly max: number;
  readonly whole: boolean;
  readonly default?: number;
}

export function choiceParam<T extends string>(help: string, choices: readonly T[], byDefault: T): Param<T> {
  return {
    help,
    form: { kind: 'choice', choices },
    default: byDefault,
    read: (at, value, _, report) => {
      const found = choices.find((choice) => choice === value);
      if (found === undefined) report(at, { rule: 'is not one of its choices', got: shown(value), expected: either(choices) });
      return found;
    },
  };
}

/** Names of fusion rules; all of them by default. */
export function rulesParam(help: string): Param<readonly string[]> {
  return {
    help,
    form: { kind: 'rules' },
    default: FUSION_RULE_NAMES,
    read: (at, value, _, report) => {
      if (!Array.isArray(value) || value.length === 0 || new Set(value).size < value.length) {
        const expected = 'a list such as ["attention","cross-entropy"], none of them twice';
        report(at, { rule: 'is not a list of fusion rules', got: shown(value), expected });
        return undefined;
      }
      return value.every((name: unknown, i): name is string => {
        if (FUSION_RULE_NAMES.some((rule) => rule === name)) return true;
        const near = typeof name === 'string' ? nearest(name, FUSION_RULE_NAMES) : undefined;
        const cure = near === undefined ? `Rules are ${FUSION_RULE_NAMES.join(', ')}.` : `Did you mean "${near}"?`;
        report(`${at}.${i}`, { rule: 'is not a fusion rule', got: shown(name), cure });
        return false;
      })
        ? value
        : undefined;
    },
  };
}

/** Sizes of a model: widths alone, or widths with layers and heads. */
export function sizesParam(help: string): Param<readonly Size[]> {
  return {
    help,
    form: { kind: 'sizes' },
    read: (at, value, base, report) => {
      if (!Array.isArray(value) || value.length === 0 || value.length > MAX_RUNS) {
        const expected = 'a list such as [32,64] or [{"layers":2,"width":64}]';
        report(at, { rule: 'is not a list of sizes', got: shown(value), expected });
        return undefined;
      }
      const sizes = value.flatMap((size: unknown, i) => readSize(`${at}.${i}`, size, base, report) ?? []);
      if (sizes.length < value.length) return undefined;
      const texts = sizes.map((size) => JSON.stringify(size));
      const again = texts.findIndex((text, i) => texts.indexOf(text) < i);
      if (again < 0) return sizes;
      report(`${at}.${again}`, { rule: 'is the same size as an earlier one', cure: 'Leave one of them.' });
      return undefined;
    },
  };
}

const SIZE_KEYS = ['layers', 'width', 'heads'] as const;

/** What is left out: the base's layers, and heads of about the base's head size. */
function readSize(at: string, value: unknown, base: RunSpec, report: Report): Size | undefined {
  const given: unknown = typeof value === 'number' ? { width: value } : value;
  if (!isRecord(given) || Object.keys(given).some((key) => !SIZE_KEYS.some((known) => known === key))) {
    const expected = 'a width, or an object of width, layers and heads';
    report(at, { rule: 'is not a size', got: shown(value), expected });
    return undefined;
  }
  const read = (key: (typeof SIZE_KEYS)[number]): number | undefined => {
    const number = given[key];
    const { min, max } = FIELDS[`model.${key}`];
    if (typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max) return number;
    const expected = `a whole number from ${min} to ${max}`;
    report(`${at}.${key}`, { rule: 'is out of bounds', got: shown(number), expected });
    return undefined;
  };
  const width = read('width');
  const layers = given['layers'] === undefined ? base.model.layers : read('layers');
  if (width === undefined || layers === undefined) return undefined;
  const heads = given['heads'] === undefined ? headsFor(width, base) : read('heads');
  return heads === undefined ? undefined : { layers, width, heads };
}

/** Heads whose size is nearest to the base's, as a ratio, among those that divide the width (into even sizes where RoPE turns pairs). */
function headsFor(width: number, { model }: RunSpec): number {
  const wanted = model.width / model.heads;
  let best = 1;
  let bestDistance = Infinity;
  for (let heads = 1; heads <= Math.min(width, FIELDS['model.heads'].max); heads++) {
    const size = width / heads;
    if (!Number.isInteger(size) || (model.position === 'rope' && size % 2 !== 0)) continue;
    const distance = Math.abs(Math.log(size / wanted));
    if (distance < bestDistance - 1e-12) [best, bestDistance] = [heads, distance];
  }
  return best;
}
