import type { Fault } from '../base/errors.ts';
import { SpecError, unreachable } from '../base/errors.ts';
import { parseCast } from './cast-text.ts';
import { buildSpec, defaultSpec, isRecord } from './defaults.ts';
import type { CastsField, Field, NumberField, SpecPath } from './field.ts';
import { FUSION_RULE_NAMES } from './fusion-rules.ts';
import { parseSelector } from './precision.ts';
import { RULES } from './rules.ts';
import type { OverridesSpec, RunSpec } from './run-spec.ts';
import { fieldAt, isSpecPath, SPEC_PATHS, valueAt } from './schema.ts';
import type { Complaint } from './words.ts';
import { either, nearest, numeral, quoted, shown } from './words.ts';

/** A fault of a spec; `path` is the field or section it is about (empty for the whole), so that a form can show it there. */
export interface SpecFault extends Fault {
  readonly path: string;
}

export interface ParseOptions {
  /** Names that `fusion` may switch. Default: {@link FUSION_RULE_NAMES}. */
  readonly fusionRules?: readonly string[];
  /** Where omitted fields take their values from; a valid spec. Default: {@link defaultSpec}. */
  readonly base?: RunSpec;
}

interface Reading {
  readonly spec: RunSpec;
  readonly faults: readonly SpecFault[];
}

/** Every path that is a section: `model`, `data`, `data.markov`, ... */
const SECTIONS: ReadonlySet<string> = new Set(
  SPEC_PATHS.flatMap((path) => {
    const keys = path.split('.');
    return keys.slice(1).map((_, i) => keys.slice(0, i + 1).join('.'));
  }),
);

/**
 * The run that a value describes, every omitted field at its default. Accepts what `JSON.parse` gives; the result shares nothing with it.
 *
 * @throws SpecError for the first fault, in the order: unknown fields, the table's order of fields, rules between fields.
 */
export function parseSpec(value: unknown, options: ParseOptions = {}): RunSpec {
  const { spec, faults } = read(value, options);
  const [first] = faults;
  if (first !== undefined) throw new SpecError(first);
  return spec;
}

/** Every fault of a spec, the one that `parseSpec` throws first; empty for a valid one. */
export function specFaults(value: unknown, options: ParseOptions = {}): readonly SpecFault[] {
  return read(value, options).faults;
}

function read(value: unknown, { fusionRules = FUSION_RULE_NAMES, base = defaultSpec }: ParseOptions): Reading {
  const faults: SpecFault[] = [];
  const report: Report = (path, complaint) => {
    faults.push({ path, where: path === '' ? 'spec' : `spec ${onOneLine(path)}`, ...complaint });
  };

  if (!isRecord(value)) {
    report('', { rule: 'is not an object', got: shown(value), expected: 'an object of fields such as {"model":{"layers":2}}' });
    return { spec: base, faults };
  }
  const version = valueAt(value, 'version');
  if (version !== undefined && version !== 1) {
    report('version', { rule: 'is not a version that this build reads', got: shown(version), expected: '1' });
  }
  checkSection('', value, report);

  const budgets = isRecord(value['budget'])
    ? Object.keys(value['budget']).filter((key) => valueAt(value, `budget.${key}`) !== undefined)
    : [];
  if (budgets.length > 1) {
    const got = budgets.map(quoted).slice(0, 3).join(', ');
    report('budget', {
      rule: 'names more than one length',
      got,
      expected: 'exactly one of steps, tokens or flops',
      cure: 'Leave one.',
    });
  }
  const spec = buildSpec((path) => {
    const given = valueAt(value, path);
    if (given === undefined) return path.startsWith('budget.') && budgets.length > 0 ? undefined : valueAt(base, path);
    return readField(path, given, fusionRules, report);
  });

  // A rule that another rule's fields break still speaks; one whose own fields are not what their rows ask for does not.
  const unsound = faults.map(({ path }) => path);
  const sound = (read: string): boolean => !unsound.some((path) => within(path, read) || within(read, path));
  for (const rule of RULES) {
    const finding = rule.reads.every(sound) ? rule.broken(spec) : undefined;
    if (finding === undefined) continue;
    const { at, ...complaint } = finding;
    report(at ?? (typeof rule.marks === 'function' ? rule.marks(spec) : rule.marks), complaint);
  }
  return { spec, faults };
}

