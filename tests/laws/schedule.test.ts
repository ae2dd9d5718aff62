import { describe, expect, it } from 'vitest';
import { finish, fitting, lawNamed } from '../../src/laws/index.ts';
import { annealingSums, curvePoints, type CurveRun } from '../../src/laws/schedule.ts';
import { predictCurve } from '../../src/laws/table/curves.ts';
import { madeFor, ratesOf } from './made.ts';

/** S_2 of Tissue et al., eq. 1, as it stands there; falls count after the highest rate. */
function annealed(rates: ArrayLike<number>, step: number, memory: number): number {
  const peak = Array.from(rates).indexOf(Math.max(...Array.from(rates)));
  let sum = 0;
  for (let i = 0; i < step; i++)
    for (let k = peak + 1; k <= i; k++) sum += ((rates[k - 1] ?? NaN) - (rates[k] ?? NaN)) * memory ** (i - k);
  return sum;
}

/** The multi-power law as it stands in its paper, a term for every step after the highest rate. */
function multiPower(p: Readonly<Record<string, number>>, rates: Float64Array, step: number): number {
  const { L0 = NaN, A = NaN, alpha = NaN, B = NaN, C = NaN, beta = NaN, gamma = NaN } = p;
  const sum = (from: number): number => rates.subarray(from, step).reduce((total, rate) => total + rate, 0);
  const peak = rates.indexOf(rates.reduce((a, b) => Math.max(a, b), 0));
  let gain = 0;
  for (let k = peak + 1; k < step; k++)
    gain += ((rates[k - 1] ?? NaN) - (rates[k] ?? NaN)) * (1 - (1 + C * (rates[k] ?? NaN) ** -gamma * sum(k)) ** -beta);
  return L0 + A * sum(0) ** -alpha - B * gain;
}

describe('learning rates as columns', () => {
  it('are summed as the formulas have them', () => {
    const rates = ratesOf('cosine', 200);
    const { s1, s2, peak } = annealingSums(rates, 0.99);
    expect(peak).toBe(9);
    for (const step of [1, 10, 11, 100, 200]) {
      expect(s1[step - 1]).toBeCloseTo(
        rates.subarray(0, step).reduce((a, b) => a + b, 0),
        12,
      );
      expect(s2[step - 1]).toBeCloseTo(annealed(rates, step, 0.99), 12);
    }
  });

  it.each(['constant', 'cosine', 'linear', 'steps'] as const)(
    'pool the falls of a %s schedule without moving a loss by 1e-4',
    (kind) => {
      const rates = ratesOf(kind, 2000);
      const steps = [50, 100, 500, 1000, 1500, 2000];
      const points = curvePoints([{ run: kind, rates, points: steps.map((step) => ({ step, loss: 1 })) }]);
      const { params } = madeFor('multi-power');
      const predicted = predictCurve(lawNamed('multi-power'), params, points);
      steps.forEach((step, i) => expect(Math.abs((predicted[i] ?? NaN) - multiPower(params, rates, step))).toBeLessThan(1e-4));
    },
  );

  it('answer a step that they do not have', () => {
    const runs: CurveRun[] = [{ run: 'a', rates: [1, 1], points: [{ step: 3, loss: 1 }] }];
    expect(() => curvePoints(runs)).toThrow('run a step 3: the step has no learning rate: expected 1..2.');
  });

  it('foretell the end of a cosine run from a constant one and the cosine’s beginning', () => {
    const law = lawNamed('tissue');
    const { params } = madeFor('tissue');
    const [cosine, constant] = [ratesOf('cosine', 2000), ratesOf('constant', 2000)];
    const at = (run: string, rates: Float64Array, steps: readonly number[]): CurveRun => ({
      run,
      rates,
      points: steps.map((step) => ({ step, loss: 1 })),
    });
    const begun = curvePoints([
      at('constant', constant, [100, 200, 400, 800, 1200, 1600, 2000]),
      at('cosine', cosine, [100, 300, 600, 900, 1200]),
    ]);
    const loss = predictCurve(law, params, begun).map((value, i) => value * (1 + 2e-4 * Math.sin(7 * i)));
    const fit = finish(fitting(law, { ...begun, columns: { ...begun.columns, loss } }, { loss: 'ls-log', starts: 30 }));
    const end = curvePoints([at('cosine', cosine, [2000])]);
    const [foretold = NaN] = predictCurve(law, fit.params, end);
    const [truth = NaN] = predictCurve(law, params, end);
    expect(Math.abs(foretold - truth)).toBeLessThan(0.002 * truth);
  });

  it('are asked for where the law needs them', () => {
    const points = { columns: { S1: Float64Array.of(1, 2), loss: Float64Array.of(3, 2) } };
    expect(() => predictCurve(lawNamed('multi-power'), madeFor('multi-power').params, points)).toThrow(
      'points: learning rates are missing',
    );
  });
});
