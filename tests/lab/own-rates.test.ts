import { describe, expect, it } from 'vitest';
import { optimalBatches, optimalRates } from '../../src/lab/laws/optima.ts';
import type { LawPoints } from '../../src/lab/laws/run-points.ts';
import { ratesFor, type Rates } from '../../src/lab/planner/rates.ts';
import { defaultSpec } from '../../src/spec/index.ts';
import { RandomSequence, STREAM } from '../../src/base/random.ts';

interface Made {
  readonly N: number;
  readonly D: number;
  readonly B?: number;
  readonly lr: number;
  readonly loss: number;
}

function pointsOf(made: readonly Made[]): LawPoints {
  const column = (of: (each: Made) => number): Float64Array => Float64Array.from(made, of);
  return {
    points: {
      columns: {
        N: column(({ N }) => N),
        D: column(({ D }) => D),
        B: column(({ B = 512 }) => B),
        lr: column(({ lr }) => lr),
        loss: column(({ loss }) => loss),
      },
    },
    rows: made.map((_, i) => ({ key: `run ${i}`, runId: `run ${i}`, label: `run ${i}` })),
    notes: [],
  };
}

const trueRate = (N: number, D: number): number => 0.9 * N ** -0.5 * D ** 0.1;

/** Learning rates 2 apart about one that is off the best by up to a factor of 2, two seeds each. */
function sweep(N: number, D: number, off = 1.3, noise = 0, seed = 1): Made[] {
  const draws = new RandomSequence(seed, STREAM.fit, Math.round(N), Math.round(D));
  const best = trueRate(N, D) * Math.exp(noise * draws.normal());
  return [-2, -1, 0, 1, 2].flatMap((step) => {
    const lr = off * trueRate(N, D) * 2 ** step;
    const loss = 3 + 0.05 * Math.log(lr / best) ** 2;
    return [-1, 1].map((sign) => ({ N, D, lr, loss: loss + 0.002 * sign }));
  });
}

const PLACES = [
  [1e5, 1e6],
  [1e5, 4e6],
  [3e5, 2e6],
  [3e5, 8e6],
  [1e6, 4e6],
  [1e6, 2e7],
] as const;

function own(made: readonly Made[], N: number, D: number): Rates {
  const points = pointsOf(made);
  const optima = { rates: optimalRates(points), batches: optimalBatches(points), critical: [] };
  return ratesFor('own', defaultSpec, N, D, optima);
}

describe('best learning rates', () => {
  it('lie between those that were swept, one of each size and length, of the best batch', () => {
    const [N, D] = PLACES[0];
    const worse = sweep(N, D, 0.8).map((made) => ({ ...made, B: 2048, loss: made.loss + 0.5 }));
    const { points, rows, edges, short } = optimalRates(pointsOf([...sweep(N, D), ...worse, ...sweep(1e6, 4e6)]));
    expect([rows.length, edges, short]).toEqual([2, 0, 0]);
    expect(points.columns['lr']?.[0]).toBeCloseTo(trueRate(N, D), 8);
    expect(points.columns['B']?.[0]).toBeCloseTo(512, 6);
  });

  it('are none where the best batch has its best rate at an edge: a worse one is no stand-in', () => {
    const [N, D] = PLACES[0];
    const worse = sweep(N, D).map((made) => ({ ...made, B: 4096, loss: made.loss + 1 }));
    const few = { N, D, B: 256, lr: 1e-3, loss: 2 };
    const at = (made: readonly Made[]): readonly number[] => {
      const { rows, edges, short } = optimalRates(pointsOf(made));
      return [rows.length, edges, short];
    };
    expect(at(worse)).toEqual([1, 0, 0]);
    expect(at([...worse, ...sweep(N, D, 40)])).toEqual([0, 1, 0]);
    expect(at([...worse, few])).toEqual([0, 0, 1]);
  });

  it('of runs that differ in more than rate, batch and seed are sweeps of their own, each with its key', () => {
    const [N, D] = PLACES[0];
    const made = [...sweep(N, D), ...sweep(N + 1, D), ...sweep(N, D).map(({ lr, ...rest }) => ({ ...rest, lr: 4 * lr }))];
    const whole = pointsOf(made);
    const rows = whole.rows.map((row, i) => ({ ...row, recipe: i < 20 ? 'one' : 'other' }));
    const found = optimalRates({ ...whole, rows });
    expect([found.rows.length, found.mixed]).toEqual([3, 1]);
    expect(new Set(found.rows.map(({ key }) => key)).size).toBe(3);
    // The other way round, as more runs may make it, each is the same.
    const turned = optimalRates({ ...pointsOf(made.toReversed()), rows: rows.toReversed() });
    const rateOf = ({ points, rows: all }: typeof found): unknown =>
      Object.fromEntries(all.map(({ key }, i) => [key, points.columns['lr']?.[i]?.toPrecision(8)]));
    expect(rateOf(turned)).toEqual(rateOf(found));
    const enough = pointsOf([...PLACES.flatMap(([N, D]) => sweep(N, D)), ...sweep(...PLACES[0])]);
    const kinds = enough.rows.map((row, i) => ({ ...row, recipe: i < 60 ? 'one' : 'other' }));
    const rates = optimalRates({ ...enough, rows: kinds });
    const said = ratesFor('own', defaultSpec, 4e5, 5e6, { rates, batches: null, critical: [] }).warnings.join(' ');
    expect(said).toContain('At 1 of your sizes and lengths, runs differ in more than learning rate, batch and seed');
    const [one, other] = found.points.columns['lr'] ?? [];
    expect((other ?? NaN) / (one ?? NaN)).toBeCloseTo(4, 6);
  });

  it('at an edge of what was swept, or of two rates, are left out and counted', () => {
    const [a, b, c] = PLACES;
    const { rows, edges, short, notes } = optimalRates(
      pointsOf([...sweep(...a, 40), ...sweep(...b).slice(0, 4), ...sweep(...c)]),
    );
    expect([rows.length, edges, short]).toEqual([1, 1, 1]);
    expect(notes.slice(-2)).toEqual([
      '1 sweep has its best learning rate at an edge and is left out.',
      '1 sweep has fewer than 3 values and is left out.',
    ]);
  });
});

