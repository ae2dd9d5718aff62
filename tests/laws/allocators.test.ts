import { describe, expect, it } from 'vitest';
import { allocatorOf, lawNamed, type Params, type Plan } from '../../src/laws/index.ts';

const constants = (id: string, which = 0): Params => lawNamed(id).constants[which]?.params ?? {};

function optimal(id: string, params: Params, C: number): Plan {
  const allocator = allocatorOf(id);
  if (allocator === null) throw new Error(id);
  return allocator.optimal(params, C);
}

describe('a law that spends a budget', () => {
  it.each([
    ['chinchilla', constants('chinchilla', 1), 1e19],
    ['kaplan-nd', constants('kaplan-nd'), 1e19],
    ['gadre', constants('gadre'), 1e19],
    ['kaplan-nd', { N_c: 3e6, alpha_N: 0.2, D_c: 4e7, alpha_D: 0.25 }, 1e12],
  ])('%s does so where its own loss is lowest', (id, params, C) => {
    const law = lawNamed(id);
    const lossAt = (N: number): number => law.predict(params, { N, D: C / (6 * N), C, M: C / (6 * N * N) });
    const { N, D, loss } = optimal(id, params, C);
    expect((6 * N * D) / C).toBeCloseTo(1, 9);
    expect(loss / lossAt(N)).toBeCloseTo(1, 9);
    for (const times of [0.97, 1.03]) expect(lossAt(times * N)).toBeGreaterThan(loss);
  });

  it.each(['chinchilla', 'kaplan-nd', 'gadre'])('%s weighs inference too, within the budget', (id) => {
    const params = constants(id, id === 'chinchilla' ? 1 : 0);
    const plan = allocatorOf(id)?.serving?.(params, 1e19, 1e10);
    if (plan === undefined) throw new Error('none');
    expect((plan.C + 2 * plan.N * 1e10) / 1e19).toBeCloseTo(1, 9);
    expect(plan.N).toBeLessThan(optimal(id, params, 1e19).N);
    expect(plan.loss / lawNamed(id).predict(params, { ...plan, M: plan.D / plan.N })).toBeCloseTo(1, 9);
  });

  it('of approaches 1 and 2 gives their power laws and no loss, and knows nothing of inference', () => {
    const params = { k_N: 0.1, a: 0.5, k_D: 2, b: 0.49 };
    const { N, D, C, loss } = optimal('chinchilla-isoflop', params, 1e16);
    expect([N, C, loss]).toEqual([1e7, 1e16, NaN]);
    expect(D).toBeCloseTo(2 * 1e16 ** 0.49, 3);
    expect(allocatorOf('chinchilla-envelope')?.serving).toBeNull();
    expect(allocatorOf('chinchilla-isoflop')?.usable(params)).toBe(true);
    expect(allocatorOf('chinchilla-isoflop')?.usable({ ...params, k_N: 0 })).toBe(false);
  });

  it('whose fit ended at a bound gives no size', () => {
    expect(allocatorOf('chinchilla')?.usable(constants('chinchilla'))).toBe(true);
    expect(allocatorOf('chinchilla')?.usable({ ...constants('chinchilla'), beta: 0 })).toBe(false);
    expect(allocatorOf('kaplan-nd')?.usable({ N_c: 1e18, alpha_N: 10, D_c: 1e8, alpha_D: 1e-4 })).toBe(false);
  });

  it('is none where a law says nothing of sizes and tokens', () => {
    expect(allocatorOf('power-n')).toBeNull();
    expect(allocatorOf('data-constrained')).toBeNull();
  });
});
