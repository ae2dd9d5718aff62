import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SpecError } from '../../src/base/errors.ts';
import {
  defaultSpec,
  expandSweep,
  parseSpec,
  parseSweep,
  runIdOf,
  setField,
  specFaults,
  SWEEP_RECIPES,
  sweepAxes,
  sweepFaults,
  sweepFromHash,
  sweepToHash,
  totalSteps,
  withDefaults,
} from '../../src/spec/index.ts';
import type { AxisValue, SpecPath, SweepRun } from '../../src/spec/index.ts';
import { identityOf } from '../../src/spec/sweep-id.ts';
import { validSpec } from './arbitrary.ts';
import { anySweep } from './sweep-arbitrary.ts';

const expanded = (value: unknown): readonly SweepRun[] => expandSweep(parseSweep(value));

/** What the axes set at one path, run by run. */
const column = (runs: readonly SweepRun[], path: SpecPath): (AxisValue | undefined)[] => runs.map(({ values }) => values[path]);

/** The message that a sweep is refused with; a test of one that is not refused fails. */
function refusal(value: unknown): string {
  try {
    parseSweep(value);
  } catch (error) {
    if (error instanceof SpecError && /^[^\p{Cc}\u2028\u2029]{1,1000}$/u.test(error.message)) return error.message;
    throw error;
  }
  throw new Error(`${JSON.stringify(value).slice(0, 200)} was not refused`);
}

const lr = (...values: unknown[]): object => ({ path: 'optimizer.lr', values });

