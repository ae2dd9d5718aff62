import { describe, expect, it, vi } from 'vitest';
import { remembered } from '../../src/base/remembered.ts';

describe('remembered', () => {
  it('makes anew when an argument is another one, and only then', () => {
    const make = vi.fn<(a: object, b: number) => object>((a, b) => ({ a, b }));
    const kept = remembered(make);
    const a = {};
    const first = kept(a, Number.NaN);
    expect(kept(a, Number.NaN)).toBe(first);
    expect(make).toHaveBeenCalledTimes(1);
    expect(kept({}, Number.NaN)).not.toBe(first);
    expect(kept(a, 1)).toEqual({ a, b: 1 });
    expect(make).toHaveBeenCalledTimes(3);
  });

  it('keeps nothing of a call that throws', () => {
    const kept = remembered((x: number): number => {
      if (x < 0) throw new RangeError('below 0');
      return x;
    });
    expect(kept(1)).toBe(1);
    expect(() => kept(-1)).toThrow(RangeError);
    expect(() => kept(-1)).toThrow(RangeError);
    expect(kept(1)).toBe(1);
  });
});
