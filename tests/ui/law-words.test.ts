import { describe, expect, it } from 'vitest';
import { endWords } from '../../src/ui/law-words.ts';

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
