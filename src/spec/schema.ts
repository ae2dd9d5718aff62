import type { Field, GroupId, SpecPath, ValueAt } from './field.ts';
import { FIELDS, GROUPS } from './fields.ts';
import type { RunSpec } from './run-spec.ts';

export function isSpecPath(path: string): path is SpecPath {
  return Object.hasOwn(FIELDS, path);
}

/** Every field's path, in the order of the table. */
export const SPEC_PATHS: readonly SpecPath[] = Object.keys(FIELDS).filter(isSpecPath);

export function fieldAt(path: SpecPath): Field {
  return FIELDS[path];
}

function isGroup(id: string): id is GroupId {
  return Object.hasOwn(GROUPS, id);
}

/** The groups in order, each with its label and the paths of its fields. */
export const FIELD_GROUPS: readonly { readonly id: GroupId; readonly label: string; readonly paths: readonly SpecPath[] }[] =
  Object.keys(GROUPS)
    .filter(isGroup)
    .map((id) => ({ id, label: GROUPS[id], paths: SPEC_PATHS.filter((path) => fieldAt(path).group === id) }));

/** True where a form shows the field: the field has a meaning in this spec. A budget that is not the chosen one is not shown. */
export function isShown(path: SpecPath, spec: RunSpec): boolean {
  const field = fieldAt(path);
  if ('oneOf' in field && getField(spec, path) === undefined) return false;
  return field.when === undefined || field.when(spec);
}

/** Value at a dotted path of nested plain objects; `undefined` where there is none. */
export function valueAt(value: unknown, path: string): unknown {
  let at = value;
  for (const key of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = Reflect.get(at, key);
  }
  return at;
}

/** Value of a field; `undefined` only for a budget that is not the chosen one. */
export function getField<P extends SpecPath>(spec: RunSpec, path: P): ValueAt<P> | undefined {
  // The path is one of RunSpec's own, so what lies there has the type that RunSpec gives it.
  return valueAt(spec, path) as ValueAt<P> | undefined;
}

/** A copy of the spec with one field changed, not validated. A budget replaces the one that was there. */
export function setField<P extends SpecPath>(spec: RunSpec, path: P, value: ValueAt<P>): RunSpec {
  const [section, ...rest] = path.split('.');
  const base: unknown = section === 'budget' ? { ...spec, budget: {} } : spec;
  return replaced(base, [section ?? '', ...rest], value) as RunSpec;
}

function replaced(base: unknown, keys: readonly string[], value: unknown): unknown {
  const [key, ...rest] = keys;
  if (key === undefined) return value;
  const object = typeof base === 'object' && base !== null ? base : {};
  return { ...object, [key]: replaced(Reflect.get(object, key), rest, value) };
}

/** Paths whose values differ between two specs, in the order of the table. A budget of another kind differs in both kinds. */
export function differingPaths(a: RunSpec, b: RunSpec): SpecPath[] {
  return SPEC_PATHS.filter((path) => {
    const [x, y] = [getField(a, path), getField(b, path)];
    return !sameValue(x, y) || (fieldAt(path).kind === 'casts' && !sameOrder(x, y));
  });
}

/** Later entries of overrides win over earlier ones, so their order counts. */
function sameOrder(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function sameValue(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b);
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && Reflect.get(a, key) === Reflect.get(b, key))
  );
}

/** True where the two specs may train as lanes of one program: they differ in laneable fields at most. */
export function canShareProgram(a: RunSpec, b: RunSpec): boolean {
  return differingPaths(a, b).every((path) => fieldAt(path).laneable);
}
