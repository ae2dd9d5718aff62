import { SpecError } from '../base/errors.ts';
import { defaultSpec, isRecord } from './defaults.ts';
import type { SpecPath } from './field.ts';
import { FIELDS } from './fields.ts';
import type { RunSpec } from './run-spec.ts';
import { setField } from './schema.ts';
import { columnsOf, isRange, lengthOf, MAX_RUNS, numbersOf } from './sweep.ts';
import type { Axis, AxisValue, AxisValues, Sweep, SweepRun } from './sweep.ts';
import { runIdOf } from './sweep-id.ts';
import { readRecipe } from './sweep-recipes.ts';
import type { RecipeReading } from './sweep-recipes.ts';
import { readAxes } from './sweep-values.ts';
import type { Report } from './sweep-values.ts';
import { parseSpec, specFaults } from './validate.ts';
import type { SpecFault } from './validate.ts';
import { nearest, quoted, shown } from './words.ts';

interface SweepOptions {
  /** Where omitted fields of the base take their values from; a valid spec. Default: {@link defaultSpec}. */
  readonly base?: RunSpec;
}

interface Reading {
  readonly sweep: Sweep;
  readonly faults: readonly SpecFault[];
  /** Its runs; none where there are faults. */
  readonly runs: readonly SweepRun[];
}

const KEYS = ['version', 'name', 'base', 'recipe', 'axes'] as const;
/** Faults of single runs that are listed: a wrong base spoils them all in the same way. */
const RUN_FAULTS = 5;

/**
 * The sweep that a value describes: `{"name":..,"base":{..},"recipe":{"kind":..},"axes":[..]}`, of which base and name may be left
 * out, and one of recipe and axes. Accepts what `JSON.parse` gives.
 *
 * @throws SpecError for the first fault, those of single runs last.
 */
export function parseSweep(value: unknown, options: SweepOptions = {}): Sweep {
  const { sweep, runs } = sound(read(value, options));
  RUNS.set(sweep, runs);
  return sweep;
}

/** Every fault of a sweep, the one that {@link parseSweep} throws first; empty for a valid one. Of the faults of single runs, the first few. */
export function sweepFaults(value: unknown, options: SweepOptions = {}): readonly SpecFault[] {
  return read(value, options).faults;
}

/**
 * The runs of a valid sweep, in the order of its axes, the last one fastest.
 *
 * @throws SpecError as {@link parseSweep}.
 */
export function expandSweep(sweep: Sweep): readonly SweepRun[] {
  return RUNS.get(sweep) ?? sound(read(sweep, {})).runs;
}

/** The runs of sweeps that were just parsed: checking them wrote them down. */
const RUNS = new WeakMap<Sweep, readonly SweepRun[]>();

/** The axes of a valid sweep, those of its recipe first and written out. */
export function sweepAxes(sweep: Sweep): readonly Axis[] {
  const recipe = sweep.recipe === null ? undefined : readRecipe(sweep.recipe, sweep.base, () => undefined);
  return [...(recipe?.axes() ?? []), ...sweep.axes];
}

function sound(reading: Reading): Reading {
  const [first] = reading.faults;
  if (first !== undefined) throw new SpecError(first);
  return reading;
}

function read(value: unknown, { base: outer = defaultSpec }: SweepOptions): Reading {
  const faults: SpecFault[] = [];
  const report: Report = (path, complaint) => {
    faults.push({ path, where: path === '' ? 'sweep' : `sweep ${path}`, ...complaint });
  };
  const nothing: Sweep = { version: 1, name: '', base: outer, recipe: null, axes: [] };
  if (!isRecord(value)) {
    report('', { rule: 'is not an object', got: shown(value), expected: 'an object such as {"base":{},"axes":[...]}' });
    return { sweep: nothing, faults, runs: [] };
  }
  readEnvelope(value, report);
  const base = readBase(value['base'], outer, report);
  const recipe = value['recipe'] ?? null;
  const reading = recipe === null || base === undefined ? undefined : readRecipe(recipe, base, report);
  const axes = value['axes'] === undefined ? [] : readAxes(value['axes'], report);
  const bare = recipe === null && (value['axes'] === undefined || (Array.isArray(value['axes']) && value['axes'].length === 0));
  if (bare) report('', { rule: 'has neither axes nor a recipe', cure: 'Say with "axes" or "recipe" what is to vary.' });
  const sweep: Sweep = {
    version: 1,
    name: typeof value['name'] === 'string' ? value['name'] : '',
    base: base ?? outer,
    recipe: reading?.recipe ?? null,
    axes,
  };
  if (faults.length > 0) return { sweep, faults, runs: [] };
  const all = gridOf(reading, axes, report);
  const runs = all === undefined ? [] : readRuns(sweep, all, report);
  return { sweep, faults, runs: faults.length === 0 ? runs : [] };
}

