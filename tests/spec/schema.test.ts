import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canShareProgram,
  CAST_FORMATS,
  defaultSpec,
  differingPaths,
  FIELD_GROUPS,
  fieldAt,
  FUSION_RULES,
  getField,
  isFusionOn,
  isShown,
  RECIPES,
  ROLES,
  setField,
  SPEC_PATHS,
  specFaults,
  specReference,
  tensorReference,
  withDefaults,
} from '../../src/spec/index.ts';
import type { RunSpec, SpecInput } from '../../src/spec/index.ts';
import { validSpec } from './arbitrary.ts';

/** Dotted paths of the leaves of a plain object. */
function leaves(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null || path === 'precision.overrides') return [path];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === '' ? key : `${path}.${key}`));
}

const numbers = SPEC_PATHS.flatMap((path) => {
  const field = fieldAt(path);
  return field.kind === 'int' || field.kind === 'float' ? [{ path, field }] : [];
});

describe('the table of fields', () => {
  it('has exactly the leaves of a spec, besides version and the budgets that were not chosen', () => {
    const rows = SPEC_PATHS.filter((path) => path !== 'budget.tokens' && path !== 'budget.flops');
    expect(leaves(defaultSpec).sort()).toEqual(['version', ...rows].sort());
  });

  it('puts every field in one group', () => {
    expect(FIELD_GROUPS.flatMap(({ paths }) => paths).sort()).toEqual([...SPEC_PATHS].sort());
  });

  it.each(SPEC_PATHS)('%s has a label and a sentence of help', (path) => {
    expect(fieldAt(path).label).toMatch(/^\S.*\S$/);
    expect(fieldAt(path).help).toMatch(/^\S.*\.$/);
  });

  it.each(numbers)(
    '$path has bounds in order, its usual range and its default within them, and a step that moves',
    ({ field }) => {
      const [low, high] = field.usual ?? [field.min, field.max];
      expect(field.min).toBeLessThanOrEqual(low);
      expect(low).toBeLessThan(high);
      expect(high).toBeLessThanOrEqual(field.max);
      expect(field.step).toBeGreaterThan(field.log ? 1 : 0);
      expect(low > 0 || !field.log).toBe(true);
      const byDefault = field.default ?? (field.nullable || field.oneOf !== undefined ? low : NaN);
      expect(byDefault).toBeGreaterThanOrEqual(field.min);
      expect(byDefault).toBeLessThanOrEqual(field.max);
    },
  );

  it('has a label for every choice, and the default among them', () => {
    const choices = SPEC_PATHS.map(fieldAt).filter((field) => field.kind === 'choice');
    expect(choices.length).toBeGreaterThan(5);
    for (const { choices: labels, default: value } of choices) {
      expect(Object.keys(labels)).toContain(value);
      expect(Object.values(labels).every((label) => label !== '')).toBe(true);
    }
  });

  it('marks as laneable what lanes of one program may differ in, and nothing that shapes it', () => {
    const laneable = SPEC_PATHS.filter((path) => fieldAt(path).laneable);
    expect(laneable).toEqual([
      'name',
      'seed.init',
      'seed.data',
      'loss.zLoss',
      'optimizer.lr',
      'optimizer.beta1',
      'optimizer.beta2',
      'optimizer.eps',
      'optimizer.weightDecay',
      'optimizer.clip',
      'schedule.kind',
      'schedule.warmupSteps',
      'schedule.cooldown',
      'schedule.finalRatio',
    ]);
  });

  it('shows a field only where it has a meaning', () => {
    const markov = withDefaults({ data: { source: 'markov' } });
    expect(isShown('data.markov.order', defaultSpec)).toBe(false);
    expect(isShown('data.markov.order', markov)).toBe(true);
    expect(isShown('data.tokenizer', markov)).toBe(false);
    expect(isShown('data.merges', withDefaults({ data: { tokenizer: 'bpe' } }))).toBe(true);
    expect(isShown('budget.steps', defaultSpec)).toBe(true);
    expect(isShown('budget.flops', defaultSpec)).toBe(false);
    expect(isShown('model.kvHeads', withDefaults({ model: { heads: 1 } }))).toBe(false);
  });

  it.each<[NonNullable<SpecInput['precision']>, string]>([
    [{}, 'recipe overrides'],
    [{ recipe: 'bf16' }, 'recipe rounding overrides'],
    [{ recipe: 'fp8-current' }, 'recipe format scale margin rounding overrides'],
    [{ recipe: 'fp8-delayed' }, 'recipe format scale margin amaxHistoryLen amaxAlgo rounding overrides'],
    [{ recipe: 'fp8-none' }, 'recipe format rounding overrides'],
    [{ recipe: 'mxfp8' }, 'recipe format blockSize rounding overrides'],
    [{ recipe: 'nvfp4' }, 'recipe blockSize rounding overrides'],
    [{ recipe: 'fp8-lm' }, 'recipe format margin rounding overrides'],
    [{ overrides: { weight: 'e4m3/delayed' } }, 'recipe scale margin amaxHistoryLen amaxAlgo rounding overrides'],
    [{ overrides: { weight: 'mxfp4', wieght: 'nonsense', 'fprop.weight': 'half-typed' } }, 'recipe blockSize rounding overrides'],
  ])('shows of the precision only what matters to %j', (precision, fields) => {
    const spec = withDefaults({ precision });
    const shown = SPEC_PATHS.filter((path) => path.startsWith('precision.') && isShown(path, spec));
    expect(shown.map((path) => path.slice('precision.'.length)).join(' ')).toBe(fields);
  });
});

