import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stretches } from '../../src/ui/row-window.ts';

describe('the rows of a long table', () => {
  it('are all rendered where they are few', () => {
    expect(stretches(0, [0, 0])).toEqual([]);
    expect(stretches(150, [0, 20])).toEqual([{ from: 0, to: 150, rendered: true }]);
  });

  it('are rendered where they can be seen and a little beyond, and the one with the focus', () => {
    expect(stretches(10_000, [5000, 5020], 3)).toEqual([
      { from: 0, to: 40, rendered: true },
      { from: 40, to: 4960, rendered: false },
      { from: 4960, to: 5080, rendered: true },
      { from: 5080, to: 10_000, rendered: false },
    ]);
  });

  it('are each in one stretch, and those in sight are always rendered', () => {
    fc.assert(
      fc.property(fc.nat(3000), fc.nat(4000), fc.nat(100), fc.integer({ min: -1, max: 2999 }), (rows, first, seen, kept) => {
        const all = stretches(rows, [first, first + seen], kept);
        expect(all.map(({ from }) => from)).toEqual([...(rows > 0 ? [0] : []), ...all.slice(0, -1).map(({ to }) => to)]);
        expect(all.at(-1)?.to ?? 0).toBe(rows);
        const rendered = (row: number): boolean => all.some(({ from, to, rendered: is }) => is && row >= from && row < to);
        for (let row = first; row <= first + seen && row < rows; row++) expect(rendered(row)).toBe(true);
        if (kept >= 0 && kept < rows) expect(rendered(kept)).toBe(true);
      }),
    );
  });
});
