import { describe, expect, it } from 'vitest';
import { sizeOf } from '../../src/base/shape.ts';
import { Graph } from '../../src/graph/graph.ts';
import { f32 } from '../../src/graph/types.ts';
import { activation, add, biasAdd, elementwiseOps } from '../../src/ops/elementwise.ts';
import { noise } from '../reference/tensor.ts';
import { checkOp, repeated } from '../support/check-op.ts';

const once = { rtol: 6e-8, because: 'one rounding' };
const SHAPES = [[1], [1, 1], [3, 5], [2, 33, 4], [1, 1030]] as const;

describe('add and bias_add', () => {
  for (const shape of SHAPES) {
    const size = sizeOf(shape);
    it(`add [${shape.join(',')}]`, async () => {
      await checkOp('add', {
        types: [f32(...shape), f32(...shape)],
        data: (lane) => [noise(size, `a${lane}`), noise(size, `b${lane}`)],
        close: once,
      });
      const last = shape.at(-1) ?? 1;
      await checkOp('bias_add', {
        types: [f32(...shape), f32(last)],
        data: (lane) => [noise(size, `a${lane}`), noise(last, `b${lane}`)],
        close: once,
      });
    });
  }

  it('keep zeros, infinities and extremes', async () => {
    await checkOp('add', {
      types: [f32(3, 4), f32(3, 4)],
      data: (lane) => [
        repeated([3, 4], [0, -0, 3e38, -3e38, 1e-37, 1000], lane),
        repeated([3, 4], [0, 1, -3e38, 1e30, 1e-37], lane),
      ],
      close: once,
    });
  });

  it('refuse terms that do not fit', () => {
    const g = new Graph();
    const [a, b] = [g.input('a', f32(2, 3), 'micro'), g.input('b', f32(3, 2), 'micro')];
    expect(() => add(g, a, b)).toThrow(/terms differ in shape: got f32\[2,3\], f32\[3,2\]/);
    expect(() => biasAdd(g, a, b)).toThrow(/does not fit the last dimension/);
  });
});

const KINDS = [
  { kind: 'gelu', cap: 0 },
  { kind: 'relu2', cap: 0 },
  { kind: 'softcap', cap: 1.5 },
  { kind: 'softcap', cap: 50 },
] as const;

/** From both sides of every branch, out to where a naive exponential overflows. */
const AWKWARD = [
  0, -0, 1e-30, -1e-30, 1e-6, -1e-6, 0.1, -0.1, 0.37, -0.37, 0.5, -0.5, 1, -1, 3, -3, 5, -5, 8, -8, 9.99, -9.99, 10.01, -10.01,
  12, -12, 30, -30, 89, -89, 1000, -1000, 1e15, -1e15,
];
const geluTail = { rtol: 2e-5, atol: 1e-15, because: 'an exponential of up to 87; the f64 reference cancels at 1e-16' };

describe('activation', () => {
  for (const attrs of KINDS) {
    for (const shape of SHAPES) {
      it(`${attrs.kind} of [${shape.join(',')}] and its gradient`, async () => {
        const size = sizeOf(shape);
        const close = { rtol: 2e-6, atol: 3e-7, because: 'a few operations on values of size 1' };
        await checkOp('activation', { types: [f32(...shape)], attrs, data: (lane) => [noise(size, `x${lane}`, 2)], close });
        await checkOp('activation_backward', {
          types: [f32(...shape), f32(...shape)],
          attrs,
          data: (lane) => [noise(size, `dy${lane}`), noise(size, `x${lane}`, 2)],
          close: { ...close, atol: 1e-6 },
        });
      });
    }

    it(`${attrs.kind}(${attrs.cap}) overflows nowhere and keeps the relative precision of small results`, async () => {
      const shape = [AWKWARD.length];
      await checkOp('activation', {
        types: [f32(...shape)],
        attrs,
        data: (lane) => [repeated(shape, AWKWARD, lane)],
        close: tiny(attrs.kind),
      });
      await checkOp('activation_backward', {
        types: [f32(...shape), f32(...shape)],
        attrs,
        data: (lane) => [repeated(shape, [1, -2, 0.5], lane), repeated(shape, AWKWARD, lane)],
        close: { ...tiny(attrs.kind), atol: 1e-12 },
      });
    });
  }

  it('refuses a kind that there is not, and a cap that is not positive', () => {
    const g = new Graph();
    const x = g.input('x', f32(2), 'micro');
    expect(() => activation(g, x, { kind: 'softcap' })).toThrow(/the cap is not positive: got 0/);
    expect(() => activation(g, x, { kind: 'softcap', cap: NaN })).toThrow(/the cap is not positive: got NaN/);
    const node = { id: 1, op: 'activation', name: '', inputs: [x], attrs: { kind: 'sine', cap: 0 } };
    expect(() => elementwiseOps.activation.shape(node)).toThrow(/no such activation: got sine, expected gelu, relu2, softcap/);
  });
});

function tiny(kind: string): { rtol: number; atol: number; because: string } {
  return kind === 'gelu' ? geluTail : { rtol: 1e-6, atol: 1e-35, because: 'a few f32 operations' };
}
