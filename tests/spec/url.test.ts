import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SpecError } from '../../src/base/errors.ts';
import { defaultSpec, parseSpec, PRESETS, specFromHash, specToHash, withDefaults } from '../../src/spec/index.ts';
import { validSpec } from './arbitrary.ts';

/** Every field differs from its default, with values as people choose them. */
const FULL = parseSpec({
  name: 'a run with every field set',
  budget: { tokens: 123_456_789 },
  seed: { init: 1234, data: 98_765 },
  data: {
    source: 'markov',
    tokenizer: 'bpe',
    merges: 2048,
    context: 128,
    batch: 24,
    gradAccum: 2,
    order: 'random',
    markov: { symbols: 12, order: 3, concentration: 0.05, seed: 42 },
  },
  model: {
    layers: 6,
    width: 192,
    heads: 6,
    kvHeads: 3,
    mlp: 'swiglu',
    mlpRatio: 2.67,
    norm: 'layernorm',
    position: 'learned',
    qkNorm: true,
    tied: true,
    bias: true,
    logitSoftcap: 30,
  },
  loss: { zLoss: 1e-4 },
  optimizer: { lr: 0.0017, beta1: 0.92, beta2: 0.985, eps: 1e-9, weightDecay: 0.05, clip: 0.7 },
  schedule: { kind: 'wsd', warmupSteps: 250, cooldown: 0.3, finalRatio: 0.02 },
  eval: { everySteps: 75, batches: 12 },
  fusion: { attention: false, 'cross-entropy': false, 'matmul-bias': true },
});

/** The link of {@link FULL} from before a spec had more than a recipe of its precision. */
const FULL_LINK =
  'spec1.hVeQtY3VWw6CMBAF0K10BaQt9LUcEzWSGD98xA_D3r0DfTMmfgJNaadnbjPeg7i_buI9Py9inVuc59P1KB7QXLPOYaDHyVjnwx43viTVwTtrOOO5Pxvl60En5FpOKG1GrjSeonLSXynnWpszXsbhXHfGpUk7mTSrHC0SlauAqSJzvM3MMe1mPOZvrVwP1nHpwadMG811aNdh3lIfSXUPHYgluWm0J94KKyq-sacC3KMaSTiwd8KpVhtxOTgeOReqBLUWjnq1wqX-Qdzhh5m4olGJ8efPy6G7qaiAy_IF';

/** The message of the SpecError that a hash is refused with, `''` where it is not refused; anything else thrown is a failure. */
function refusal(hash: string): string {
  try {
    specFromHash(hash);
    return '';
  } catch (error) {
    if (error instanceof SpecError && /^[^\p{Cc}\u2028\u2029]{1,1000}$/u.test(error.message)) return error.message;
    throw error;
  }
}

describe('a spec in a URL', () => {
  it('round-trips exactly, with and without #', () => {
    fc.assert(
      fc.property(validSpec, (spec) => {
        const hash = specToHash(spec);
        expect(hash).toMatch(/^spec1\.[\w-]+$/);
        expect(specFromHash(hash)).toEqual(spec);
        expect(specFromHash(`#${hash}`)).toEqual(spec);
      }),
      { numRuns: 200 },
    );
  });

  it('keeps every bit of a float', () => {
    const lr = 0.1 + 0.2;
    expect(specFromHash(specToHash(withDefaults({ optimizer: { lr } }))).optimizer.lr).toBe(lr);
  });

  it('is short: under 400 characters with every field set, 17 for the defaults', () => {
    expect(specToHash(FULL).length).toBeLessThan(400);
    expect(specToHash(defaultSpec)).toHaveLength(17);
    for (const { spec } of PRESETS) expect(specToHash(withDefaults(spec)).length).toBeLessThan(200);
  });

  it('still reads the links that were made with it', () => {
    expect(specFromHash('spec1.N8W_FauuBQA')).toMatchObject({
      optimizer: { lr: 0.003 },
      budget: { steps: 2000 },
      data: { source: 'sotu' },
    });
    expect(specFromHash(FULL_LINK)).toEqual(FULL);
  });
});

describe('a spec with fields younger than the links', () => {
  it('has the link it had while these are at their defaults', () => {
    expect(specToHash(defaultSpec)).toBe('spec1.N8W_FauuBQA');
    expect(specToHash(FULL)).toBe(FULL_LINK);
  });

  it('round-trips with every field of its precision set, the order of overrides included', () => {
    const spec = parseSpec({
      precision: {
        recipe: 'fp8-delayed',
        format: 'e4m3',
        scale: 'f32',
        margin: 2,
        amaxHistoryLen: 16,
        amaxAlgo: 'most_recent',
        blockSize: 16,
        rounding: 'stochastic',
        overrides: { weight: 'bf16', 'blocks.0:fprop': 'e4m3/current', 'attention.q': 'fp16' },
      },
    });
    const read = specFromHash(specToHash(spec));
    expect(read).toEqual(spec);
    expect(Object.keys(read.precision.overrides)).toEqual(['weight', 'blocks.0:fprop', 'attention.q']);
    expect(specToHash(spec).length).toBeLessThan(400);
  });
});

describe('a mangled URL', () => {
  it.each([
    ['', /^URL: does not hold a spec that this build reads: got "", expected a hash that starts with spec1\./],
    ['#', /^URL: does not hold a spec/],
    ['spec2.N8W_FauuBQA', /^URL: does not hold a spec that this build reads: got "spec2.N8W_FauuBQA"/],
    ['spec1.', /^URL: is mangled, so the spec in it is lost: .* Copy the whole link again\.$/],
    ['spec1.N8W_FauuBQ', /^URL: is mangled/],
    ['spec1.N8W_FauuBQB', /^URL: is mangled/],
    ['spec1.N8W_FauuBQA=', /^URL: is mangled/],
    ['spec1.N8W_FauuBQA%20', /^URL: is mangled/],
    [`spec1.${'A'.repeat(9000)}`, /^URL: is mangled, so the spec in it is lost: got 9006 characters, expected 8192 at most\./],
  ])('%s is one clear error', (hash, message) => {
    expect(refusal(hash)).toMatch(message);
  });

  it('never gives another spec when a character is changed, lost or added', () => {
    const hash = specToHash(FULL);
    const edit = fc.record({
      at: fc.nat(hash.length - 1),
      drop: fc.integer({ min: 0, max: 2 }),
      put: fc.string({ maxLength: 2 }),
    });
    fc.assert(
      fc.property(edit, ({ at, drop, put }) => {
        const mangled = hash.slice(0, at) + put + hash.slice(at + drop);
        // A hash may come with its `#`.
        expect(mangled === hash || mangled === `#${hash}` || refusal(mangled) !== '').toBe(true);
      }),
      { numRuns: 1500 },
    );
  });

  it('of random characters gives a SpecError and nothing else', () => {
    const alphabet = fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.split(''));
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: alphabet, maxLength: 300 }));
    fc.assert(
      fc.property(text, fc.boolean(), (payload, prefixed) => refusal(prefixed ? `spec1.${payload}` : payload) !== ''),
      { numRuns: 1500 },
    );
  });
});
