import { describe, expect, it } from 'vitest';
import { KERNELS_VIEW_START, kernelsQuery, kernelsViewOf, lanesUpTo, type KernelsView } from '../../src/lab/index.ts';

describe('a link to the Kernels page', () => {
  it('says nothing of what is as at the start, and reads back as it was written', () => {
    expect(kernelsQuery(KERNELS_VIEW_START).size).toBe(0);
    expect(kernelsViewOf(new URLSearchParams())).toEqual(KERNELS_VIEW_START);
    const view: KernelsView = {
      sort: 'gflops',
      descending: false,
      settings: { ...KERNELS_VIEW_START.settings, rounds: 11, lanes: [1, 2, 4, 6], unfused: false },
    };
    expect(kernelsQuery(view).toString()).toBe('sort=gflops&order=up&rounds=11&lanes=6&unfused=false');
    expect(kernelsViewOf(kernelsQuery(view))).toEqual(view);
  });

  it('counts lanes in doubles', () => {
    expect([lanesUpTo(8), lanesUpTo(6)]).toEqual([
      [1, 2, 4, 8],
      [1, 2, 4, 6],
    ]);
  });

  it.each([
    ['sort=colour', 'cannot show the setting sort: got "colour", expected kernel,'],
    ['rounds=2', 'setting rounds: got "2", expected 3..100'],
    ['lanes=1e3', 'setting lanes: got "1e3", expected 2..256'],
    ['order=sideways', 'setting order: got "sideways", expected down, up'],
    ['unfused=maybe', 'setting unfused'],
    ['color=red', 'setting setting'],
  ])('refuses %s in words', (query, words) => {
    expect(() => kernelsViewOf(new URLSearchParams(query))).toThrow(words);
  });
});
