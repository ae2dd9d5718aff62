import { describe, expect, it } from 'vitest';
import { expectClose } from './close.ts';

const because = 'the test says so';

/** The message of the failure that `expectClose` is expected to raise. */
function failure(...args: Parameters<typeof expectClose>): string {
  try {
    expectClose(...args);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return 'passed';
}

describe('expectClose', () => {
  it('passes for equal arrays, and for differences up to the tolerance', () => {
    expectClose([1, -2, 0, Infinity], Float32Array.of(1, -2, 0, Infinity), { rtol: 0, because });
    expectClose([1.01, 100.9, 0.05], [1, 100, 0], { rtol: 0.01, atol: 0.05, because });
  });

  it('fails just beyond the relative and the absolute tolerance', () => {
    expect(failure([102], [100], { rtol: 0.01, because })).toContain('1 of 1 elements differ');
    expect(failure([0.06], [0], { rtol: 0.01, atol: 0.05, because })).toContain('1 of 1 elements differ');
    expect(failure([1e-30], [0], { rtol: 0.01, because })).toContain('Infinityx');
  });

  it('fails on NaN on either side and on both', () => {
    for (const [got, want] of [
      [NaN, 1],
      [1, NaN],
      [NaN, NaN],
    ] as const) {
      expect(failure([got], [want], { rtol: 1e9, atol: 1e9, because })).toContain('1 of 1 elements differ');
    }
  });

  it('matches an infinity only with itself', () => {
    expect(failure([1e38], [Infinity], { rtol: 1, because })).toContain('1 of 1');
    expect(failure([-Infinity], [Infinity], { rtol: 1, because })).toContain('1 of 1');
    expect(failure([Infinity], [1], { rtol: 1, atol: 1e9, because })).toContain('1 of 1');
  });

  it('fails when lengths or the shape differ, and when there is nothing to compare', () => {
    expect(failure([1], [1, 1], { rtol: 0, because })).toContain('sizes differ: got 1, want 2');
    expect(failure([1, 1], [1, 1], { rtol: 0, because, shape: [3] })).toContain('shape [3] has 3');
    expect(failure([], [], { rtol: 0, because })).toContain('nothing to compare');
  });

  it('refuses a tolerance without a reason, and one that is not a number >= 0', () => {
    expect(failure([1], [1], { rtol: 0, because: ' ' })).toContain('a reason');
    expect(failure([1], [1], { rtol: NaN, because })).toContain('numbers >= 0');
    expect(failure([1], [1], { rtol: 0, atol: -1, because })).toContain('numbers >= 0');
  });

  it('names the first and the worst difference by coordinates, in an aligned table', () => {
    const want = new Float64Array(24).fill(1);
    const got = want.slice();
    got[5] = 1.5;
    got[23] = 4;
    expect(failure(got, want, { rtol: 0.25, because, shape: [2, 3, 4] }).split('\n')).toEqual([
      `2 of 24 elements differ by more than rtol 0.25, atol 0 (${because})`,
      'first at [0,1,1], worst at [1,2,3]',
      '     at  got  want  error  of tolerance',
      '[0,1,1]  1.5     1  0.500         2.00x',
      '[1,2,3]    4     1   3.00         12.0x',
    ]);
  });

  it('shows the worst difference even when many come before it, and counts NaN as the worst', () => {
    const want = new Float64Array(100).fill(1);
    const got = want.map((_, i) => (i === 90 ? NaN : 3));
    const message = failure(got, want, { rtol: 0.1, because });
    expect(message).toContain('worst at [90]');
    expect(message.split('\n')).toHaveLength(2 + 1 + 9);
  });
});
