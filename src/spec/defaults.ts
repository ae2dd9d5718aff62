import type { SpecInput, SpecPath } from './field.ts';
import type { RunSpec } from './run-spec.ts';
import { fieldAt, SPEC_PATHS, valueAt } from './schema.ts';

export function isRecord(value: unknown): value is Record<string, unknown> {
  return Object.prototype.toString.call(value) === '[object Object]';
}

/** Puts a value at a dotted path, making the sections on the way. */
export function putAt(target: Record<string, unknown>, path: string, value: unknown): void {
  const keys = path.split('.');
  const last = keys.pop() ?? path;
  let at = target;
  for (const key of keys) {
    const inner = at[key];
    const section = isRecord(inner) ? inner : {};
    at[key] = section;
    at = section;
  }
  at[last] = value;
}

/** A spec from the value of each field; one that is `undefined` is left out. The caller answers for the values. */
export function buildSpec(valueOf: (path: SpecPath) => unknown): RunSpec {
  const spec: Record<string, unknown> = { version: 1 };
  for (const path of SPEC_PATHS) {
    const value = valueOf(path);
    if (value !== undefined) putAt(spec, path, value);
  }
  // SPEC_PATHS are the leaves of RunSpec (FieldTable holds the compiler to it), so every section and field of it is here.
  return spec as unknown as RunSpec;
}

/** Default of a field; `undefined` for the budgets that are not the default one. */
function defaultOf(path: SpecPath): unknown {
  const field = fieldAt(path);
  return 'oneOf' in field && field.default === null ? undefined : field.default;
}

/**
 * A byte-level GPT of 131,392 parameters on the State of the Union addresses, 2,000 steps of 1,024 tokens: what the page trains
 * when nobody chose anything, and where every omitted field of a spec takes its value from.
 */
export const defaultSpec: RunSpec = buildSpec(defaultOf);

/** Fills what is left out from `base`, without checking anything (`specFaults` and `parseSpec` do). A budget replaces the base's. */
export function withDefaults(input: SpecInput, base: RunSpec = defaultSpec): RunSpec {
  const ownBudget = input.budget !== undefined && Object.keys(input.budget).length > 0;
  return buildSpec((path) => {
    const given = valueAt(input, path);
    if (given !== undefined) return given;
    return ownBudget && path.startsWith('budget.') ? undefined : valueAt(base, path);
  });
}
