import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planProgram } from '../../src/engine/index.ts';
import type { Plan } from '../../src/engine/index.ts';
import type { Caps } from '../../src/gpu/device.ts';
import { f32, Graph } from '../../src/graph/index.ts';
import type { Value } from '../../src/graph/index.ts';
import { activation, add } from '../../src/ops/elementwise.ts';
import { sumLeading } from '../../src/ops/reduce.ts';

const caps: Caps = {
  software: true,
  maxInvocations: 256,
  workgroupBytes: 16384,
  maxBindingBytes: 2 ** 27,
  maxBufferBytes: 2 ** 28,
  subgroups: false,
  f16: false,
};

/** A graph of adds, activations and sums over values picked by the given numbers. */
function randomGraph(picks: readonly number[]): Graph {
  const g = new Graph();
  const values: Value[] = [g.input('x', f32(6, 20), 'micro')];
  for (const pick of picks) {
    const a = values[pick % values.length];
    const b = values[(pick >> 4) % values.length];
    if (a === undefined || b === undefined) continue;
    const sameShape = a.type.shape.join() === b.type.shape.join();
    if (pick % 7 === 0 && a.type.shape.length > 1) values.push(sumLeading(g, a, 1));
    else if (sameShape && a !== b) values.push(add(g, a, b));
    else values.push(activation(g, a, { kind: 'gelu' }));
  }
  const last = values.at(-1);
  if (last !== undefined && last.node.op !== 'input') g.output('y', last, 'step');
  return g;
}

/** First and last position at which each value is needed. */
function lifetimes(plan: Plan): Map<Value, [number, number]> {
  const lives = new Map<Value, [number, number]>();
  for (const [position, { node }] of plan.steps.entries()) {
    for (const value of [...node.outputs, ...node.inputs]) lives.set(value, [lives.get(value)?.[0] ?? position, position]);
  }
  return lives;
}

describe('the planner', () => {
  it('never lets two values that live at the same time share memory', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10_000), { minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 5 }), (picks, lanes) => {
        const plan = planProgram(randomGraph(picks), { caps, lanes });
        const lives = [...lifetimes(plan)];
        for (const [i, [a, [fromA, toA]]] of lives.entries()) {
          for (const [b, [fromB, toB]] of lives.slice(i + 1)) {
            const [homeA, homeB] = [plan.homes.get(a), plan.homes.get(b)];
            if (homeA?.kind !== 'pool' || homeB?.kind !== 'pool' || homeA.pool !== homeB.pool) continue;
            expect(toA < fromB || toB < fromA).toBe(true);
          }
        }
        for (const home of plan.homes.values()) {
          if (home.kind === 'pool') expect(home.offset + home.size).toBeLessThanOrEqual(plan.pools[home.pool] ?? 0);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('needs two buffers for a chain of any length', () => {
    const g = new Graph();
    let x = activation(g, g.input('x', f32(100), 'micro'), { kind: 'gelu' });
    for (let i = 0; i < 30; i++) x = activation(g, x, { kind: 'relu2' });
    g.output('y', x, 'step');
    expect(planProgram(g, { caps }).pools).toHaveLength(2);
  });

  it('refuses a tensor that is larger than the adapter binds, in words', () => {
    const g = new Graph();
    g.output('y', activation(g, g.input('x', f32(2 ** 25), 'micro'), { kind: 'gelu' }), 'step');
    expect(() => planProgram(g, { caps, lanes: 2 })).toThrow(
      /f32\[33554432\] for 2 lanes is larger than this adapter binds: got 268435456 bytes, expected at most 134217728\./,
    );
  });

  it('gives submits as many steps as their uploads leave room for', () => {
    const small = new Graph();
    small.output('y', activation(small, small.input('x', f32(64), 'micro'), { kind: 'gelu' }), 'step');
    expect(planProgram(small, { caps }).slots).toBe(64);
    const large = new Graph();
    large.output('y', sumLeading(large, large.input('x', f32(2 ** 20, 4), 'micro'), 1), 'step');
    expect(planProgram(large, { caps }).slots).toBe(1);
  });
});
