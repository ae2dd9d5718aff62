import fc from 'fast-check';
import { unreachable } from '../../src/base/errors.ts';
import type { Field, RunSpec, SpecPath } from '../../src/spec/index.ts';
import { fieldAt, FUSION_RULE_NAMES, SPEC_PATHS, specFaults } from '../../src/spec/index.ts';
import { buildSpec } from '../../src/spec/defaults.ts';

/** Any value that a field accepts alone. */
export function fieldValue(field: Field): fc.Arbitrary<unknown> {
  switch (field.kind) {
    case 'int': {
      const small = fc.integer({ min: field.min, max: Math.min(field.max, field.usual?.[1] ?? field.max) });
      const value = fc.oneof(
        { weight: 4, arbitrary: small },
        { weight: 1, arbitrary: fc.maxSafeInteger().map((n) => clamp(n, field)) },
      );
      return field.nullable ? fc.option(value) : value;
    }
    case 'float': {
      const value = fc.double({ min: field.min, max: field.max, noNaN: true, noDefaultInfinity: true }).map((x) => x + 0);
      return field.nullable ? fc.option(value) : value;
    }
    case 'choice':
      return fc.constantFrom(...Object.keys(field.choices));
    case 'toggle':
      return fc.boolean();
    case 'text':
      return fc.string({ unit: 'binary', maxLength: 20 });
    case 'rules':
      return fc.oneof(fc.constantFrom('all', 'none'), fc.dictionary(fc.constantFrom(...FUSION_RULE_NAMES), fc.boolean()));
    default:
      return unreachable(field);
  }
}

const clamp = (n: number, { min, max }: { min: number; max: number }): number => Math.min(max, Math.max(min, n));

/** Values that keep the rules between fields more often than independent ones would. */
const related = fc
  .record({
    headSize: fc.integer({ min: 1, max: 24 }).map((half) => 2 * half),
    kvHeads: fc.integer({ min: 1, max: 4 }),
    group: fc.integer({ min: 1, max: 4 }),
    warmupSteps: fc.integer({ min: 0, max: 500 }),
    steps: fc.integer({ min: 501, max: 100_000 }),
    cooldown: fc.double({ min: 0, max: 0.5, noNaN: true }).map((x) => x + 0),
    budget: fc.constantFrom('steps', 'tokens', 'flops'),
    flops: fc.double({ min: 1e14, max: 1e17, noNaN: true }),
  })
  .map((r): Partial<Record<SpecPath, unknown>> => ({
    'model.width': r.headSize * r.kvHeads * r.group,
    'model.heads': r.kvHeads * r.group,
    'model.kvHeads': r.kvHeads === r.group ? null : r.kvHeads,
    'schedule.warmupSteps': r.budget === 'steps' ? r.warmupSteps : 0,
    'schedule.cooldown': r.cooldown,
    'budget.steps': r.budget === 'steps' ? r.steps : undefined,
    'budget.tokens': r.budget === 'tokens' ? r.steps * 64 : undefined,
    'budget.flops': r.budget === 'flops' ? r.flops : undefined,
  }));

/** Any valid spec: every field of the table drawn from its own bounds, every rule between fields kept. */
export const validSpec: fc.Arbitrary<RunSpec> = fc
  .tuple(fc.record(Object.fromEntries(SPEC_PATHS.map((path) => [path, fieldValue(fieldAt(path))]))), related)
  .map(([values, kept]) => buildSpec((path) => (path in kept ? kept[path] : values[path])))
  .filter((spec) => specFaults(spec).length === 0);
