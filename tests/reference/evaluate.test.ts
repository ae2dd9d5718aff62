import { describe, expect, it } from 'vitest';
import { Graph, first } from '../../src/graph/graph.ts';
import { f32 } from '../../src/graph/types.ts';
import { HYPER_SIZE } from '../../src/ops/hyper.ts';
import { evaluateGraph } from './evaluate.ts';

const WEIGHTS = [
  { name: 'a', shape: [2] },
  { name: 'b', shape: [1] },
];

/** y = a + x every micro-batch; gradients 2x and 2 (of a and b) accumulate; AdamW without memory moves a and b by their signs. */
function trainingGraph(): Graph {
  const g = new Graph();
  const x = g.input('x', f32(2), 'micro');
  const micro = g.input('micro', f32(2), 'micro');
  const hyper = g.input('hyper', f32(HYPER_SIZE), 'step');
  const [weights, m, v] = [g.state('weights', WEIGHTS), g.state('m', WEIGHTS), g.state('v', WEIGHTS)];
  const acc = g.state('gradients', WEIGHTS);
  const a = weights.tensors.get('a') ?? x;
  g.output('y', first(g.add('add', [a, x], {}, [f32(2)])), 'micro');
  const two = first(g.add('constant', [], { value: 2, size: 1 }, [f32(1)]));
  g.add('accumulate', [g.pack([first(g.add('add', [x, x], {}, [f32(2)])), two], 'grads'), acc.pack, micro], {}, []);
  g.phase = 'update';
  const norm = first(g.add('global_norm', [acc.pack], {}, [f32(1)]));
  g.add('adamw', [acc.pack, weights.pack, m.pack, v.pack, norm, hyper], { clips: true, decay: [1, 0] }, []);
  g.output('norm', norm, 'step');
  return g;
}

const hyper = Float64Array.from({ length: HYPER_SIZE }, (_, i) => [0.1, 0, 0, 0, 1, 0, 1, 1, 0][i] ?? 0);
const batch = (x: readonly number[], start: number): Map<string, ArrayLike<number>> =>
  new Map<string, ArrayLike<number>>([
    ['x', x],
    ['micro', [start, 0.5]],
  ]);

describe('evaluateGraph', () => {
  it('runs micro nodes for every micro-batch and update nodes once, and gives what the states hold after', () => {
    const states = new Map([
      ['weights', [10, 20, 30]],
      ['gradients', [100, 100, 100]],
    ]);
    const feeds = { micro: [batch([1, -4], 1), batch([3, 0], 0)], step: new Map([['hyper', hyper]]), states };
    const { micro, step, states: after } = evaluateGraph(trainingGraph(), feeds);
    expect(micro.get('y')?.map(({ data }) => [...data])).toEqual([
      [11, 16],
      [13, 20],
    ]);
    expect([...(after.get('gradients') ?? [])]).toEqual([4, -4, 2]);
    expect([...(step.get('norm')?.data ?? [])]).toEqual([6]);
    // w - lr (sign + decay w), with decay on the first tensor only.
    const wanted = [10 - 0.1 * (1 + 10), 20 - 0.1 * (-1 + 20), 30 - 0.1];
    [...(after.get('weights') ?? [])].forEach((value, i) => expect(value).toBeCloseTo(wanted[i] ?? NaN, 12));
    expect(states.get('weights')).toEqual([10, 20, 30]);
  });

  it('names an input that is not fed', () => {
    const feeds = { micro: [new Map([['x', [1, 2]]])], step: new Map([['hyper', hyper]]) };
    expect(() => evaluateGraph(trainingGraph(), feeds)).toThrow('input micro: got nothing, expected [2]');
  });

  it('names a node whose reference gives another shape than the graph says', () => {
    const g = new Graph();
    g.add('constant', [], { value: 1, size: 3 }, [f32(2)], 'ones');
    expect(() => evaluateGraph(g)).toThrow('node 0 constant "ones": output 0 of the reference: got [3], expected [2]');
  });
});
