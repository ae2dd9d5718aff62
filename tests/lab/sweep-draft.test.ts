import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { faultMessage } from '../../src/base/errors.ts';
import { SweepDraft } from '../../src/lab/sweep/draft.ts';
import { plainSizes, plainValues, textOfSizes, typedValues, type TypedValues } from '../../src/lab/sweep/typed-values.ts';
import { defaultSpec, parseSweep, SWEEP_RECIPES, sweepFromHash, withDefaults } from '../../src/spec/index.ts';

const list = (text: string): TypedValues => ({ form: 'list', list: text, from: '', to: '', count: '' });

describe('values as they are typed', () => {
  it.each<[string, string, readonly unknown[]]>([
    ['optimizer.lr', '1e-3, 3e-3;0.01 0.03', [1e-3, 3e-3, 0.01, 0.03]],
    ['budget.tokens', '100k, 2.5M', [1e5, 2.5e6]],
    ['optimizer.clip', '1, off', [1, null]],
    ['model.qkNorm', 'on, off', [true, false]],
    ['data.source', 'sotu names', ['sotu', 'names']],
    ['fusion', 'all, {"attention":false,"head-loss":false}, none', ['all', { attention: false, 'head-loss': false }, 'none']],
    ['name', '"a, b", c d', ['a, b', 'c d']],
    ['optimizer.lr', '0.1, quick', [0.1, 'quick']],
    ['optimizer.lr', ' ', []],
  ])('of %s: %s', (path, text, values) => expect(plainValues(path, list(text))).toEqual(values));

  it('may be ends of a range', () => {
    expect(plainValues('optimizer.lr', { form: 'log', list: '', from: '1e-3', to: '0.1', count: '5' })).toEqual({
      log: [1e-3, 0.1],
      count: 5,
    });
  });

  it('read back as they were written', () => {
    const numbers = fc.array(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(null)));
    fc.assert(
      fc.property(numbers, (values) => {
        expect(plainValues('optimizer.clip', typedValues(values))).toEqual(values.map((x) => (x === 0 ? 0 : x)));
      }),
    );
    for (const [path, values] of [
      ['name', ['a, b', 'c "d"', 'e']],
      ['fusion', ['all', { attention: false }]],
      ['model.tied', [true, false]],
    ] as const)
      expect(plainValues(path, typedValues(values))).toEqual(values);
  });

  it('may be sizes', () => {
    const sizes = [64, { layers: 2, width: 64 }, { layers: 2, width: 96, heads: 6 }];
    expect(plainSizes('64, 2x64; 2×96×6')).toEqual(sizes);
    expect(plainSizes(textOfSizes(sizes))).toEqual(sizes);
    expect(plainSizes('wide, 1x2x3x4')).toEqual(['wide', '1x2x3x4']);
  });
});

/** Types an axis of one field by hand. */
function typeAxis(draft: SweepDraft, path: string, values: string): number {
  draft.addAxis();
  const key = draft.typed.axes.at(-1)?.key ?? 0;
  draft.setColumn(key, 0, { path, values: list(values) });
  draft.read();
  return key;
}