describe('the axes of a sweep', () => {
  it('make a grid, the last one fastest, and a run says what was set', () => {
    const runs = expanded({
      name: 'grid',
      base: { model: { layers: 1 } },
      axes: [{ path: 'model.width', values: [32, 64] }, lr(1e-3, 1e-2)],
    });
    expect(runs.map(({ values }) => values)).toEqual([
      { 'model.width': 32, 'optimizer.lr': 1e-3 },
      { 'model.width': 32, 'optimizer.lr': 1e-2 },
      { 'model.width': 64, 'optimizer.lr': 1e-3 },
      { 'model.width': 64, 'optimizer.lr': 1e-2 },
    ]);
    expect(runs[2]?.spec).toEqual(withDefaults({ name: 'grid', model: { layers: 1, width: 64 }, optimizer: { lr: 1e-3 } }));
  });

  it('range over logarithms or straight lines, ends exact, six digits between, whole where the field is', () => {
    const log = expanded({ axes: [{ path: 'optimizer.lr', values: { log: [1e-4, 0.1], count: 4 } }] });
    expect(column(log, 'optimizer.lr')).toEqual([1e-4, 1e-3, 1e-2, 0.1]);
    const odd = expanded({ axes: [{ path: 'optimizer.lr', values: { log: [0.001, 0.003], count: 3 } }] });
    expect(column(odd, 'optimizer.lr')).toEqual([0.001, 0.00173205, 0.003]);
    const linear = expanded({ axes: [{ path: 'optimizer.weightDecay', values: { linear: [0, 0.3], count: 4 } }] });
    expect(column(linear, 'optimizer.weightDecay')).toEqual([0, 0.1, 0.2, 0.3]);
    const widths = expanded({
      base: { model: { heads: 1, position: 'none' } },
      axes: [{ path: 'model.width', values: { log: [16, 90], count: 3 } }],
    });
    expect(column(widths, 'model.width')).toEqual([16, 38, 90]);
  });

  it('are zipped where fields change together', () => {
    const zip = [
      { path: 'model.width', values: [32, 64] },
      { path: 'model.heads', values: [2, 4] },
    ];
    expect(expanded({ axes: [{ zip }, lr(1e-3, 1e-2)] }).map(({ spec: { model } }) => [model.width, model.heads])).toEqual([
      [32, 2],
      [32, 2],
      [64, 4],
      [64, 4],
    ]);
  });

  it('hold for every sweep: as many runs as the lengths multiply to, each valid, each with the values it names, ids all different', () => {
    fc.assert(
      fc.property(anySweep, (input) => {
        const sweep = parseSweep(input);
        const runs = expandSweep(sweep);
        const lengths = sweepAxes(sweep).map((axis) => ('zip' in axis ? axis.zip[0]?.values : axis.values));
        const count = (values: (typeof lengths)[number]): number =>
          values === undefined ? 1 : 'count' in values ? values.count : values.length;
        expect(runs).toHaveLength(lengths.reduce<number>((product, values) => product * count(values), 1));
        expect(new Set(runs.map(({ id }) => id)).size).toBe(runs.length);
        for (const { id, spec, values } of runs) {
          expect(specFaults(spec)).toEqual([]);
          expect(runIdOf(parseSpec(JSON.parse(JSON.stringify(spec))))).toBe(id);
          let rebuilt = sweep.base;
          for (const [path, value] of Object.entries(values)) rebuilt = setField(rebuilt, path as SpecPath, value);
          expect({ ...spec, name: '' }).toEqual({ ...rebuilt, name: '' });
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('the id of a run', () => {
  it('is the first half of a SHA-256 that anybody can recompute', () => {
    fc.assert(
      fc.property(validSpec, (spec) => {
        expect(runIdOf(spec)).toBe(createHash('sha256').update(identityOf(spec)).digest('hex').slice(0, 16));
      }),
      { numRuns: 25 },
    );
  });

  it('never changes: these are ids of runs that people have kept', () => {
    expect(identityOf(defaultSpec)).toBe('{"budget.steps":2000}');
    expect(runIdOf(defaultSpec)).toBe('6286016aaaa6edc2');
    const spec = parseSpec({
      model: { width: 96, heads: 3 },
      budget: { tokens: 1e6 },
      fusion: { 'cross-entropy': false, attention: false },
    });
    expect(identityOf(spec)).toBe(
      '{"budget.tokens":1000000,"fusion":["attention","cross-entropy"],"model.heads":3,"model.width":96}',
    );
    expect(runIdOf(spec)).toBe('b8fa29fc279c828b');
  });

  it('does not depend on names, the order of keys, or fields that mean nothing in the run', () => {
    const id = runIdOf(parseSpec({ model: { width: 32, heads: 2 }, optimizer: { lr: 0.01 } }));
    expect(runIdOf(parseSpec({ optimizer: { lr: 0.01 }, name: 'x', model: { heads: 2, width: 32 } }))).toBe(id);
    expect(runIdOf(parseSpec({ model: { width: 32, heads: 2 }, optimizer: { lr: 0.01 }, schedule: { cooldown: 0.5 } }))).toBe(id);
    expect(runIdOf(parseSpec({ model: { width: 32, heads: 2 }, optimizer: { lr: 0.01 }, fusion: { attention: true } }))).toBe(id);
    expect(runIdOf(parseSpec({ model: { width: 32, heads: 2 }, optimizer: { lr: 0.01 }, schedule: { kind: 'wsd' } }))).not.toBe(
      id,
    );
    expect(
      runIdOf(parseSpec({ model: { width: 32, heads: 2 }, optimizer: { lr: 0.01 }, budget: { tokens: 2_048_000 } })),
    ).not.toBe(id);
  });

  it('is the same in two sweeps that meet in a run', () => {
    const ids = (value: unknown): Set<string> => new Set(expanded(value).map(({ id }) => id));
    const rates = ids({ axes: [lr(1e-3, 2e-3, 4e-3)] });
    const seeds = ids({ name: 'seeds', base: { optimizer: { lr: 2e-3 } }, axes: [{ path: 'seed.init', values: [1, 2] }] });
    expect([...rates].filter((id) => seeds.has(id))).toHaveLength(1);
  });
});

describe('the recipes of sweeps', () => {
  it.each(Object.entries(SWEEP_RECIPES))(
    '%s has words, and an example that is a sweep',
    (_, { title, help, params, example }) => {
      expect(title).toMatch(/^\S.*[^.]$/);
      expect(help).toMatch(/\.$/);
      for (const param of Object.values(params)) expect(param.help).toMatch(/\.$/);
      expect(expanded({ recipe: example }).length).toBeGreaterThan(1);
    },
  );

  it('lr-width keeps the head size as models grow', () => {
    const runs = expanded({ recipe: { kind: 'lr-width', lr: [1e-3, 1e-2], sizes: [32, 128, 24] } });
    expect(runs.map(({ spec: { model, optimizer } }) => [model.width, model.heads, optimizer.lr])).toEqual([
      [32, 2, 1e-3],
      [32, 2, 1e-2],
      [128, 8, 1e-3],
      [128, 8, 1e-2],
      [24, 2, 1e-3],
      [24, 2, 1e-2],
    ]);
  });

  it('seeds counts both seeds up, and any recipe takes seeds and further axes', () => {
    const runs = expanded({ base: { seed: { init: 7, data: 3 } }, recipe: { kind: 'seeds', seeds: 3 } });
    expect(runs.map(({ spec }) => spec.seed)).toEqual([0, 1, 2].map((i) => ({ init: 7 + i, data: 3 + i })));
    const more = expanded({ recipe: { kind: 'precision', recipes: ['f32', 'bf16'], seeds: 2 }, axes: [lr(1e-3, 1e-2)] });
    expect(more).toHaveLength(8);
  });

  it('size-ladder gives each size its tokens in proportion to its parameters, and the warm-up its share', () => {
    const [small, large] = expanded({
      recipe: { kind: 'size-ladder', sizes: [{ layers: 1, width: 32, heads: 2 }, 64], tokensPerParameter: 4 },
    });
    // One layer of width 32: embedding and head 256 x 32 each, 12 x 32^2 in matmuls, three gains of 32.
    expect(small?.spec.budget).toEqual({ tokens: 4 * (2 * 256 * 32 + 12 * 32 * 32 + 3 * 32) });
    expect(large?.spec.budget).toEqual({ tokens: 4 * 131_392 });
    // 131,392 x 4 tokens are 514 steps of 1,024; the base warms up for 100 of 2,000.
    expect(large?.spec.schedule.warmupSteps).toBe(Math.round(0.05 * 514));
  });

  it('isoflop spends each budget on each size', () => {
    const runs = expanded({ recipe: { kind: 'isoflop', budgets: [1e10, 1e11], sizes: [16, 32, 64] } });
    expect(column(runs, 'budget.flops')).toEqual([1e10, 1e10, 1e10, 1e11, 1e11, 1e11]);
    expect(column(runs, 'model.width')).toEqual([16, 32, 64, 16, 32, 64]);
    const steps = runs.map(({ spec }) => totalSteps(spec));
    expect(steps[0]).toBeGreaterThan(steps[2] ?? Infinity);
    for (const [i, { spec }] of runs.entries()) expect(spec.schedule.warmupSteps).toBe(Math.round(0.05 * (steps[i] ?? 0)));
  });

  it('batches keeps the tokens of the base and scales the learning rate as asked', () => {
    const runs = expanded({ recipe: { kind: 'batches', batches: [4, 16, 64], lr: 'sqrt', warmup: 'share' } });
    expect(runs.map(({ spec }) => [spec.data.batch, spec.budget, spec.optimizer.lr, spec.schedule.warmupSteps])).toEqual([
      [4, { tokens: 2_048_000 }, 0.0015, 400],
      [16, { tokens: 2_048_000 }, 0.003, 100],
      [64, { tokens: 2_048_000 }, 0.006, 25],
    ]);
  });

  it('fusion switches rules off one at a time, between all and none', () => {
    const runs = expanded({ recipe: { kind: 'fusion', rules: ['attention'] } });
    expect(runs.map(({ spec }) => spec.fusion)).toEqual(['all', { attention: false }, 'none']);
  });
});

describe('a sweep that cannot be meant is one clear error', () => {
  it.each<[string, unknown, RegExp]>([
    ['no object', 3, /^sweep: is not an object: got 3, expected an object such as/],
    ['nothing varied', { base: {} }, /^sweep: has neither axes nor a recipe\. Say with "axes" or "recipe"/],
    [
      'a later version',
      { version: 2, axes: [lr(1, 2)] },
      /^sweep version: is not a version that this build reads: got 2, expected 1/,
    ],
    [
      'an unknown key',
      { axis: [lr(1, 2)], axes: [lr(1)] },
      /^sweep axis: is not a key of a sweep: got a list of 1\. Did you mean "axes"\?/,
    ],
    [
      'a base at fault',
      { base: { model: { widht: 3 } }, axes: [lr(1)] },
      /^sweep base\.model\.widht: is not a field of a spec: got 3\. Did you mean "width"\?/,
    ],
    [
      'an unknown path',
      { axes: [{ path: 'optimizer.lrr', values: [1] }] },
      /^sweep axes\.0\.path: names no field of a spec: got "optimizer\.lrr"\. Did you mean "optimizer\.lr"\?/,
    ],
    ['an empty list', { axes: [lr()] }, /^sweep axes\.0\.values: is empty\. Give optimizer\.lr a value/],
    ['an empty zip', { axes: [{ zip: [] }] }, /^sweep axes\.0\.zip: is not a list of axes/],
    ['axes that are no list', { axes: {} }, /^sweep axes: is not a list/],
    [
      'a zip of different lengths',
      { axes: [{ zip: [lr(1, 2), { path: 'model.width', values: [32] }] }] },
      /^sweep axes\.0\.zip: its axes differ in length: got 2 of optimizer\.lr, 1 of model\.width, expected equal lengths\./,
    ],
    [
      'a value that a field does not take',
      { axes: [lr(1e-3, -1)] },
      /^sweep axes\.0\.values\.1: is out of bounds: got -1, expected a number from 0 to 10/,
    ],
    ['a value twice', { axes: [lr(1e-3, 2e-3, 1e-3)] }, /^sweep axes\.0\.values\.2: is the same as value 0: got 0\.001/],
    ['a path twice', { axes: [lr(1e-3), lr(2e-3)] }, /^sweep axes: optimizer\.lr is set by two axes/],
    [
      'two lengths',
      {
        axes: [
          { path: 'budget.steps', values: [500] },
          { path: 'budget.tokens', values: [1e6] },
        ],
      },
      /^sweep axes: budget\.steps and budget\.tokens both set the length/,
    ],
    [
      'a range of nothing',
      { axes: [{ path: 'optimizer.lr', values: { log: [0, 1], count: 3 } }] },
      /^sweep axes\.0\.values\.log: does not span a range: got 0 to 1/,
    ],
    [
      'a range of names',
      { axes: [{ path: 'model.mlp', values: { log: [1, 2], count: 3 } }] },
      /model\.mlp is no number, so it has no ranges/,
    ],
    [
      'a range too fine',
      { axes: [{ path: 'model.layers', values: { linear: [1, 3], count: 5 } }] },
      /is more than the range has different values: got 5 of 1 to 3, expected 3 at most/,
    ],
    [
      'a range of one',
      { axes: [{ path: 'optimizer.lr', values: { log: [0.1, 1], count: 1 } }] },
      /count: is not a number of values: got 1/,
    ],
    [
      'a run that cannot be',
      { axes: [{ path: 'model.heads', values: [2, 5] }] },
      /^sweep run 2 of 2 \(model\.heads 5\): model\.heads: heads do not divide width: got 5 heads for width 64/,
    ],
    [
      'runs that are the same',
      { axes: [{ path: 'schedule.cooldown', values: [0.1, 0.2] }] },
      /^sweep run 2 of 2 \(schedule\.cooldown 0\.2\): is the same as run 1\. Leave one out/,
    ],
    [
      'an unknown recipe',
      { recipe: { kind: 'isoflops' } },
      /^sweep recipe\.kind: is not a recipe of sweeps: got "isoflops", .* Did you mean "isoflop"\?/,
    ],
    ['a recipe without what it needs', { recipe: { kind: 'isoflop', sizes: [16] } }, /^sweep recipe\.budgets: is missing\./],
    [
      'a recipe with more than it knows',
      { recipe: { kind: 'seeds', seeds: 2, lr: 1 } },
      /^sweep recipe\.lr: is not a parameter of seeds: got 1/,
    ],
    [
      'a size that is none',
      { recipe: { kind: 'lr-width', lr: [1e-3], sizes: [0] } },
      /^sweep recipe\.sizes\.0\.width: is out of bounds: got 0/,
    ],
  ])('%s', (_, value, message) => {
    expect(refusal(value)).toMatch(message);
    expect(sweepFaults(value)[0]).toBeDefined();
  });

  it('of a million runs, or more than there are numbers, is refused before any is written down', () => {
    const axis = (path: string): object => ({ path, values: { linear: [0, 0.9], count: 1000 } });
    const start = performance.now();
    expect(refusal({ axes: [axis('optimizer.beta1'), axis('optimizer.beta2')] })).toBe(
      'sweep: has too many runs: got 1000000, expected 10000 at most. Leave values out, zip axes that belong together, or make several sweeps of it.',
    );
    const paths = ['beta1', 'beta2', 'weightDecay', 'lr'].map((name) => axis(`optimizer.${name}`));
    expect(refusal({ axes: [...paths, ...paths, ...paths] })).toContain('got more than 1e15');
    const sizes = Array.from({ length: 1000 }, (_, i) => 2 * i + 2);
    const budgets = { log: [1e9, 1e15], count: 10_000 };
    expect(refusal({ recipe: { kind: 'isoflop', budgets, sizes } })).toContain('got 10000000, expected 10000');
    expect(performance.now() - start).toBeLessThan(2000);
  });

  it('gives nothing but a SpecError for any JSON', () => {
    const json = fc.oneof(
      fc.jsonValue(),
      fc.record({ axes: fc.jsonValue(), recipe: fc.jsonValue(), base: fc.jsonValue() }, { requiredKeys: [] }),
      fc.record({ axes: fc.array(fc.record({ path: fc.constantFrom('optimizer.lr', 'fusion', 'x'), values: fc.jsonValue() })) }),
    );
    fc.assert(
      fc.property(json, (value) => {
        const faults = sweepFaults(value);
        if (faults.length > 0) expect(refusal(value)).not.toBe('');
      }),
      { numRuns: 300 },
    );
  });
});

describe('a sweep in a URL', () => {
  const LINK =
    'sweep1.gYJfB4OXT8C4c_PxD0DIYJY90KIBWyYHZ32M1AJLD9iiC1JfgOsMJLaBASICQO7FjE9g_oHGJ6hYgsYnMPFjU2EMjHyoCiPsKlDSBNBqjHQGDTugdkR6IBDPoMQESkvAEgIUAQA';
  it('comes back as it was, with and without #', () => {
    fc.assert(
      fc.property(anySweep, (input) => {
        const sweep = parseSweep(input);
        const hash = sweepToHash(sweep);
        expect(hash).toMatch(/^sweep1\.[\w-]+$/);
        expect(sweepFromHash(hash)).toEqual(sweep);
        expect(sweepFromHash(`#${hash}`)).toEqual(sweep);
      }),
      { numRuns: 30 },
    );
  });

  it('still reads the links that were made with it', () => {
    const sweep = parseSweep({
      name: 'isoFLOP',
      base: { data: { source: 'markov' }, model: { layers: 1 } },
      recipe: { kind: 'isoflop', budgets: { log: [1e10, 1e12], count: 3 }, sizes: [16, 32, 64], seeds: 2 },
      axes: [lr(1e-3, 3e-3)],
    });
    expect(sweepToHash(sweep)).toBe(LINK);
    expect(sweepFromHash(LINK)).toEqual(sweep);
  });

  it('that is mangled, of a spec, or too long to be, is one clear error', () => {
    const hash = sweepToHash(parseSweep({ axes: [lr(1e-3, 3e-3)] }));
    expect(() => sweepFromHash(hash.slice(0, -2))).toThrow(/^URL: is mangled, so the sweep in it is lost/);
    expect(() => sweepFromHash('spec1.N8W_FauuBQA')).toThrow(/^URL: does not hold a sweep that this build reads/);
    const values = Array.from({ length: 1000 }, (_, i) => Math.sin(i + 1) ** 2);
    expect(() => sweepToHash(parseSweep({ axes: [lr(...values)] }))).toThrow(/^sweep: is too long for a link/);
  });
});
