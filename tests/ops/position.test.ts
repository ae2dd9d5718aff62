import { describe, expect, it } from 'vitest';
import { Graph } from '../../src/graph/graph.ts';
import { f32 } from '../../src/graph/types.ts';
import { positionAdd } from '../../src/ops/position.ts';
import { noise } from '../reference/tensor.ts';
import { checkOp } from '../support/check-op.ts';

describe('position_add', () => {
  for (const [B, T, C] of [
    [1, 1, 1],
    [3, 5, 7],
    [2, 33, 12],
    [2, 1, 260],
  ] as const) {
    it(`adds a table [${T},${C}] to each of ${B} texts`, async () => {
      await checkOp('position_add', {
        types: [f32(B, T, C), f32(T, C)],
        data: (lane) => [noise(B * T * C, `x${lane}`), noise(T * C, `table${lane}`)],
        close: { rtol: 6e-8, because: 'one rounding' },
      });
    });
  }

  it('refuses a table of another context', () => {
    const g = new Graph();
    const [x, table] = [g.input('x', f32(2, 3, 4), 'micro'), g.input('table', f32(4, 4), 'micro')];
    expect(() => positionAdd(g, x, table)).toThrow(/the table does not fit the last two dimensions of x/);
  });
});
