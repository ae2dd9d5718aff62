import { SpecError } from '../base/errors.ts';
import { CAST_FORMATS, differingPaths, flopsPerToken, parseSpec, totalSteps, type RunSpec } from '../spec/index.ts';
import { MAX_ARMS, type ArmSpec } from './protocol.ts';

/** Sections of a spec that decide which batches a run sees, and when it ends. */
const PAIRED = /^(data|seed|eval|budget)\./;

/**
 * Refuses arms that are not pairs of each other.
 *
 * @throws SpecError that names the arm and the field.
 */
export function requirePaired(arms: readonly ArmSpec[]): void {
  const [first, ...others] = arms;
  if (first === undefined || others.length === 0 || arms.length > MAX_ARMS)
    throw new SpecError({ where: 'comparison', rule: 'number of arms', got: String(arms.length), expected: `2..${MAX_ARMS}` });
  for (const { name, spec } of others) {
    if (arms.filter((arm) => arm.name === name).length > 1)
      throw new SpecError({ where: `arm ${name}`, rule: 'two arms have this name', cure: 'Name them apart.' });
    const path = differingPaths(first.spec, spec).find((candidate) => PAIRED.test(candidate));
    if (path === undefined) continue;
    throw new SpecError({
      where: `arm ${name}`,
      rule: `${path} is not that of arm ${first.name}, so their runs would not be pairs`,
      cure: 'Compare arms on the same data, seeds, budget and evaluation.',
    });
  }
}

/** @throws SpecError that names the first format that is none. */
export function requireFormats(names: readonly string[]): void {
  const unknown = names.find((name) => !CAST_FORMATS.includes(name));
  if (unknown === undefined) return;
  const got = JSON.stringify(unknown.slice(0, 40));
  throw new SpecError({ where: 'comparison whatIf', rule: 'is no format', got, expected: CAST_FORMATS.join(', ') });
}

/** Steps of every arm. @throws SpecError where a FLOP budget gives arms of different sizes different lengths. */
export function commonSteps(arms: readonly ArmSpec[], vocab: number): number {
  const [first, ...others] = arms.map(({ name, spec }) => ({ name, steps: totalSteps(spec, flopsPerToken(spec, vocab).total) }));
  const other = others.find(({ steps }) => steps !== first?.steps);
  if (first === undefined || other === undefined) return first?.steps ?? 0;
  throw new SpecError({
    where: `arm ${other.name}`,
    rule: `its budget is another number of steps than that of arm ${first.name}`,
    got: String(other.steps),
    expected: String(first.steps),
    cure: 'Say the budget in steps.',
  });
}

/** The runs of an arm: run i has seeds + i. @throws SpecError for a seed beyond the largest. */
export function laneSpecs(spec: RunSpec, seeds: number): RunSpec[] {
  return Array.from({ length: seeds }, (_, i) =>
    parseSpec({ ...spec, seed: { init: spec.seed.init + i, data: spec.seed.data + i } }),
  );
}
