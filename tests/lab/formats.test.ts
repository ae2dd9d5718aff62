import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bitsOf, encode, floatOf, FORMATS, type Format } from '../../src/numerics/index.ts';
import { castSteps, wordOf } from '../../src/lab/cast-steps.ts';
import { EXPLORER_START, explorerQuery, explorerState } from '../../src/lab/explorer-state.ts';
import { codesCsv, explorerJson } from '../../src/lab/format-export.ts';
import { binades, blockWords, formatFacts } from '../../src/lab/format-facts.ts';
import {
  bitsText,
  codeAt,
  codeBits,
  codeKind,
  codeValue,
  FORMAT_GROUPS,
  formatChoice,
  placeNear,
  places,
} from '../../src/lab/formats.ts';

const formats: readonly Format[] = [...Object.values(FORMATS), formatChoice('e3m4-fn').format, formatChoice('e4m0-fn').format];
const format = fc.constantFrom(...formats);
const word = fc.oneof(fc.nat(0xffffffff), fc.float({ noNaN: true, min: -600, max: 600 }).map(bitsOf));
const ROUNDS = ['nearest', 'zero', 'stochastic'] as const;

describe('facts of formats', () => {
  it('E4M3 and E5M2 are those of OCP', () => {
    const e4m3 = formatFacts(FORMATS.e4m3);
    expect(e4m3).toMatchObject({
      codes: 256,
      finite: 254,
      infinities: 0,
      nans: 2,
      max: 448,
      minNormal: 2 ** -6,
      minSubnormal: 2 ** -9,
    });
    expect(e4m3.overflow).toEqual({ from: 464, inclusive: false });
    expect(e4m3.binades).toEqual({ normal: 15, subnormal: 3 });
    const e5m2 = formatFacts(FORMATS.e5m2);
    expect(e5m2).toMatchObject({ finite: 248, infinities: 2, nans: 6, max: 57344, minSubnormal: 2 ** -16 });
    expect(e5m2.overflow).toEqual({ from: 61440, inclusive: true });
    expect(e4m3.rangeDb).toBeCloseTo(20 * Math.log10(448 * 512), 10);
  });

  const overflowing = formats.filter(({ nanMagnitude, maxMagnitude, bits }) => nanMagnitude > maxMagnitude && bits < 32);
  it.each(overflowing)('$name: the overflow threshold is where rounding to nearest leaves the range', (each) => {
    const { from, inclusive } = formatFacts(each).overflow;
    const lost = (x: number): boolean =>
      codeKind(encode(bitsOf(x), each, { round: 'nearest', saturate: false }), each) !== 'normal';
    expect(lost(from)).toBe(inclusive);
    expect(lost(floatOf(bitsOf(from) + 1))).toBe(true);
    expect(lost(floatOf(bitsOf(from) - 1))).toBe(false);
  });

  it.each(formats)('$name: binades count every number above 0 once', (each) => {
    const total = binades(each).reduce((sum, { numbers }) => sum + numbers, 0);
    expect(total).toBe(each.special === 'scale' ? each.maxMagnitude + 1 : each.maxMagnitude);
  });

  it('every format that is offered has a name that can be read, and blocks say what they are', () => {
    for (const name of FORMAT_GROUPS.flatMap(({ names }) => names)) expect(formatChoice(name.toUpperCase()).name).toBe(name);
    const { block } = formatChoice('nvfp4');
    expect(block && blockWords(block)).toContain(
      '16 neighbours share an E4M3 scale, amax / 6, beside one f32 for the whole tensor. 4.5 bits',
    );
  });

  it.each(['e0m7', 'e9m3', 'fp7', '', 'e'.repeat(40), 'e8m7-fn'])('%j is refused in one line', (name) => {
    expect(() => formatChoice(name)).toThrow(/^format.*: .*\.$/);
  });
});

