import { describe, expect, it } from 'vitest';
import { FORMATS, type Format } from '../../src/numerics/index.ts';
import { numberLine, type LineOptions } from '../../src/ui/number-line.ts';

const line = (formats: readonly [Format, Format], axis: LineOptions['axis'] = 'log', spanned: readonly Format[] = formats) =>
  numberLine({ formats, spanned, axis, width: 800 });

describe('the number line', () => {
  it('has a mark for every number of an 8-bit format: those above 0 on a log axis, both signs on a linear one', () => {
    const [log] = line([FORMATS.e4m3, FORMATS.e5m2]).lanes;
    expect(log.marks).toHaveLength(127);
    expect(log.marks.filter(({ kind }) => kind === 'subnormal')).toHaveLength(7);
    expect(log.marks.filter(({ kind }) => kind === 'anchor')).toHaveLength(16);
    const [linear] = line([FORMATS.e4m3, FORMATS.e5m2], 'linear').lanes;
    expect(linear.marks).toHaveLength(253);
    for (const { marks } of [log, linear])
      expect(marks.map(({ x }) => x)).toEqual(marks.map(({ x }) => x).toSorted((a, b) => a - b));
  });

  it('leaves out what lies beyond the range that is asked for', () => {
    const [wide, narrow] = line([FORMATS.e5m2, FORMATS.e2m1], 'log', [FORMATS.e2m1]).lanes;
    expect(narrow.marks).toHaveLength(8);
    expect(wide.marks.length).toBeLessThan(40);
    for (const { x } of wide.marks) expect(x >= 0 && x <= 800).toBe(true);
  });

  it('has a bar a binade for more bits, as high as it is dense, subnormals as stairs', () => {
    const [bf16, fp16] = line([FORMATS.bf16, FORMATS.fp16]).lanes;
    expect(bf16.marks).toEqual([]);
    expect(bf16.bars).toHaveLength(261);
    expect(fp16.bars.filter(({ subnormal }) => subnormal).map(({ height }) => Math.round(height * 11))).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
    ]);
    expect(Math.max(...bf16.bars.map(({ height }) => height))).toBeCloseTo(8 / 11, 10);
  });

  it.each(['log', 'linear'] as const)('a place on the %s axis is the place of its number', (axis) => {
    const { place, value } = line([FORMATS.e4m3, FORMATS.e2m3], axis);
    for (const x of [0.01, 0.5, 7, 300]) expect(value(place(x).x)).toBeCloseTo(x, 8);
    expect(place(0).beyond).toBeNull();
    expect(value(place(0).x)).toBeCloseTo(0, 10);
    expect(place(1e6).beyond).toBe('high');
    expect(place(axis === 'log' ? 1e-9 : -1e6).beyond).toBe('low');
  });

  it('labels its axis without crowding it', () => {
    for (const axis of ['log', 'linear'] as const) {
      const { ticks } = line([FORMATS.f32, FORMATS.e8m0], axis);
      expect(ticks.length).toBeGreaterThan(3);
      const xs = ticks.map(({ x }) => x).toSorted((a, b) => a - b);
      for (const [i, x] of xs.entries()) if (i > 0) expect(x - (xs[i - 1] ?? 0)).toBeGreaterThan(24);
    }
  });
});