describe('the learning rate by one’s own sweeps', () => {
  it('holds the truth in its interval, which is wider far from the sweeps', () => {
    const made = PLACES.flatMap(([N, D]) => sweep(N, D, 1.3, 0.15, 7));
    const near = own(made, 4e5, 5e6).learningRate;
    const [low = NaN, high = NaN] = near.interval ?? [];
    expect(low < trueRate(4e5, 5e6) && trueRate(4e5, 5e6) < high).toBe(true);
    const far = own(made, 8e6, 1e8);
    const [least = NaN, most = NaN] = far.learningRate.interval ?? [];
    expect(least < trueRate(8e6, 1e8) && trueRate(8e6, 1e8) < most && most / least > high / low).toBe(true);
    expect(far.warnings).toEqual([
      'N is 8 times larger than the largest that your best rates were measured at.',
      'D is 5 times larger than the largest that your best rates were measured at.',
      expect.stringMatching(/^Batch: your own fit needs best batches at 3 lengths.* It stays as it is set on the Train page\.$/),
    ]);
    expect(far.words).toEqual([
      expect.stringMatching(/^Learning rate: lr = \S+ N\^-0\.\d+ D\^\S+, through 6 best rates of your own sweeps; 90 % interval/),
    ]);
  });

  it('at one number of tokens follows the size alone, and says so', () => {
    const made = [1e5, 3e5, 1e6].flatMap((N) => sweep(N, 4e6));
    const { learningRate, warnings } = own(made, 6e5, 4e6);
    expect(learningRate.value / trueRate(6e5, 4e6)).toBeCloseTo(1, 6);
    expect(warnings[0]).toBe('All your best rates are at one number of tokens: how the rate moves with D is not measured.');
  });

  it('at one number of tokens per parameter is told there, and elsewhere with a warning', () => {
    const made = [1e5, 3e5, 1e6].flatMap((N) => sweep(N, 20 * N));
    const { learningRate, warnings } = own(made, 6e5, 1.2e7);
    expect(learningRate.value / trueRate(6e5, 1.2e7)).toBeCloseTo(1, 6);
    expect(warnings.some((warning) => warning.includes('tokens a parameter'))).toBe(false);
    expect(own(made, 6e5, 6e6).warnings[0]).toBe(
      'All your best rates are at 20 tokens a parameter and the plan has 10: how the rate moves with D apart from N is not measured.',
    );
  });

  it('says what sweeps it leaves out, and that it is of other batches than the plan’s', () => {
    const made = [...PLACES.flatMap(([N, D]) => sweep(N, D)), ...sweep(2e5, 1e6, 40), ...sweep(2e5, 9e6).slice(0, 4)];
    const said = own(made, 4e5, 5e6).warnings;
    expect(said).toContain('Your best rates leave out 1 sweep with the best at an edge and 1 sweep of fewer than 3 values.');
    const { context } = defaultSpec.data;
    const planned = defaultSpec.data.batch * context;
    const other = (B: number): string | undefined =>
      own(
        made.map((each) => ({ ...each, B })),
        4e5,
        5e6,
      ).warnings.find((warning) => warning.includes('batches of about'));
    expect(other(planned / 1.9)).toBeUndefined();
    expect(other(1.9 * planned)).toBeUndefined();
    expect(other(100)).toMatch(/^Your best rates were found at batches of about 100 tokens and the plan has [\d,]+: /);
    expect(other(1e6)).toBeDefined();
  });

  it('promise 6: without enough of them stays as it is set, and says what is missing', () => {
    const { learningRate, warnings } = own(
      [...sweep(...PLACES[0]), ...sweep(...PLACES[2]), ...sweep(...PLACES[4], 40)],
      4e5,
      5e6,
    );
    expect(learningRate).toEqual({ value: defaultSpec.optimizer.lr, interval: null, none: 'as it is set' });
    expect(warnings[0]).toBe(
      'Learning rate: your own fit needs best rates at 3 sizes, each from 3 rates or more around the best. These runs have 2, beside 1 sweep with the best at an edge. It stays as it is set on the Train page.',
    );
    expect(own([], 4e5, 5e6).warnings[0]).toMatch(/best rates at 4 sizes and lengths, .* These runs have none\. It stays/);
  });
});