function readEnvelope(value: Record<string, unknown>, report: Report): void {
  const { version, name } = value;
  if (version !== undefined && version !== 1) {
    report('version', { rule: 'is not a version that this build reads', got: shown(version), expected: '1' });
  }
  const { maxLength } = FIELDS.name;
  if (name !== undefined && (typeof name !== 'string' || name.length > maxLength)) {
    report('name', { rule: 'is not a short text', got: shown(name), expected: `${maxLength} characters at most` });
  }
  for (const key of Object.keys(value)) {
    if (KEYS.some((known) => known === key) || value[key] === undefined) continue;
    const near = nearest(key, KEYS);
    report(/^\w{1,40}$/.test(key) ? key : quoted(key), {
      rule: 'is not a key of a sweep',
      got: shown(value[key]),
      cure: near === undefined ? `Keys are ${KEYS.join(', ')}; fields of a run go into "base".` : `Did you mean "${near}"?`,
    });
  }
}

function readBase(value: unknown, outer: RunSpec, report: Report): RunSpec | undefined {
  const given = value ?? {};
  const faults = specFaults(given, { base: outer });
  for (const { path, where, ...complaint } of faults) {
    report(path === '' ? 'base' : `base.${where.slice('spec '.length)}`, complaint);
  }
  return faults.length === 0 ? parseSpec(given, { base: outer }) : undefined;
}

/** All axes, once it is known that they make no more runs than a sweep may have, and that no field is set twice. */
function gridOf(recipe: RecipeReading | undefined, own: readonly Axis[], report: Report): readonly Axis[] | undefined {
  const runs = own.reduce((product, axis) => product * axisLength(axis), recipe?.runs ?? 1);
  if (runs > MAX_RUNS) {
    report('', {
      rule: 'has too many runs',
      got: runs < 1e15 ? String(runs) : 'more than 1e15',
      expected: `${MAX_RUNS} at most`,
      cure: 'Leave values out, zip axes that belong together, or make several sweeps of it.',
    });
    return undefined;
  }
  const axes = [...(recipe?.axes() ?? []), ...own];
  const setBy = new Map<string, SpecPath>();
  for (const { path } of axes.flatMap(columnsOf)) {
    const field = path.startsWith('budget.') ? 'budget' : path;
    const earlier = setBy.get(field);
    if (earlier !== undefined) {
      const rule = earlier === path ? `${path} is set by two axes` : `${earlier} and ${path} both set the length`;
      report('axes', { rule, cure: 'Leave one of them.' });
      return undefined;
    }
    setBy.set(field, path);
  }
  return axes;
}

function axisLength(axis: Axis): number {
  const [first] = columnsOf(axis);
  return first === undefined ? 1 : lengthOf(first.values);
}

/** Every run of the grid, checked as `parseSpec` does; two that compute the same are a fault. */
function readRuns(sweep: Sweep, axes: readonly Axis[], report: Report): readonly SweepRun[] {
  const grid = axes.map((axis) => columnsOf(axis).map(({ path, values }) => ({ path, list: listOf(path, values) })));
  const total = grid.reduce((product, [column]) => product * (column?.list.length ?? 1), 1);
  const base = sweep.base.name === '' ? { ...sweep.base, name: sweep.name } : sweep.base;
  const runs: SweepRun[] = [];
  const byId = new Map<string, number>();
  let bad = 0;
  for (let index = 0; index < total && bad < RUN_FAULTS; index++) {
    const values = valuesAt(grid, index);
    let spec = base;
    for (const [path, value] of values) spec = setField(spec, path, value);
    const where = `run ${index + 1} of ${total} (${values.map(([path, value]) => `${path} ${shownValue(value)}`).join(', ')})`;
    const [fault] = specFaults(spec);
    if (fault !== undefined) {
      const { path: _, where: field, ...complaint } = fault;
      report(`${where}: ${field.slice('spec '.length)}`, complaint);
      bad += 1;
      continue;
    }
    const id = runIdOf(spec);
    const twin = byId.get(id);
    if (twin === undefined) byId.set(id, index);
    else {
      const cure = 'Leave one out: fields that differ between them mean nothing here, or come to the same.';
      report(where, { rule: `is the same as run ${twin + 1}`, cure });
      bad += 1;
      continue;
    }
    runs.push({ id, values: Object.fromEntries(values), spec });
  }
  return runs;
}

interface Column {
  readonly path: SpecPath;
  readonly list: readonly AxisValue[];
}

/** What the axes set in run `index` of the grid, whose last axis is the fastest. */
function valuesAt(grid: readonly (readonly Column[])[], index: number): readonly (readonly [SpecPath, AxisValue])[] {
  let rest = index;
  const places = grid.map(() => 0);
  for (let axis = grid.length - 1; axis >= 0; axis--) {
    const length = grid[axis]?.[0]?.list.length ?? 1;
    places[axis] = rest % length;
    rest = Math.floor(rest / length);
  }
  return grid.flatMap((columns, axis) => columns.map(({ path, list }) => [path, list[places[axis] ?? 0] ?? null] as const));
}

function listOf(path: SpecPath, values: AxisValues): readonly AxisValue[] {
  return isRange(values) ? numbersOf(values, FIELDS[path].kind === 'int') : values;
}

function shownValue(value: AxisValue): string {
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