describe('access by path', () => {
  it('sets one field of a copy and leaves the spec as it was', () => {
    const before = structuredClone(defaultSpec);
    const changed = setField(defaultSpec, 'data.markov.order', 5);
    expect(getField(changed, 'data.markov.order')).toBe(5);
    expect(differingPaths(changed, defaultSpec)).toEqual(['data.markov.order']);
    expect(defaultSpec).toEqual(before);
  });

  it('replaces the budget when another kind of budget is set', () => {
    const changed = setField(defaultSpec, 'budget.tokens', 1e6);
    expect(changed.budget).toEqual({ tokens: 1e6 });
    expect(differingPaths(changed, defaultSpec)).toEqual(['budget.steps', 'budget.tokens']);
  });

  it('rebuilds any spec field by field', () => {
    fc.assert(
      fc.property(validSpec, (spec) => {
        let rebuilt = defaultSpec;
        for (const path of differingPaths(spec, defaultSpec)) {
          const value = getField(spec, path);
          if (value !== undefined) rebuilt = setField(rebuilt, path, value);
        }
        expect(rebuilt).toEqual(spec);
        expect(differingPaths(rebuilt, spec)).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it('tells overrides apart by their order, for a later one wins', () => {
    const precision = (overrides: Record<string, string>): RunSpec => withDefaults({ precision: { overrides } });
    const [a, b] = [precision({ weight: 'e4m3', fprop: 'bf16' }), precision({ fprop: 'bf16', weight: 'e4m3' })];
    expect(differingPaths(a, b)).toEqual(['precision.overrides']);
    expect(differingPaths(a, structuredClone(a))).toEqual([]);
  });

  it('lets runs share a program when they differ in laneable fields only', () => {
    expect(
      canShareProgram(defaultSpec, withDefaults({ optimizer: { lr: 1e-3 }, seed: { init: 7 }, schedule: { kind: 'wsd' } })),
    ).toBe(true);
    expect(canShareProgram(defaultSpec, withDefaults({ model: { width: 128 } }))).toBe(false);
    expect(canShareProgram(defaultSpec, withDefaults({ fusion: { attention: false } }))).toBe(false);
  });
});

describe('defaults and fusion', () => {
  it('are a valid spec', () => {
    expect(specFaults(defaultSpec)).toEqual([]);
  });

  it('keep a rule on unless it, or everything, is switched off', () => {
    expect(FUSION_RULES.map(([name]) => [isFusionOn('all', name), isFusionOn('none', name)])).toEqual(
      FUSION_RULES.map(() => [true, false]),
    );
    expect(isFusionOn({ attention: false }, 'attention')).toBe(false);
    expect(isFusionOn({ attention: false }, 'matmul-bias')).toBe(true);
  });
});

describe('the reference', () => {
  it('has one table row for every field, of four cells', () => {
    const rows = specReference()
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    expect(rows.map((line) => /^\| `([\w.]+)` \|/.exec(line)?.[1])).toEqual(FIELD_GROUPS.flatMap(({ paths }) => paths));
    for (const line of rows) expect(line.replaceAll('\\|', '').split('|')).toHaveLength(6);
    for (const [name] of FUSION_RULES) expect(specReference()).toContain(`- \`${name}\`: `);
    for (const name of Object.keys(RECIPES)) expect(specReference()).toContain(`- \`${name}\`: `);
    for (const word of [...ROLES, ...CAST_FORMATS]) expect(specReference()).toContain(`\`${word}\``);
  });

  it('has one table row for every tensor', () => {
    const text = tensorReference();
    for (const name of ['embed.weight', 'position.weight', 'blocks.i.attn.qkv.weight', 'blocks.i.mlp.fc.bias', 'head.weight']) {
      expect(text.split(`| \`${name}\` |`)).toHaveLength(2);
    }
  });
});
