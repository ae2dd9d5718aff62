import { describe, expect, it } from 'vitest';
import { GraphError } from '../../src/base/errors.ts';
import { checkGraph, f32, first, Graph, packLayout, packOf, printGraph, u32 } from '../../src/graph/index.ts';
import { add } from '../../src/ops/elementwise.ts';
import { matmul } from '../../src/ops/matmul.ts';
import { opRules } from '../../src/ops/table.ts';

function twoLayer(): Graph {
  const g = new Graph();
  const x = g.input('x', f32(8, 32), 'micro');
  const { tensors } = g.state('weights', [{ name: 'w', shape: [32, 10] }]);
  const w = tensors.get('w');
  if (w === undefined) throw new Error('no w');
  g.output('y', matmul(g, x, w, {}, 'mlp/0'), 'step');
  return g;
}

describe('a graph', () => {
  it('prints one line a node, with types, attributes and names', () => {
    expect(printGraph(twoLayer()).split('\n')).toEqual([
      '%0: f32[8,32] = input() {name: "x", rate: "micro"} "x"',
      '%1: pack[1]f32[320], %1.1: f32[32,10] = state() {arena: "weights", tensors: "w"} "weights"',
      '%2: f32[8,10] = matmul(%0, %1.1) {transposeA: false, transposeB: false, batched: false, alpha: 1, bias: false, residual: false, activation: "none", slope: "none", columnSums: false} "mlp/0"',
      'output y: %2 each step',
    ]);
  });

  it('says which node has wrong shapes, and what to do', () => {
    const g = new Graph();
    const a = g.input('a', f32(128, 32), 'micro');
    const b = g.input('b', f32(10, 32), 'micro');
    expect(() => matmul(g, a, b, {}, 'mlp/0')).toThrow(
      'node 2 matmul "mlp/0": inner dimensions differ: a has K=32, b has K=10: got f32[128,32], f32[10,32]. Pass transposeB: true.',
    );
  });

  it('takes each output name once', () => {
    const g = twoLayer();
    expect(() => g.output('y', first(g.nodes[2]?.outputs ?? []), 'step')).toThrow(GraphError);
  });

  it('lays the parts of a pack on 256-byte borders for any number of lanes', () => {
    expect(packLayout(packOf([[3], [8, 8], [1]]), 1)).toEqual({ offsets: [0, 64, 128], total: 192 });
    expect(packLayout(packOf([[3], [8, 8], [1]]), 30)).toEqual({ offsets: [0, 128, 2048], total: 2112 });
  });
});

describe('the checker', () => {
  it('takes a sound graph', () => {
    expect(() => checkGraph(twoLayer(), opRules)).not.toThrow();
  });

  it('refuses a value that is used before it is defined', () => {
    const g = twoLayer();
    const other = new Graph();
    const stray = other.input('stray', f32(8, 10), 'micro');
    g.add('add', [stray, stray], {}, [f32(8, 10)], 'bad');
    expect(() => checkGraph(g, opRules)).toThrow('node 3 add "bad": input %0 is not defined before it is used');
  });

  it('refuses output types that the shape rule does not give', () => {
    const g = twoLayer();
    const y = first(g.nodes[2]?.outputs ?? []);
    g.add('add', [y, y], {}, [f32(8, 11)], 'bad');
    expect(() => checkGraph(g, opRules)).toThrow('got f32[8,11], expected f32[8,10]');
  });

  it('refuses micro nodes after update nodes', () => {
    const g = twoLayer();
    const y = first(g.nodes[2]?.outputs ?? []);
    g.phase = 'update';
    add(g, y, y);
    g.phase = 'micro';
    add(g, y, y, 'late');
    expect(() => checkGraph(g, opRules)).toThrow('"late": a micro node follows an update node');
  });

  it('refuses a state or an input in a pack, and one value in two packs', () => {
    const g = twoLayer();
    g.pack([first(g.nodes[0]?.outputs ?? [])], 'grads');
    expect(() => checkGraph(g, opRules)).toThrow('cannot be moved into a pack');
    const h = twoLayer();
    const y = first(h.nodes[2]?.outputs ?? []);
    h.pack([y], 'one');
    h.pack([y], 'two');
    expect(() => checkGraph(h, opRules)).toThrow('lies in a pack already');
  });

  it('refuses an update in place of what is no state', () => {
    const g = new Graph();
    const grads = g.input('grads', f32(4), 'micro');
    g.add('accumulate', [grads, grads, g.input('micro', f32(2), 'micro')], {}, [], 'acc');
    expect(() => checkGraph(g, opRules)).toThrow(GraphError);
  });

  it('lets several nodes update one state in a micro-batch, and refuses one that only reads it after that', () => {
    const g = new Graph();
    const { pack, tensors } = g.state('acc', [{ name: 'a', shape: [4] }]);
    const micro = g.input('micro', f32(2), 'micro');
    const part = first([...tensors.values()]);
    g.add('accumulate', [g.input('x', f32(4), 'micro'), part, micro], {}, [], 'first');
    g.add('accumulate', [g.input('y', f32(4), 'micro'), pack, micro], {}, [], 'second');
    expect(() => checkGraph(g, opRules)).not.toThrow();
    add(g, part, part, 'late');
    expect(() => checkGraph(g, opRules)).toThrow('"late": input %0.1 was updated before this read');
  });

  it('refuses an op that is not in the table', () => {
    const g = new Graph();
    g.add('teleport', [g.input('x', u32(1), 'micro')], {}, [u32(1)]);
    expect(() => checkGraph(g, opRules)).toThrow('op teleport: it is not in the table of ops');
  });
});
