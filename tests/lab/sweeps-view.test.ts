import { describe, expect, it } from 'vitest';
import { SWEEPS_VIEW_START, sweepsQuery, sweepsViewOf, type SweepsView } from '../../src/lab/index.ts';

describe('a link to the Sweeps page', () => {
  it('says nothing of what is as at the start, and reads back as it was written', () => {
    expect(sweepsQuery(SWEEPS_VIEW_START).size).toBe(0);
    expect(sweepsViewOf(new URLSearchParams())).toEqual(SWEEPS_VIEW_START);
    const view: SweepsView = {
      sweep: '0123456789abcdef',
      plan: 'sweep1.q1YqSy0qzszPU7JSMlSqBQA',
      x: 'optimizer.lr',
      by: 'model.width',
      rows: 'model.layers',
      columns: 'optimizer.weightDecay',
      counted: 'blocks',
    };
    expect(sweepsViewOf(new URLSearchParams(sweepsQuery(view).toString()))).toEqual(view);
  });

  it.each([
    ['x=colour', 'the Sweeps page of this build cannot show the setting x: got "colour", expected a field'],
    ['counted=twice', 'setting counted'],
    ['color=red', 'setting setting'],
  ])('refuses %s in words', (query, words) => {
    expect(() => sweepsViewOf(new URLSearchParams(query))).toThrow(words);
  });
});
