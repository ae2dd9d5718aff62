import { describe, expect, it } from 'vitest';
import { castsOfRows, isTwice, rowsOfCasts } from '../../src/ui/cast-rows.ts';

describe('rows of overrides', () => {
  it('stand for their casts in order', () => {
    const casts = { weight: 'e4m3', 'blocks.0:fprop': 'bf16', head: 'f32' };
    const back = castsOfRows(rowsOfCasts(casts));
    expect(Object.entries(back)).toEqual(Object.entries(casts));
  });

  it('keep a half-typed row, so that its error can be shown, and leave out an empty one', () => {
    expect(
      castsOfRows([
        { selector: 'weight', cast: '' },
        { selector: '', cast: '' },
        { selector: '', cast: 'bf16' },
      ]),
    ).toEqual({
      weight: '',
      '': 'bf16',
    });
  });

  it('of one selector: the last one counts, at its own place', () => {
    const rows = [
      { selector: 'weight', cast: 'e4m3' },
      { selector: 'fprop', cast: 'bf16' },
      { selector: 'weight', cast: 'e5m2' },
    ];
    expect(rows.map((_, i) => isTwice(rows, i))).toEqual([true, false, false]);
    expect(Object.entries(castsOfRows(rows))).toEqual([
      ['fprop', 'bf16'],
      ['weight', 'e5m2'],
    ]);
  });
});
