import { describe, expect, it } from 'vitest';
import type { KernelRow, MeasuredStep } from '../../src/lab/index.ts';
import { kindMark, KERNEL_KINDS, kindColor, kindOf } from '../../src/ui/kernel-kinds.ts';
import { bars, clampSpan, entryAt, tracksOf, trackTotals } from '../../src/ui/kernel-timeline.ts';

function row(kernel: string): KernelRow {
  const figures = { perStep: 1, ms: 1, rangeMs: [1, 1] as const, share: 0.5, flops: null, bytes: 4, ofLimit: null, bound: null };
  return { kernel, variant: '', variants: [], nodes: [], ...figures };
}

/** Two matmuls with a norm between them, then a kernel that takes almost no time. */
const STEP: MeasuredStep = {
  fusion: 'as set',
  title: 'As set',
  rows: [row('matmul/tiled.wgsl'), row('norm/norm-forward.wgsl'), row('optimizer/global-norm-root.wgsl')],
  timeline: [
    [0, 0, 2],
    [1, 2, 1],
    [0, 3, 4],
    [2, 7, 0.001],
  ].map(([at = 0, atMs = 0, ms = 0]) => ({ row: at, node: '', writes: '', atMs, ms, bytes: 4 })),
};

describe('kinds of kernels', () => {
  it('go by folder, and what has no folder of its own works element by element', () => {
    expect(['matmul/plain.wgsl', 'softmax/x.wgsl', 'numerics/y.wgsl', 'reduce/z.wgsl'].map(kindOf)).toEqual([
      'matmul',
      'attention',
      'casts',
      'elementwise',
    ]);
  });

  it('each have a mark and a colour of their own', () => {
    expect(new Set(KERNEL_KINDS.map((kind) => kindMark(kind, 5))).size).toBe(KERNEL_KINDS.length);
    expect(new Set(KERNEL_KINDS.map(kindColor)).size).toBe(KERNEL_KINDS.length);
  });
});

describe('a timeline', () => {
  it('has a track for each kind that is in it, with what that takes', () => {
    expect(tracksOf([STEP])).toEqual(['matmul', 'norm', 'optimizer']);
    expect(trackTotals(STEP).get('matmul')).toEqual({ ms: 6, dispatches: 2 });
  });

  it('finds the dispatch that goes on at a time, and none outside of the step', () => {
    expect([-0.1, 0, 1.9, 2, 5, 7.0005, 8].map((ms) => entryAt(STEP, ms))).toEqual([-1, 0, 0, 1, 2, 3, -1]);
  });

  it('draws each dispatch where it lies, half a pixel at least, and only what a zoom shows', () => {
    const x = (ms: number): number => 100 * ms;
    expect(bars(STEP, 'matmul', x, [0, 8])).toEqual([
      [0, 199.25],
      [300, 699.25],
    ]);
    expect(bars(STEP, 'optimizer', x, [0, 8])).toEqual([[700, 700.5]]);
    expect(bars(STEP, 'matmul', x, [2.5, 4])).toEqual([[300, 399.25]]);
  });

  it('keeps a zoom inside the step, and drops one that shows all of it', () => {
    expect(clampSpan([-2, 1], 8)).toEqual([0, 3]);
    expect(clampSpan([6, 9], 8)).toEqual([5, 8]);
    expect(clampSpan([0, 9], 8)).toBeNull();
    expect(clampSpan([4, 4], 8)).toEqual([4, 4.008]);
  });
});