describe('codes', () => {
  it('are taken apart into sign, exponent and mantissa', () => {
    expect(bitsText(codeBits(0xfe, FORMATS.e4m3))).toBe('1 1111 110');
    expect(bitsText(codeBits(0x7f, FORMATS.e8m0))).toBe('01111111');
    expect(['zero', 'subnormal', 'normal', 'nan']).toEqual([0x80, 7, 8, 0xff].map((code) => codeKind(code, FORMATS.e4m3)));
    expect(codeKind(0xfc, FORMATS.e5m2)).toBe('inf');
  });

  it('lie in places in the order of their values, and any number finds the nearest', () => {
    fc.assert(
      fc.property(format, fc.double({ noNaN: true, min: -700, max: 700 }), (each, x) => {
        const [low, high] = places(each);
        const place = placeNear(x, each);
        const value = (at: number): number => codeValue(codeAt(at, each), each);
        const distance = Math.abs(value(place) - x);
        if (place > low) expect(Math.abs(value(place - 1) - x)).toBeGreaterThanOrEqual(distance);
        if (place < high) expect(Math.abs(value(place + 1) - x)).toBeGreaterThanOrEqual(distance);
      }),
    );
  });
});

describe('a cast, step by step', () => {
  it('0.1 in E4M3: the twenty dropped bits are above half, so it goes up', () => {
    const steps = castSteps(wordOf('0.1'), FORMATS.e4m3, { round: 'nearest', saturate: true });
    expect(steps).toMatchObject({ kind: 'rounded', drop: 20, dropShown: 20, half: 'above', subnormal: false });
    expect(steps.outcomes).toMatchObject([{ code: 0x1d, value: 0.1015625, probability: 1 }]);
  });

  it.each([
    ['464', 'rounded', 'tie'],
    ['480', 'overflow', 'exact'],
    ['448', 'exact', 'exact'],
    ['2^-10', 'rounded', 'tie'],
    ['1.5*2^-10', 'rounded', 'above'],
    ['1e-30', 'rounded', 'below'],
    ['0x00000001', 'rounded', 'below'],
  ])('%s in E4M3 is %s, the dropped bits %s', (text, kind, half) => {
    expect(castSteps(wordOf(text), FORMATS.e4m3, { round: 'nearest', saturate: true })).toMatchObject({ kind, half });
  });

  it.each([
    ['nan', 'nan'],
    ['-2', 'negative'],
    ['-0', 'clamped'],
    ['1e-45', 'clamped'],
    ['3', 'rounded'],
    ['inf', 'inf'],
  ])('%s as a scale is %s', (text, kind) => {
    expect(castSteps(wordOf(text), FORMATS.e8m0, { round: 'nearest', saturate: true }).kind).toBe(kind);
  });

  it('gives the codes of encode, and is called exact or an overflow where it is one', () => {
    fc.assert(
      fc.property(format, word, fc.constantFrom(...ROUNDS), fc.boolean(), (each, bits, round, saturate) => {
        const mode = { round, saturate };
        const steps = castSteps(bits, each, mode);
        const possible = [0, 0xffffffff].map((random) => encode(bits, each, mode, random));
        expect(steps.outcomes.map(({ code }) => code)).toEqual([...new Set(possible)]);
        expect(steps.outcomes.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 12);
        const [{ value } = { value: Number.NaN }] = steps.outcomes;
        if (steps.kind === 'exact') expect(value).toBe(floatOf(bits));
        if (steps.kind === 'rounded') expect(value).not.toBe(floatOf(bits));
        if (steps.kind === 'overflow') expect(Math.abs(floatOf(bits))).toBeGreaterThan(each.maxValue);
      }),
      { numRuns: 2000 },
    );
  });

  it('the probabilities of stochastic rounding are the shares of random words that encode sends up', () => {
    fc.assert(
      fc.property(format, word, (each, bits) => {
        const mode = { round: 'stochastic', saturate: true } as const;
        const [low, high] = castSteps(bits, each, mode).outcomes;
        if (low === undefined || high === undefined) return;
        const share = 1024;
        let up = 0;
        for (let i = 0; i < share; i += 1) if (encode(bits, each, mode, i * 2 ** 22) === high.code) up += 1;
        expect(Math.abs(up / share - high.probability)).toBeLessThanOrEqual(1 / share);
      }),
    );
  });

  it('a scale is a power of two that the value is multiplied by and divided by again', () => {
    const [outcome] = castSteps(wordOf('2^-12'), FORMATS.e4m3, { round: 'nearest', saturate: true }, 8).outcomes;
    expect(outcome).toMatchObject({ value: 2 ** -4, unscaled: 2 ** -12, error: 0, relativeError: 0 });
  });
});

