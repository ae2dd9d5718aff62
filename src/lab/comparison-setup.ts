import { IsoflopError, SpecError } from '../base/errors.ts';
import { CAST_FORMATS, parseSpec, RECIPES, SPEC_PATHS, type RunSpec, type SpecInput, type SpecPath } from '../spec/index.ts';
import { MAX_ARMS, MAX_SEEDS, type ArmSpec } from '../worker/protocol.ts';

/** One arm as the user chose it: what it changes of the base spec. */
export interface ArmChoice {
  readonly name: string;
  readonly changes: SpecInput;
}

/** A comparison as the user sets it up, over a base spec that lies beside it. */
export interface ComparisonSetup {
  readonly arms: readonly ArmChoice[];
  /** Runs of each arm: seeds of the base, + 1, + 2, ... */
  readonly seeds: number;
  /** Steps between two looks at the tensors; 0: none. */
  readonly probeEvery: number;
  /** Formats whose casts are measured beside what an arm does. */
  readonly whatIf: readonly string[];
  /** The arm that the others are held against, by its place. */
  readonly baseline: number;
}

type Precision = NonNullable<SpecInput['precision']>;
export type Recipe = RunSpec['precision']['recipe'];

/** An arm that trains in a recipe, named after it. */
export function recipeArm(recipe: Recipe, options: Precision = {}, name: string = recipe): ArmChoice {
  return { name, changes: { precision: { ...options, recipe } } };
}

export const COMPARISON_START: ComparisonSetup = {
  arms: [recipeArm('bf16'), recipeArm('fp8-current')],
  seeds: 3,
  probeEvery: 50,
  // The two of FP8, whatever the arms train in: E4M3 has the precision, E5M2 the range.
  whatIf: ['e4m3', 'e5m2'],
  baseline: 0,
};

/**
 * The specs of a setup's arms.
 *
 * @throws SpecError for the first thing that makes no comparison; where it is an arm's, it names the arm.
 */
export function armSpecs(base: RunSpec, setup: ComparisonSetup): ArmSpec[] {
  const { arms, seeds, probeEvery, whatIf, baseline } = setup;
  requireWhole('number of arms', arms.length, 2, MAX_ARMS);
  requireWhole('seeds', seeds, 1, MAX_SEEDS);
  requireWhole('steps between probes', probeEvery, 0, Number.MAX_SAFE_INTEGER);
  requireWhole('place of the baseline', baseline, 0, arms.length - 1);
  const unknown = whatIf.find((format) => !CAST_FORMATS.includes(format));
  if (unknown !== undefined) throw fault('a what-if is no format', shown(unknown), CAST_FORMATS.join(', '));
  return arms.map(({ name, changes }, i) => {
    if (name === '') throw new SpecError({ where: `arm ${i + 1}`, rule: 'it has no name' });
    if (arms.findIndex((arm) => arm.name === name) !== i)
      throw new SpecError({ where: `arm ${name}`, rule: 'two arms have this name', cure: 'Name them apart.' });
    try {
      return { name, spec: parseSpec(changes, { base }) };
    } catch (error) {
      if (!(error instanceof IsoflopError)) throw error;
      throw new SpecError({ where: `arm ${name}`, rule: error.message.replace(/\.$/, ''), cause: error });
    }
  });
}

