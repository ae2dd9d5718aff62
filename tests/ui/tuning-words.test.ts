import { describe, expect, it } from 'vitest';
import { tunedWords, tuningHeadline, tuningUse, tuningVerdict } from '../../src/ui/tuning-words.ts';
import { fakeTuning } from '../support/fake-measuring.ts';

const [kept, changed] = fakeTuning();
if (kept === undefined || changed === undefined) throw new Error('no rows');
const alone = { ...kept, candidates: kept.candidates.slice(0, 1) };
const failed = { ...changed, candidates: changed.candidates.map((each, i) => (i === 0 ? { ...each, ms: null } : each)) };

const none = { ...kept, candidates: kept.candidates.map((each) => ({ ...each, ms: null, spreadMs: null })) };

describe('what tuning came to', () => {
  it('is said of each shape', () => {
    expect([kept, alone, changed, failed].map(tuningVerdict)).toEqual([
      'kept 8x8: no other is faster by more than the spread',
      'kept 8x8: none is faster',
      'changed to split: 2.00 times as fast as 8x8',
      'changed to split: 8x8 does not run here',
    ]);
  });

  it('is said where no variant ran, and where there was nothing to choose', () => {
    expect(tuningVerdict(none)).toBe('no variant ran here: untuned, it stays with 8x8');
    expect(tuningHeadline([none])).toBe('No variant ran, in 1 shape: nothing is tuned.');
    expect(tuningHeadline([none, kept])).toBe('Every first guess stands, in 1 shape.');
    expect(tuningHeadline([])).toContain('There is nothing to choose');
    expect(tunedWords([none])).toBe('not yet: every kernel is the first guess');
  });

  it('promise 9: is used here only where it was found here', () => {
    expect(tuningUse(null)).toContain('New runs and measurements use what is found here');
    expect(tuningUse('other (software adapter)')).toBe(
      'From a file: found on other (software adapter). Nothing on this adapter uses it; tune kernels to find what is fastest here.',
    );
  });

  it('is said of all of them', () => {
    expect(tuningHeadline([kept])).toBe('Every first guess stands, in 1 shape.');
    expect(tuningHeadline([kept, changed])).toBe(
      '1 of 2 shapes runs another variant than the first guess, up to 2.0 times as fast.',
    );
    expect(tuningHeadline([failed])).toBe('1 of 1 shape runs another variant than the first guess.');
    expect(tunedWords([])).toBe('not yet: every kernel is the first guess');
    expect(tunedWords([kept])).toBe('1 shape on this adapter, none with another variant than the first guess');
    expect(tunedWords([kept, changed])).toBe('2 shapes on this adapter, 1 with another variant than the first guess');
  });
});
