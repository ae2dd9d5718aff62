import { beforeAll, describe, expect, it } from 'vitest';
import { sizeOf } from '../../src/base/shape.ts';
import { fuse } from '../../src/engine/index.ts';
import { variantsFor } from '../../src/engine/plan.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { f32, Graph, printGraph } from '../../src/graph/index.ts';
import { amax } from '../../src/ops/amax.ts';
import { matmul } from '../../src/ops/matmul.ts';
import { dequantize, quantize } from '../../src/ops/quantize.ts';
import type { CastAttrs } from '../../src/ops/quantize.ts';
import { noise } from '../reference/tensor.ts';
import { runGraph, testGpu } from '../support/run-graph.ts';

const TENSOR: CastAttrs = {
  format: 'e4m3',
  scaling: 'current',
  powerOfTwo: true,
  margin: 0,
  rounding: 'nearest',
  saturate: true,
  tensor: 0,
  blockScale: 'none',
  blockRows: 0,
  blockColumns: 0,
};
const BF16: CastAttrs = { ...TENSOR, format: 'bf16', scaling: 'none', saturate: false };
const blocks = (format: string, blockScale: CastAttrs['blockScale'], blockRows: number, blockColumns: number): CastAttrs => ({
  ...TENSOR,
  format,
  scaling: 'block',
  blockScale,
  blockRows,
  blockColumns,
});

interface Case {
  readonly name: string;
  readonly a: CastAttrs | undefined;
  readonly b: CastAttrs | undefined;
  readonly shapes: readonly [a: readonly number[], b: readonly number[]];
  readonly transpose?: 'NN' | 'NT' | 'TN';
}

/** Shapes for every kernel that loads codes; tiled-64 is that of tiled-32 with more threads. */
const CASES: readonly Case[] = [
  {
    name: 'E4M3 by bf16, of odd sizes',
    a: TENSOR,
    b: BF16,
    shapes: [
      [2, 9, 13],
      [13, 17],
    ],
  },
  {
    name: 'f32 by E5M2 under an f32 scale',
    a: undefined,
    b: { ...TENSOR, format: 'e5m2', powerOfTwo: false },
    shapes: [
      [7, 33],
      [4, 33],
    ],
    transpose: 'NT',
  },
  {
    name: 'MXFP8 along the sum',
    a: blocks('e4m3', 'e8m0', 8, 1),
    b: blocks('e5m2', 'e8m0', 8, 1),
    shapes: [
      [1024, 24],
      [1024, 12],
    ],
    transpose: 'TN',
  },
  {
    name: 'NVFP4',
    a: blocks('e2m1', 'e4m3', 1, 16),
    b: blocks('e2m1', 'e4m3', 1, 16),
    shapes: [
      [20, 48],
      [3, 48],
    ],
    transpose: 'NT',
  },
  {
    name: 'blocks and squares of E4M3',
    a: blocks('e4m3', 'f32', 1, 8),
    b: blocks('e4m3', 'f32', 8, 8),
    shapes: [
      [4, 16],
      [16, 40],
    ],
  },
];

let gpu: Gpu;
beforeAll(async () => {
  gpu = await testGpu();
});

/** Operands as codes, decoded, multiplied. */
function graphOf({ a, b, shapes, transpose = 'NN' }: Case): Graph {
  const g = new Graph();
  const operand = (name: string, shape: readonly number[], cast: CastAttrs | undefined) => {
    const x = g.input(name, f32(...shape), 'step');
    if (cast === undefined) return x;
    const of = cast.blockScale === 'e4m3' ? 'finite' : 'all';
    const sources = cast.scaling === 'current' || cast.blockScale === 'e4m3' ? { amax: amax(g, x, { of }) } : {};
    const { codes, scales } = quantize(g, x, { ...cast, values: false }, sources);
    return { codes, scales, cast };
  };
  const coded = [operand('a', shapes[0], a), operand('b', shapes[1], b)];
  const [x, y] = coded.map((one) => ('codes' in one ? dequantize(g, one.codes, one.scales, one.cast) : one));
  if (x === undefined || y === undefined) throw new RangeError('an operand is missing');
  g.output('y', matmul(g, x, y, { transposeA: transpose === 'TN', transposeB: transpose === 'NT' }), 'step');
  return g;
}

describe('a matmul of codes', () => {
  it.each(CASES)('has the bits of the product of what they stand for: $name', async (c) => {
    const [a, b] = c.shapes;
    const feeds = [0, 1, 2].map((lane) => ({
      inputs: { a: noise(sizeOf(a), `a${lane}`, 3), b: noise(sizeOf(b), `b${lane}`, 0.01) },
    }));
    const [fused, plain] = [fuse(graphOf(c), 'whole', { 'cast-store': false }), graphOf(c)];
    expect(printGraph(fused)).not.toContain('dequantize(');
    for (const software of [true, false]) {
      const caps = { ...gpu.caps, software };
      const want = await runGraph(plain, feeds, { caps });
      expect(await runGraph(fused, feeds, { caps })).toEqual(want);
      expect(want[1]?.outputs['y']?.some((value) => value !== 0)).toBe(true);
      const [alone] = await runGraph(fused, feeds.slice(2), { caps });
      expect(alone, 'promise 2').toEqual(want[2]);
    }
  });

  it('is tried in every variant that loads codes by these cases', () => {
    const tried = new Set<string>();
    for (const c of CASES) {
      const node = fuse(graphOf(c), 'whole', 'all').nodes.find(({ op }) => op === 'matmul');
      for (const software of [true, false]) {
        const [best] = node === undefined ? [] : variantsFor(node, { ...gpu.caps, software }, new Set());
        if (best !== undefined) tried.add(best.name);
      }
    }
    expect([...tried].toSorted()).toEqual(['decoded', 'plain', 'skinny', 'tiled-32', 'tiled-split-k']);
  });
});
