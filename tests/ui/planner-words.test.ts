import { describe, expect, it } from 'vitest';
import { parseNumber } from '../../src/lab/index.ts';
import { inferenceFault } from '../../src/ui/planner-words.ts';

describe('tokens of inference', () => {
  it.each(['0', '-3', 'many', '', '1e40'])('that are none are said: %j', (text) => {
    expect(inferenceFault(parseNumber(text))).toMatch(/^Not a number of tokens above 0/);
  });

  it.each(['1', '1e6', '250000'])('are taken as they are typed: %s', (text) => {
    expect(inferenceFault(parseNumber(text))).toBe('');
  });
});
