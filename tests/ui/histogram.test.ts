import { describe, expect, it } from 'vitest';
import { HISTOGRAM_BINS, HISTOGRAM_FIRST_EXPONENT, type CastStats, type TensorProbe } from '../../src/base/probe.ts';
import { barsOf, rangeOf, spanOf } from '../../src/ui/histogram.ts';

const cast = (format: string, scale: number, scaling = 'current'): CastStats => ({
  format,
  scaling,
  scale,
  underflow: 0,
  overflow: 0,
  sqnrDb: 30,
  mse: 0,
});

/** A tensor with so many elements of each exponent. */
function tensor(counts: Readonly<Record<number, number>>): TensorProbe {
  const histogram = Array.from({ length: HISTOGRAM_BINS }, (_, bin) => counts[HISTOGRAM_FIRST_EXPONENT + bin] ?? 0);
  return { site: '', layer: '', role: '', elements: 0, amax: 1, zeros: 0, nonFinite: 0, histogram, cast: null, whatIf: [] };
}

describe('the range of a cast', () => {
  it('is that of the format with the scale divided out', () => {
    expect(rangeOf(cast('e4m3', 2 ** 10))).toMatchObject({ minSubnormal: -19, minNormal: -16, max: Math.log2(448) - 10 });
    expect(rangeOf(cast('e5m2', 1))).toMatchObject({ minSubnormal: -16, minNormal: -14, max: Math.log2(57344) });
  });

  it('is none where each block has its own, or the scale is no number to divide by', () => {
    expect(rangeOf(cast('mxfp8-e4m3', 1, 'block'))).toBeNull();
    expect(rangeOf(cast('e4m3', 0))).toBeNull();
  });
});

describe('the bars of a histogram', () => {
  it('tell what becomes 0, what is subnormal, what fits and what saturates', () => {
    const range = rangeOf(cast('e4m3', 1));
    const bars = barsOf(tensor({ [-10]: 1, [-9]: 2, [-7]: 1, [-6]: 3, 8: 2, 9: 1 }), range);
    expect(bars.map(({ exponent, kind }) => [exponent, kind])).toEqual([
      [-10, 'under'],
      [-9, 'subnormal'],
      [-7, 'subnormal'],
      [-6, 'normal'],
      [8, 'normal'],
      [9, 'over'],
    ]);
    expect(bars.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
  });

  it('are all of one kind where the tensor keeps its f32', () => {
    expect(barsOf(tensor({ [-3]: 5 }), null).map(({ kind }) => kind)).toEqual(['plain']);
  });

  it('are drawn with their formats, but a format as wide as bf16 does not push them together', () => {
    const bars = barsOf(tensor({ [-8]: 1, [-2]: 1 }), null);
    const e4m3 = rangeOf(cast('e4m3', 1));
    const bf16 = rangeOf(cast('bf16', 1, 'none'));
    if (e4m3 === null || bf16 === null) throw new Error('no range');
    expect(spanOf(bars, [e4m3])).toEqual([-11, 11]);
    const [from, to] = spanOf(bars, [bf16]);
    expect(to - from).toBeLessThan(70);
    expect(spanOf([], [])).toEqual([-24, 8]);
  });
});