type Report = (path: string, complaint: Complaint) => void;

/** The value of one field, its faults reported; rules between fields are not asked. */
export function readField(path: SpecPath, given: unknown, fusionRules: readonly string[], report: Report): unknown {
  const field = fieldAt(path);
  if (field.kind === 'rules') return checkRules(path, given, fusionRules, report);
  if (field.kind === 'casts') return checkCasts(path, given, field, report);
  const complaint = complaintAbout(field, given);
  if (complaint !== undefined) report(path, complaint);
  // -0 is not JSON; adding 0 makes it 0.
  return typeof given === 'number' ? given + 0 : given;
}

/** True where `path` is `section` or lies in it. */
function within(path: string, section: string): boolean {
  return path === section || path.startsWith(`${section}.`);
}

/** Reports unknown keys of a section and of the sections in it, and sections that are not objects. */
function checkSection(section: string, value: Record<string, unknown>, report: Report): void {
  const prefix = section === '' ? '' : `${section}.`;
  for (const key of Object.keys(value)) {
    const path = `${prefix}${key}`;
    const inner = value[key];
    if (inner === undefined || path === 'version') continue;
    if (SECTIONS.has(path) && !key.includes('.')) {
      if (isRecord(inner)) checkSection(path, inner, report);
      else report(path, { rule: 'is not an object', got: shown(inner), expected: `an object of ${either(keysOf(path))}` });
    } else if (!keysOf(section).includes(key)) {
      report(path, { rule: 'is not a field of a spec', got: shown(inner), ...suggestion(section, key) });
    }
  }
}

/** Keys that a section may have; the empty section is the whole spec. */
function keysOf(section: string): readonly string[] {
  return SECTION_KEYS.get(section) ?? [];
}

/** Of every section, once: a sweep checks thousands of specs. */
const SECTION_KEYS: ReadonlyMap<string, readonly string[]> = new Map(
  ['', ...SECTIONS].map((section) => {
    const prefix = section === '' ? '' : `${section}.`;
    const keys = SPEC_PATHS.filter((path) => path.startsWith(prefix)).map(
      (path) => path.slice(prefix.length).split('.')[0] ?? '',
    );
    return [section, [...new Set(section === '' ? ['version', ...keys] : keys)]];
  }),
);

function suggestion(section: string, key: string): Pick<Complaint, 'cure'> {
  const nested = `${section === '' ? '' : `${section}.`}${key}`;
  if (key.includes('.') && isSpecPath(nested))
    return { cure: `Nest it: {"${key.replaceAll('.', '":{"')}": ...}${'}'.repeat(key.split('.').length - 1)}.` };
  const sibling = nearest(key, keysOf(section));
  if (sibling !== undefined) return { cure: `Did you mean "${sibling}"?` };
  const path = nearestPath(key);
  if (path !== undefined) return { cure: `Did you mean "${path}"?` };
  return { cure: `Fields here are ${keysOf(section).join(', ')}.` };
}

/** The field whose own name, without its sections, is nearest to that of a path; `undefined` where none is near. */
export function nearestPath(path: string): SpecPath | undefined {
  const last = (candidate: string): string => candidate.slice(candidate.lastIndexOf('.') + 1);
  const own = nearest(last(path), SPEC_PATHS.map(last));
  return SPEC_PATHS.find((candidate) => last(candidate) === own);
}

