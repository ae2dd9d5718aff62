import { describe, expect, it } from 'vitest';
import { LAWS_VIEW_START, lawsQuery, linkHolds } from '../../src/lab/index.ts';
import { endWords, leftOutWords } from '../../src/ui/law-words.ts';

describe('points that are left out', () => {
  it('are counted, and said to be too many for a link where it says none of them', () => {
    const few = Array.from({ length: 3 }, (_, i) => `run ${i}`);
    const many = Array.from({ length: 400 }, (_, i) => `run ${i}`);
    expect(lawsQuery({ ...LAWS_VIEW_START, out: few }).get('out')).toBe('run%200,run%201,run%202');
    expect(lawsQuery({ ...LAWS_VIEW_START, out: many }).has('out')).toBe(false);
    expect([leftOutWords(0, true), leftOutWords(3, linkHolds(few)), leftOutWords(400, linkHolds(many))]).toEqual([
      '',
      ', 3 left out',
      ', 400 left out: too many for a link, kept in this browser only',
    ]);
  });
});

describe('ends of intervals in words', () => {
  it('what nothing bounds is told apart from what was not computed', () => {
    expect([endWords(null, 'low'), endWords(null, 'high'), endWords(0.5, 'low')]).toEqual([
      'no lower end',
      'no upper end',
      '0.5',
    ]);
    expect(endWords(null, 'low', false)).toBe('not computed');
  });
});
