import { describe, expect, it } from 'vitest';
import { ablationText, lanesText } from '../../src/cli/bench-fusion.ts';

describe('bench fusion', () => {
  it('prints every form beside its reference, the ratio in words and with its interval, and what changes nothing', () => {
    const common = { dispatches: 56, boundBytes: 3 * 2 ** 20, peakBytes: 2 ** 23, ms: 80, referenceMs: 100 };
    const text = ablationText({
      rows: [
        {
          ...common,
          form: { kind: 'all', rule: '' },
          reference: 'none',
          ratio: { ratio: 0.8, lo: 0.75, hi: 0.85, level: 0.95, rounds: 7 },
          tunedShapes: null,
          lossDifference: 2.4e-7,
        },
        {
          ...common,
          form: { kind: 'without', rule: 'attention' },
          reference: 'all',
          ratio: { ratio: 1.01, lo: 0.97, hi: 1.05, level: 0.95, rounds: 7 },
          tunedShapes: null,
          lossDifference: 0,
        },
      ],
      idle: ['cast-store'],
      lossSteps: 20,
      rounds: 7,
    });
    const [, all, without, ...rest] = text.split('\n');
    expect(all).toMatch(
      /^all rules +80\.0 ms +no rule +100 ms +20 % ± 5\.0 % less time +0\.800 +0\.750 to 0\.850 +56 .*2\.4e-7$/,
    );
    expect(without).toMatch(/^without attention .*all rules .*no measurable difference \(within ±5\.0 %\).*equal$/);
    expect(rest.join('\n')).toBe(
      "change nothing in this model: cast-store\n7 rounds of A B B A; loss: difference to the reference's after 20 steps\n",
    );
  });
});

describe('bench lanes', () => {
  it('prints throughput against lanes, how that compares with runs one by one, and where the adapter is full', () => {
    const row = (lanes: number, ms: number) => ({
      lanes,
      ms,
      quartilesMs: [ms - 1, ms + 1] as const,
      tokensPerSecond: (512_000 * lanes) / ms,
      peakBytes: lanes * 2 ** 20,
    });
    const text = lanesText({ rows: [row(1, 10), row(8, 40)], fullAt: 8, stoppedBy: 'the device: out of memory' });
    expect(text).toMatch(/8 +40\.0 ms +39\.0 to 41\.0 +102,400 +2\.00 x/);
    expect(text).toMatch(/full at 8 lanes\nno more lanes: the device: out of memory\n$/);
  });
});