function requireWhole(what: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least}..${most}`;
  throw fault(what, String(value), range);
}

function fault(rule: string, got: string, expected: string): SpecError {
  return new SpecError({ where: 'comparison', rule, got, expected });
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 40));

/**
 * A setup as the value of one key of a link's query. Links outlive this code: `1` says by which rules it is read, and these never change.
 *
 *     1_s3_p50_b0_we4m3.e5m2_n2_rbf16_aMY NAME*precision.recipe*"fp8-delayed"*precision.margin*2_z
 *
 * Fields are apart by `_`, the last is `z`, so that a link that was cut is known: seeds, steps between probes, place of the baseline, formats of what-if, number of arms, and each arm:
 * `r` and the recipe that is all it changes and its name, or `a`, its name, and path and JSON value of each change, apart by `*`.
 * In names and values `_`, `*` and `%` are escaped as in URLs.
 */
export function comparisonToText({ arms, seeds, probeEvery, whatIf, baseline }: ComparisonSetup): string {
  const head = [VERSION, `s${seeds}`, `p${probeEvery}`, `b${baseline}`, `w${whatIf.join('.')}`, `n${arms.length}`];
  return [...head, ...arms.map(armText), END].join('_');
}

const VERSION = '1';
const END = 'z';
/** Longest text that is read; eight arms with a dozen changes each are half of it. */
const MAX_LENGTH = 8192;

/**
 * The setup that {@link comparisonToText} wrote; whether it fits a base spec is {@link armSpecs}' to say.
 *
 * @throws SpecError for any other text.
 */
export function comparisonFromText(text: string): ComparisonSetup {
  const [version, ...fields] = text.split('_');
  if (version !== VERSION) {
    const rule = 'the comparison is not of a version that this build reads';
    throw new SpecError({ where: 'URL', rule, got: shown(version ?? ''), expected: VERSION, cure: 'Copy the whole link again.' });
  }
  if (text.length > MAX_LENGTH) throw mangled(`${text.length} characters`);
  if (fields.pop() !== END) throw mangled(shown(text));
  const [seeds, probeEvery, baseline, whatIf, count, ...arms] = fields;
  if (numberOf('n', count) !== arms.length) throw mangled(`${arms.length} arms`);
  const formats = whatIf?.startsWith('w') === true ? whatIf.slice(1) : undefined;
  if (formats === undefined) throw mangled(shown(whatIf ?? ''));
  return {
    arms: arms.map(armOf),
    seeds: numberOf('s', seeds),
    probeEvery: numberOf('p', probeEvery),
    baseline: numberOf('b', baseline),
    whatIf: formats === '' ? [] : formats.split('.'),
  };
}

/** What changes say, field by field. */
export function changedFields(changes: SpecInput): { readonly path: SpecPath; readonly value: unknown }[] {
  return SPEC_PATHS.flatMap((path) => {
    const value = leafAt(changes, path);
    return value === undefined ? [] : [{ path, value }];
  });
}

/** Changes with one field more; the value is checked where the changes are used. */
export function withChange(changes: SpecInput, path: SpecPath, value: unknown): SpecInput {
  return withLeaf(changes, path.split('.'), value);
}

function armText({ name, changes }: ArmChoice): string {
  const given = changedFields(changes);
  const [only] = given;
  if (given.length === 1 && only?.path === 'precision.recipe' && only.value === name) return `r${name}`;
  return `a${[name, ...given.flatMap(({ path, value }) => [path, JSON.stringify(value)])].map(escaped).join('*')}`;
}

function armOf(text: string): ArmChoice {
  const body = text.slice(1);
  if (text.startsWith('r') && isRecipe(body)) return recipeArm(body);
  const [name, ...rest] = body.split('*').map(unescaped);
  if (!text.startsWith('a') || name === undefined || rest.length % 2 !== 0) throw mangled(shown(text));
  let changes: object = {};
  for (let i = 0; i < rest.length; i += 2) {
    const path = SPEC_PATHS.find((candidate) => candidate === rest[i]);
    if (path === undefined) throw mangled(shown(rest[i] ?? ''));
    changes = withLeaf(changes, path.split('.'), parsed(rest[i + 1] ?? ''));
  }
  // What the changes hold is checked by parseSpec before anything uses it.
  return { name, changes };
}

function isRecipe(name: string): name is Recipe {
  return Object.hasOwn(RECIPES, name);
}

function numberOf(letter: string, text: string | undefined): number {
  const digits = text?.startsWith(letter) === true ? text.slice(1) : '';
  if (!/^\d{1,15}$/.test(digits)) throw mangled(shown(text ?? ''));
  return Number(digits);
}

function leafAt(value: unknown, path: string): unknown {
  let at = value;
  for (const key of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = Reflect.get(at, key);
  }
  return at;
}

/** A copy of nested objects with one leaf more. */
function withLeaf(target: unknown, [key = '', ...rest]: readonly string[], value: unknown): object {
  const object = typeof target === 'object' && target !== null ? target : {};
  return { ...object, [key]: rest.length === 0 ? value : withLeaf(Reflect.get(object, key), rest, value) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw mangled(shown(text), cause);
  }
}

function escaped(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('_', '%5F').replaceAll('*', '%2A');
}

function unescaped(text: string): string {
  return text.replaceAll('%5F', '_').replaceAll('%2A', '*').replaceAll('%25', '%');
}

function mangled(got: string, cause?: unknown): SpecError {
  const rule = 'is mangled, so the comparison in it is lost';
  return new SpecError({ where: 'URL', rule, got, cure: 'Copy the whole link again.', cause });
}
