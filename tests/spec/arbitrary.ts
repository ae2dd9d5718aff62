import fc from 'fast-check';
import { unreachable } from '../../src/base/errors.ts';
import type { Field, RunSpec, SpecPath } from '../../src/spec/index.ts';
import { fieldAt, FUSION_RULE_NAMES, ROLES, SPEC_PATHS, specFaults } from '../../src/spec/index.ts';
import { buildSpec } from '../../src/spec/defaults.ts';

/** Selectors that every model has tensors for, and casts that most tensors take. */
const SELECTORS = [
  ...ROLES,
  'fprop',
  'attention',
  'gradient',
  'blocks',
  'blocks.0.mlp',
  'head',
  'head:fprop.output',
  'blocks.0:residual',
];
const CASTS = [
  'f32',
  'bf16',
  'e4m3',
  'E5M2/current',
  'e4m3/none/stochastic',
  'fp16/zero',
  'e3m4-fn/current',
  'mxfp8-e4m3',
  'nvfp4/stochastic',
];

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
    case 'casts':
      return fc.oneof(
        { weight: 2, arbitrary: fc.constant({}) },
        {
          weight: 1,
          arbitrary: fc
            .uniqueArray(fc.tuple(fc.constantFrom(...SELECTORS), fc.constantFrom(...CASTS)), {
              selector: ([selector]) => selector,
              maxLength: 3,
            })
            .map((entries) => Object.fromEntries(entries)),
        },
      );
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
    /** Blocks of 4 divide everything, or whether they do is left to chance. */
    blocks: fc.boolean(),
    context: fc.integer({ min: 1, max: 32 }).map((quarter) => 4 * quarter),
  })
  .map((r): Partial<Record<SpecPath, unknown>> => ({
    'model.width': r.headSize * (r.blocks ? 2 : 1) * r.kvHeads * r.group,
    ...(r.blocks ? { 'data.context': r.context, 'precision.blockSize': 4 } : {}),
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
