import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SpecError } from '../../src/base/errors.ts';
import { defaultSpec, differingPaths, parseSpec, SPEC_PATHS, specFaults, withDefaults } from '../../src/spec/index.ts';
import { validSpec } from './arbitrary.ts';
import { M_JSON, S_JSON } from './benchmark-specs.ts';

const ONE_LINE = /^[^\p{Cc}\u2028\u2029]{1,1000}$/u;

/** The message of the one-line SpecError that a value is refused with, `''` where it parses; anything else thrown is a failure. */
function messageOf(value: unknown): string {
  try {
    parseSpec(value);
    return '';
  } catch (error) {
    if (error instanceof SpecError && ONE_LINE.test(error.message)) return error.message;
    throw error;
  }
}

describe('parseSpec', () => {
  it('gives every omitted field its default', () => {
    expect(parseSpec({})).toEqual(defaultSpec);
    expect(parseSpec({ version: 1, model: { width: 128 } })).toEqual(withDefaults({ model: { width: 128 } }));
    expect(parseSpec({ budget: {} })).toEqual(defaultSpec);
  });

  it('reads the two benchmark specs, whose omitted fields are neutral', () => {
    for (const [json, width, layers, context] of [
      [S_JSON, 64, 2, 64],
      [M_JSON, 128, 4, 128],
    ] as const) {
      const spec = parseSpec(json);
      expect(spec).toMatchObject(json as object);
      expect(spec.model).toMatchObject({ width, layers, kvHeads: null, logitSoftcap: null });
      expect(spec.data).toMatchObject({ context, gradAccum: 1 });
      expect(spec.budget).toEqual({ steps: 50 });
    }
  });

  it('takes a budget in place of the default one', () => {
    expect(parseSpec({ budget: { tokens: 200_000 } }).budget).toEqual({ tokens: 200_000 });
    expect(parseSpec({ budget: { flops: 1e12 } }).budget).toEqual({ flops: 1e12 });
  });

  it('shares nothing with what it read', () => {
    const input = { fusion: { attention: false }, model: { width: 32 } };
    const spec = parseSpec(input);
    input.fusion.attention = true;
    input.model.width = 7;
    expect(spec.fusion).toEqual({ attention: false });
    expect(spec.model.width).toBe(32);
  });

  it('accepts every valid spec unchanged, also after JSON', () => {
    fc.assert(
      fc.property(validSpec, (spec) => {
        expect(parseSpec(spec)).toEqual(spec);
        expect(parseSpec(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    [{ model: { head: 4 } }, 'spec model.head: is not a field of a spec: got 4. Did you mean "heads"?'],
    [{ lr: 0.1 }, 'spec lr: is not a field of a spec: got 0.1. Did you mean "optimizer.lr"?'],
    [
      { optimizer: { weight_decay: 0 } },
      'spec optimizer.weight_decay: is not a field of a spec: got 0. Did you mean "weightDecay"?',
    ],
    [{ 'model.heads': 4 }, 'spec model.heads: is not a field of a spec: got 4. Nest it: {"model":{"heads": ...}}.'],
    [
      { model: { heads: '4' } },
      'spec model.heads: is not a number: got "4", expected a whole number from 1 to 64. Write 4 without quotes.',
    ],
    [{ model: { layers: 2.5 } }, 'spec model.layers: is not a whole number: got 2.5, expected a whole number from 1 to 64.'],
    [
      { model: { kvHeads: 0 } },
      'spec model.kvHeads: is out of bounds: got 0, expected a whole number from 1 to 64, or null (as many as heads).',
    ],
    [{ optimizer: { lr: null } }, 'spec optimizer.lr: is not a number: got null, expected a number from 0 to 10.'],
    [{ optimizer: { lr: NaN } }, 'spec optimizer.lr: is not a number: got NaN, expected a number from 0 to 10.'],
    [{ model: { norm: 'RMS' } }, 'spec model.norm: is not one of its choices: got "RMS", expected layernorm or rmsnorm.'],
    [
      { model: { norm: 'rms_norm' } },
      'spec model.norm: is not one of its choices: got "rms_norm", expected layernorm or rmsnorm. Did you mean "rmsnorm"?',
    ],
    [{ model: { tied: 1 } }, 'spec model.tied: is not a switch: got 1, expected true or false.'],
    [{ seed: 7 }, 'spec seed: is not an object: got 7, expected an object of init or data.'],
    [{ name: 'x'.repeat(121) }, 'spec name: is too long: got 121 characters, expected 120 at most.'],
    [{ version: 2 }, 'spec version: is not a version that this build reads: got 2, expected 1.'],
    [{ fusion: { atention: false } }, 'spec fusion.atention: is not a fusion rule: got false. Did you mean "attention"?'],
    [{ fusion: { attention: 'no' } }, 'spec fusion.attention: is not a switch: got "no", expected true or false.'],
    [
      { budget: { steps: 5, tokens: 5 } },
      'spec budget: names more than one length: got "steps", "tokens", expected exactly one of steps, tokens or flops. Leave one.',
    ],
    [
      { model: { heads: 5 } },
      'spec model.heads: heads do not divide width: got 5 heads for width 64, expected a divisor of the width. Take 4 or 8 heads, or width 65.',
    ],
    [
      { model: { kvHeads: 3 } },
      'spec model.kvHeads: key and value heads do not divide heads: got 3 for 4 heads, expected one of 1, 2, 4. Take a divisor of the heads, or null for as many as heads.',
    ],
    [
      { model: { width: 60 } },
      'spec model.position: RoPE rotates pairs of channels, and the head size is odd: got width 60 / 4 heads = 15, expected an even head size. Take width 64, or learned positions.',
    ],
    [
      { budget: { steps: 40 } },
      'spec schedule.warmupSteps: the warm-up is not shorter than the run: got 100 warm-up steps of 40, expected 39 at most. Set schedule.warmupSteps to 2, or train longer.',
    ],
    [
      { schedule: { kind: 'wsd', cooldown: 1 } },
      'spec schedule.cooldown: warm-up and cooldown overlap: got 100 + 2000 of 2000 steps, expected 2000 at most. Set schedule.cooldown to 0.95 or less, or warm up for fewer steps.',
    ],
    [
      { data: { source: 'markov', markov: { symbols: 64, order: 3 } } },
      'spec data.markov.order: the table of transitions is too large: got 64^4 entries, expected 1048576 at most. Take order 2 with 64 symbols, or fewer symbols.',
    ],
    [
      { data: { context: 4096, batch: 65 } },
      'spec data.batch: a micro-batch has too many tokens: got 65 rows of 4096 tokens, expected 262144 tokens at most. Take batch 64 and more gradient accumulation.',
    ],
    [[], 'spec: is not an object: got a list of 0, expected an object of fields such as {"model":{"layers":2}}.'],
  ])('says of %j what is wrong', (value, message) => {
    expect(messageOf(value)).toBe(message);
  });

  it.each([
    ['spec data.batch: the widest activation is too large', { data: { tokenizer: 'bpe', merges: 8192, batch: 1024 } }],
    ['spec model.width: the model is too large', { model: { width: 4096 } }],
    ['spec budget.tokens: the run is too long', { budget: { tokens: 1e13 } }],
    ['spec budget.flops: the run is too long', { budget: { flops: 1e21 } }],
  ])('%s: refused before anything is allocated', (start, value) => {
    expect(messageOf(value)).toMatch(new RegExp(`^${start}: `));
  });

  it('accepts what lies just inside the rules', () => {
    for (const value of [
      { data: { context: 4096, batch: 64 } },
      { budget: { steps: 101 } },
      { schedule: { kind: 'wsd', cooldown: 0.95 } },
      { data: { source: 'markov', markov: { symbols: 32, order: 3 } } },
      { model: { width: 60, position: 'learned' } },
      { model: { width: 3, heads: 3, position: 'none' } },
    ]) {
      expect(specFaults(value)).toEqual([]);
    }
  });

  it('lists every fault with its path, and throws the first', () => {
    const value = { model: { heads: 'x', head: 1 }, optimizer: { lr: -1 }, schedule: { warmupSteps: 5000 }, data: { batch: 0 } };
    expect(specFaults(value).map(({ path }) => path)).toEqual(['model.head', 'data.batch', 'model.heads', 'optimizer.lr']);
    expect(specFaults({ model: { heads: 5 }, schedule: { warmupSteps: 5000 } }).map(({ path }) => path)).toEqual([
      'model.heads',
      'schedule.warmupSteps',
    ]);
    expect(messageOf(value)).toMatch(/^spec model\.head: /);
  });

  it('reads -0, which JSON cannot write, as 0', () => {
    expect(Object.is(parseSpec({ optimizer: { lr: -0 } }).optimizer.lr, 0)).toBe(true);
  });

  it('takes the names of fusion rules from its caller', () => {
    expect(parseSpec({ fusion: { other: false } }, { fusionRules: ['other'] }).fusion).toEqual({ other: false });
    expect(specFaults({ fusion: { attention: false } }, { fusionRules: ['other'] })).toHaveLength(1);
  });
});

describe('malformed specs', () => {
  /** Refused with one SpecError of one line, or read as a spec that reads as itself. */
  function judge(value: unknown): boolean {
    if (messageOf(value) !== '') return specFaults(value).length > 0;
    const spec = parseSpec(value);
    return specFaults(value).length === 0 && differingPaths(parseSpec(spec), spec).length === 0;
  }

  it('random values: one SpecError in one line each', () => {
    fc.assert(fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }), judge), {
      numRuns: 1500,
    });
  });

  it('valid specs with one thing replaced, removed, added or renamed: one SpecError in one line, or a valid spec', () => {
    const key = fc.oneof(
      fc.constantFrom(
        ...SPEC_PATHS,
        'model',
        'data',
        'budget',
        'seed',
        'fusion',
        'version',
        'data.markov',
        '__proto__',
        'model.__proto__',
      ),
      fc.string({ unit: 'binary' }),
    );
    const mutation = fc.record({
      path: key,
      value: fc.oneof(fc.jsonValue(), fc.double(), fc.constant(undefined)),
      rename: fc.boolean(),
    });
    fc.assert(
      fc.property(validSpec, fc.array(mutation, { minLength: 1, maxLength: 3 }), (spec, mutations) => {
        const mutated: unknown = structuredClone(spec);
        for (const { path, value, rename } of mutations) mutate(mutated, path.split('.'), value, rename);
        return judge(mutated);
      }),
      { numRuns: 1000 },
    );
  });

  it('does not take fields from a prototype, nor let a key reach one', () => {
    expect(messageOf(JSON.parse('{"__proto__":{"model":{}}}'))).toMatch(/^spec __proto__: is not a field of a spec: /);
    expect(messageOf(JSON.parse('{"model":{"__proto__":{"heads":2}}}'))).toMatch(
      /^spec model.__proto__: is not a field of a spec: /,
    );
    expect(messageOf(JSON.parse('{"fusion":{"__proto__":true}}'))).toMatch(/^spec fusion.__proto__: is not a fusion rule: /);
    expect(messageOf({ constructor: 1 })).toMatch(/^spec constructor: is not a field of a spec: /);
  });
});

function mutate(target: unknown, keys: readonly string[], value: unknown, rename: boolean): void {
  const [key, ...rest] = keys;
  if (key === undefined || typeof target !== 'object' || target === null) return;
  if (rest.length > 0) mutate(Reflect.get(target, key), rest, value, rename);
  else if (rename) Object.defineProperty(target, `${key}s`, { value, enumerable: true, configurable: true, writable: true });
  else Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}