describe('the batch by one’s own sweeps', () => {
  const trueBatch = (D: number): number => 0.9 * D ** 0.55;
  const batches = (N: number, D: number): Made[] =>
    [-2, -1, 0, 1, 2].map((step) => {
      const B = 1.2 * trueBatch(D) * 2 ** step;
      // Lengths are whole steps.
      return { N, D: Math.round(D / B) * B, B, lr: 3e-3, loss: 3 + 0.04 * Math.log(B / trueBatch(D)) ** 2 };
    });

  it('follows the tokens, with an interval, in rows', () => {
    const { batch, words } = own(
      [1e6, 4e6, 1.6e7, 6e7].flatMap((D) => batches(2e5, D)),
      2e5,
      3e7,
    );
    const rows = trueBatch(3e7) / defaultSpec.data.context;
    expect(Math.abs(batch.value - rows)).toBeLessThanOrEqual(4);
    expect(batch.interval).not.toBeNull();
    expect(words.join()).toMatch(/Batch: B = \S+ D\^0\.5\d+, through 4 best batches of your own sweeps/);
  });

  it('needs three best batches, and says where all are of one length or of one learning rate', () => {
    const at = (places: readonly (readonly [number, number])[]): Rates =>
      own(
        places.flatMap(([N, D]) => batches(N, D)),
        2e5,
        1e6,
      );
    const two = at([
      [1e5, 1e6],
      [2e5, 1e6],
    ]);
    expect(two.batch).toEqual({ value: defaultSpec.data.batch, interval: null, none: 'as it is set' });
    const { warnings } = at([
      [1e5, 1e6],
      [2e5, 1e6],
      [4e5, 1e6],
    ]);
    expect(warnings).toContain('All your best batches are at one number of tokens: how the batch moves with D is not measured.');
    const untuned = '3 of your best batches are of batches that were not all tried with 3 learning rates around the best';
    expect(warnings.find((warning) => warning.startsWith(untuned))).toBeDefined();
    const tuned = [1e6, 4e6, 1.6e7]
      .flatMap((D) => batches(2e5, D))
      .flatMap((made) => [-1, 0, 1].map((step) => ({ ...made, lr: made.lr * 2 ** step, loss: made.loss + 0.1 * step ** 2 })));
    expect(own(tuned, 2e5, 4e6).warnings.join()).not.toContain('tried with 3 learning rates');
  });

  it('is else the critical batch that was measured nearest', () => {
    const measured = { D: 1e6, lossNats: 2.5, interval: [900, 2100], batches: 4 } as const;
    const critical = [
      { ...measured, N: 1e5, tokens: 1024 },
      { ...measured, N: 1e6, tokens: 4096 },
    ];
    const { batch, words, warnings } = ratesFor('own', defaultSpec, 9e5, 2e6, { rates: null, batches: null, critical });
    const { context } = defaultSpec.data;
    expect(batch.value * context).toBe(4096);
    expect(batch.interval?.map((rows) => rows * context)).toEqual([1024, 2048]);
    expect(words.join()).toContain('your own critical batch, 4,100 tokens at N 1e6');
    expect(warnings).toContain('D is 2 times larger than the largest that your critical batch was measured at.');
    const vague = {
      rates: null,
      batches: null,
      critical: [{ ...measured, N: 1e6, tokens: 4096, interval: [100, 20_000] as const }],
    };
    const open = ratesFor('own', defaultSpec, 9e5, 2e6, vague);
    expect(open.batch).toMatchObject({ value: defaultSpec.data.batch, interval: null });
    expect(open.warnings.join()).toContain('These runs have none, beside 1 model whose steps leave it open.');
  });
});
