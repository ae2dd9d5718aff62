import type { SpecPath } from './field.ts';
import { getField, isShown, SPEC_PATHS, fieldAt } from './schema.ts';
import type { RunSpec } from './run-spec.ts';
import { sha256 } from './sha256.ts';
import { BASE_SPEC_1 } from './url.ts';

/** 64 bits: among the runs of a million such sweeps, two would meet with a chance of a few in a million. */
const HEX_DIGITS = 16;

/**
 * The id of a run: the first 16 hex digits of the SHA-256 of the JSON object of its fields by path, in the order of the alphabet.
 *
 * Left out are the name, fields that mean nothing in this spec (those that no form shows), and fields at the values that links leave
 * out, which never change: so the same run has the same id in every sweep, shard, order of JSON keys, and in later builds that know
 * more fields. A fusion is the list of the rules that it switches off.
 */
export function runIdOf(spec: RunSpec): string {
  return sha256(identityOf(spec)).slice(0, HEX_DIGITS);
}

/** The JSON that {@link runIdOf} hashes. */
export function identityOf(spec: RunSpec): string {
  const told = (path: SpecPath): boolean => {
    const value = getField(spec, path);
    // A length has no default: another kind of budget is another run.
    if (path.startsWith('budget.')) return value !== undefined;
    const usual = getField(BASE_SPEC_1, path);
    if (path === 'name' || Object.is(value, usual) || !isShown(path, spec)) return false;
    return JSON.stringify(canonical(path, value)) !== JSON.stringify(canonical(path, usual));
  };
  const entries = SORTED_PATHS.filter(told).map((path) => [path, canonical(path, getField(spec, path))] as const);
  return JSON.stringify(Object.fromEntries(entries));
}

const SORTED_PATHS = SPEC_PATHS.toSorted();

/** A field's value in one form only. */
function canonical(path: SpecPath, value: unknown): unknown {
  if (fieldAt(path).kind !== 'rules' || typeof value !== 'object' || value === null) return value;
  const off = Object.entries(value).flatMap(([rule, on]) => (on === false ? [rule] : []));
  return off.length === 0 ? 'all' : off.toSorted();
}

/** The id of a sweep of these runs, in their order: the same runs are the same sweep, whatever axes they were written with. */
export function sweepIdOf(runs: readonly { readonly id: string }[]): string {
  return sha256(runs.map(({ id }) => id).join(' ')).slice(0, HEX_DIGITS);
}
