import { describe, expect, it } from 'vitest';
import { parseNumber, publishedLaws } from '../../src/lab/index.ts';
import { amountFault, missingLawWords } from '../../src/ui/planner-words.ts';

describe('tokens of inference', () => {
  it.each(['0', '-3', 'many', '', '1e41'])('that are none are said: %j', (text) => {
    expect(amountFault(parseNumber(text), 'tokens above 0, such as 1e6')).toBe('Not a number of tokens above 0, such as 1e6.');
  });

  it.each(['1', '1e6', '250000'])('are taken as they are typed: %s', (text) => {
    expect(amountFault(parseNumber(text), 'tokens')).toBe('');
  });
});

describe('a law that a link names', () => {
  it('and that is not there is said, with the one that is planned by', () => {
    const [law] = publishedLaws();
    if (law === undefined) throw new Error('none');
    expect(missingLawWords('own', law)).toMatch(/^The fit of your own that was chosen is not there: .* The plan is by Hoffmann/);
    expect([missingLawWords('', law), missingLawWords(law.id, law)]).toEqual(['', '']);
  });
});
