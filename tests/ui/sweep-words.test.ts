import { describe, expect, it } from 'vitest';
import { optimumWords } from '../../src/ui/sweep-words.ts';

describe('how sure an optimum is', () => {
  const inside = { kind: 'inside', x: 1, loss: 2 } as const;

  it('names the scale that was interpolated on', () => {
    expect(optimumWords({ optimum: { ...inside, log: true }, uneven: false }, 'Width')).toMatch(
      /^Interpolated: parabola in the log/,
    );
    expect(optimumWords({ optimum: { ...inside, log: false }, uneven: false }, 'Width')).toMatch(
      /^Interpolated: parabola through/,
    );
  });

  it('is nothing where the means are over different runs', () => {
    expect(optimumWords({ optimum: { ...inside, log: true }, uneven: true }, 'Width')).toMatch(
      /^Not known yet: .* do not compare$/,
    );
    expect(optimumWords({ optimum: null, uneven: true }, 'Width')).toBe('Too few runs are done');
  });
});