function complaintAbout(field: Exclude<Field, { kind: 'rules' | 'casts' }>, value: unknown): Complaint | undefined {
  switch (field.kind) {
    case 'int':
    case 'float':
      return numberComplaint(field, value);
    case 'choice': {
      if (typeof value === 'string' && Object.hasOwn(field.choices, value)) return undefined;
      const choices = Object.keys(field.choices);
      const near = typeof value === 'string' ? nearest(value, choices) : undefined;
      return {
        rule: 'is not one of its choices',
        got: shown(value),
        expected: either(choices),
        ...(near === undefined ? {} : { cure: `Did you mean "${near}"?` }),
      };
    }
    case 'toggle':
      return typeof value === 'boolean' ? undefined : { rule: 'is not a switch', got: shown(value), expected: 'true or false' };
    case 'text':
      if (typeof value !== 'string') return { rule: 'is not text', got: shown(value), expected: 'a string' };
      if (value.length <= field.maxLength) return undefined;
      return { rule: 'is too long', got: `${value.length} characters`, expected: `${field.maxLength} at most` };
    default:
      return unreachable(field);
  }
}

function numberComplaint(field: NumberField, value: unknown): Complaint | undefined {
  if (value === null && field.nullable) return undefined;
  const noun = field.kind === 'int' ? 'a whole number' : 'a number';
  const orNull = field.nullable ? `, or null (${field.nullMeans ?? 'off'})` : '';
  const expected = `${noun} from ${numeral(field.min)} to ${numeral(field.max)}${orNull}`;
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    const unquoted = typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value)) && value.length < 20;
    return {
      rule: 'is not a number',
      got: shown(value),
      expected,
      ...(unquoted ? { cure: `Write ${Number(value)} without quotes.` } : {}),
    };
  }
  if (field.kind === 'int' && !Number.isSafeInteger(value)) return { rule: 'is not a whole number', got: shown(value), expected };
  if (value < field.min || value > field.max) return { rule: 'is out of bounds', got: shown(value), expected };
  return undefined;
}

function checkRules(path: string, value: unknown, names: readonly string[], report: Report): RunSpec['fusion'] {
  if (value === 'all' || value === 'none') return value;
  const switches: Record<string, boolean> = {};
  if (!isRecord(value)) {
    report(path, {
      rule: 'is not a set of rules',
      got: shown(value),
      expected: '"all", "none" or an object such as {"attention":false}',
    });
    return switches;
  }
  for (const [name, on] of Object.entries(value)) {
    if (on === undefined) continue;
    const near = nearest(name, names);
    if (!names.includes(name)) {
      const cure = near === undefined ? `Rules are ${names.join(', ')}.` : `Did you mean "${near}"?`;
      report(`${path}.${name}`, { rule: 'is not a fusion rule', got: shown(on), cure });
    } else if (typeof on !== 'boolean') {
      report(`${path}.${name}`, { rule: 'is not a switch', got: shown(on), expected: 'true or false' });
    } else {
      switches[name] = on;
    }
  }
  return switches;
}

function checkCasts(path: string, value: unknown, { maxEntries }: CastsField, report: Report): OverridesSpec {
  const casts: Record<string, string> = {};
  if (!isRecord(value)) {
    const expected = 'an object such as {"fprop.weight":"e4m3/current"}';
    report(path, { rule: 'is not a set of casts', got: shown(value), expected });
    return casts;
  }
  const entries = Object.entries(value).filter(([, cast]) => cast !== undefined);
  if (entries.length > maxEntries) {
    report(path, { rule: 'has too many entries', got: String(entries.length), expected: `${maxEntries} at most` });
    return casts;
  }
  for (const [selector, cast] of entries) {
    const at = `${path}.${selector}`;
    const selected = parseSelector(selector);
    if ('complaint' in selected) {
      report(at, selected.complaint);
      continue;
    }
    if (typeof cast !== 'string') {
      report(at, { rule: 'is not a cast', got: shown(cast), expected: 'text such as "e4m3/current"' });
      continue;
    }
    const read = parseCast(cast);
    if ('complaint' in read) report(at, read.complaint);
    else casts[selector] = cast;
  }
  return casts;
}

/** A path as it stands in a message: plain words as they are, anything else quoted. */
function onOneLine(path: string): string {
  return /^[\w.:-]{1,80}$/.test(path) ? path : quoted(path);
}