describe('numbers as people type them', () => {
  it.each([
    ['0x3dcccccd', 0x3dcccccd],
    ['0.1', 0x3dcccccd],
    [' −1/2 ', 0xbf000000],
    ['1.5 * 2^-7', 0x3c400000],
    ['-inf', 0xff800000],
    ['NaN', 0x7fc00000],
    ['-0', 0x80000000],
    ['1e99', 0x7f800000],
    ['1,000', 0x447a0000],
  ])('%j is a word', (text, expected) => {
    expect(wordOf(text)).toBe(expected);
  });

  it.each(['', 'x', '0x12', '1e', '--1', '1'.repeat(65), '2^', '1/'])('%j is refused', (text) => {
    expect(() => wordOf(text)).toThrow(/^number: cannot be read/);
  });
});

describe('links and files', () => {
  it('every state comes back from its link, and the first needs none', () => {
    const state = fc.record({
      a: fc.constantFrom('e4m3', 'nvfp4', 'e3m4-fn'),
      b: fc.constantFrom('bf16', 'e8m0', 'e2m5-finite'),
      x: fc.constantFrom('0.1', '-inf', '1.5*2^-7', '1/3', '0xffffffff'),
      round: fc.constantFrom(...ROUNDS),
      saturate: fc.boolean(),
      scale: fc.integer({ min: -126, max: 126 }),
      axis: fc.constantFrom('log' as const, 'linear' as const),
      range: fc.constantFrom('both' as const, 'a' as const, 'b' as const),
    });
    fc.assert(
      fc.property(state, (each) => {
        expect(explorerState(new URLSearchParams(explorerQuery(each).toString()))).toEqual(each);
      }),
    );
    expect(explorerQuery(EXPLORER_START).toString()).toBe('');
  });

  it.each(['a=e0m7', 'x=many', 'scale=127', 'scale=0.5', 'round=up', 'saturate=1', 'axis=', 'range=c'])(
    '%s is refused',
    (query) => {
      expect(() => explorerState(new URLSearchParams(query))).toThrow(
        /^URL: the setting \w+ cannot be shown \(.+\)\. Copy the whole link again\.$/,
      );
    },
  );

  it('the CSV has a row a code and the JSON the cast, NaN in words', () => {
    const choice = formatChoice('e4m3');
    const rows = codesCsv([choice]).trim().split('\n');
    expect(rows).toHaveLength(257);
    expect(rows[0x7e + 1]).toBe('e4m3,0x7e,0,1111,110,normal,448');
    expect(rows[0xff + 1]).toBe('e4m3,0xff,1,1111,111,nan,nan');
    expect(
      codesCsv([formatChoice('f32')])
        .trim()
        .split('\n'),
    ).toHaveLength(1);
    const steps = castSteps(wordOf('nan'), choice.format, { round: 'nearest', saturate: true });
    const parsed: unknown = JSON.parse(explorerJson({ ...EXPLORER_START, x: 'nan' }, [{ choice, steps }]));
    expect(parsed).toMatchObject({
      number: { text: 'nan', f32: '0x7fc00000' },
      formats: [{ name: 'e4m3', cast: { kind: 'nan', outcomes: [{ code: '0x7f', value: 'nan' }] } }],
    });
  });
});