describe('the draft of a sweep', () => {
  it('begins as a sweep that can be started', () => {
    const draft = new SweepDraft();
    expect(draft.untouched).toBe(true);
    expect(draft.faults).toEqual([]);
    expect(draft.runs).toHaveLength(10);
    draft.rename('mine');
    expect(draft.untouched).toBe(false);
  });

  it.each(Object.keys(SWEEP_RECIPES))('has the example of the recipe %s filled in', (kind) => {
    const draft = new SweepDraft();
    draft.choose(kind);
    draft.read();
    expect(draft.faults.map(faultMessage)).toEqual([]);
    expect(draft.sweep?.recipe).toEqual(parseSweep({ recipe: SWEEP_RECIPES[kind]?.example }).recipe);
  });

  it('takes any sweep in as if it had been typed, and gives it back by link and by file', () => {
    const base = withDefaults({ model: { width: 48, layers: 3 }, name: 'base' });
    for (const value of [
      {
        recipe: {
          kind: 'isoflop',
          budgets: { log: [1e10, 1e12], count: 3 },
          sizes: [32, { layers: 1, width: 64, heads: 2 }],
          seeds: 2,
        },
      },
      {
        name: 'mine',
        axes: [
          { path: 'fusion', values: ['all', { attention: false }] },
          { path: 'seed.init', values: [1, 2] },
        ],
      },
      {
        recipe: { kind: 'fusion', rules: ['attention'] },
        axes: [
          {
            zip: [
              { path: 'model.width', values: [32, 64] },
              { path: 'optimizer.lr', values: { log: [0.01, 0.001], count: 2 } },
            ],
          },
        ],
      },
    ]) {
      const sweep = parseSweep(value, { base });
      const draft = new SweepDraft();
      draft.load(sweep);
      expect(draft.faults.map(faultMessage)).toEqual([]);
      expect(draft.sweep).toEqual(sweep);
      expect(sweepFromHash(draft.hash ?? '')).toEqual(sweep);
      const other = new SweepDraft();
      expect(other.loadText(draft.json)).toEqual([]);
      expect(other.sweep).toEqual(sweep);
    }
  });

  it('says each fault at its field, and keeps what was typed', () => {
    const draft = new SweepDraft();
    draft.choose('');
    draft.removeAxis(draft.typed.axes[0]?.key ?? 0);
    draft.read();
    expect(draft.otherFaults.map(faultMessage)).toEqual([
      'sweep: has neither axes nor a recipe. Say with "axes" or "recipe" what is to vary.',
    ]);
    const key = typeAxis(draft, 'optimizer.learningRate', '0.1, quick');
    expect(draft.faultsAt('axes.0').map(faultMessage)).toEqual([
      expect.stringContaining('sweep axes.0.path: names no field of a spec: got "optimizer.learningRate"'),
    ]);
    draft.setColumn(key, 0, { path: 'optimizer.lr' });
    draft.read();
    expect(draft.faultsAt('axes.0.values').map(faultMessage)).toEqual([expect.stringContaining('got "quick"')]);
    expect(draft.typed.axes[0]?.columns[0]?.values.list).toBe('0.1, quick');
    expect(draft.otherFaults).toEqual([]);
    draft.setColumn(key, 0, { values: list('0.1, 0.2') });
    draft.read();
    expect(draft.runs).toHaveLength(2);

    draft.addColumn(key);
    draft.setColumn(key, 1, { path: 'model.width', values: list('32, 64, 96') });
    draft.read();
    expect(draft.faultsAt('axes.0').map(faultMessage)).toEqual([expect.stringContaining('its axes differ in length')]);
    draft.removeColumn(key, 1);
    draft.read();
    expect(draft.faults).toEqual([]);

    draft.choose('seeds');
    draft.setParam('seeds', 'many');
    draft.read();
    expect(draft.faultsAt('recipe.seeds').map(faultMessage)).toEqual([expect.stringContaining('got "many"')]);
    draft.choose('lr-width');
    draft.choose('seeds');
    draft.read();
    expect(draft.typed.params['seeds']?.['seeds']).toBe('many');
    draft.setParam('seeds', '');
    draft.read();
    expect(draft.faults.map(faultMessage)).toEqual([]);
    expect(draft.runs).toHaveLength(2);
  });

  it('says what is wrong with the whole: too many runs, fields that are set twice, runs that are no runs', () => {
    const draft = new SweepDraft();
    draft.setParam('seeds', '1000');
    typeAxis(draft, 'model.layers', '1, 2');
    expect(draft.otherFaults.map(faultMessage)).toEqual([expect.stringContaining('has too many runs: got 20000')]);
    draft.setParam('seeds', '1');
    typeAxis(draft, 'optimizer.lr', '0.1');
    expect(draft.otherFaults.map(faultMessage)).toEqual([expect.stringContaining('optimizer.lr is set by two axes')]);
    draft.removeAxis(draft.typed.axes[1]?.key ?? 0);
    draft.setParam('sizes', '2x64x3');
    draft.read();
    expect(draft.otherFaults[0]?.path).toContain('run 1 of 10');
  });

  it('follows the base that the Train page shows', () => {
    const draft = new SweepDraft();
    draft.setBase(withDefaults({ data: { context: 16 } }));
    draft.read();
    expect(draft.sweep?.base.data.context).toBe(16);
    expect(draft.untouched).toBe(true);
    expect(draft.runs[0]?.spec.data.context).toBe(16);
  });

  it('leaves all as it was where a text is no sweep, and says why', () => {
    const draft = new SweepDraft();
    draft.rename('mine');
    for (const [text, words] of [
      ['{"axes":', 'sweep: is not JSON'],
      ['[]', 'is not an object'],
      ['{"version":2,"recipe":{"kind":"seeds"}}', 'sweep version: is not a version that this build reads: got 2'],
      ['{"recipe":{"kind":"lr-widht"}}', 'Did you mean "lr-width"?'],
    ] as const) {
      expect(draft.loadText(text).map(faultMessage).join(' ')).toContain(words);
      expect(draft.typed.name).toBe('mine');
      expect(draft.base).toEqual(defaultSpec);
    }
  });
});
