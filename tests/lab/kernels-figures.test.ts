import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  KERNEL_SORT_KEYS,
  kernelFigures,
  laneGain,
  ridge,
  roofGFlops,
  sameWork,
  sortKernels,
  timelineMs,
  type KernelRow,
  type KernelSortKey,
} from '../../src/lab/index.ts';
import { fakeKernels, fakeLanes } from '../support/fake-measuring.ts';

const { rows, timeline, limits } = fakeKernels();
const [matmul, adamw, norm] = rows;
if (matmul === undefined || adamw === undefined || norm === undefined || limits === null) throw new Error('no rows');

const names = (key: KernelSortKey, descending: boolean): string[] =>
  sortKernels(rows, key, descending).map(({ row }) => row.kernel.split('/')[0] ?? '');

describe('figures of a kernel', () => {
  it('follow from work, bytes and time of one dispatch', () => {
    // 50 MFLOP and 2 MB in half a millisecond.
    const { stepMs, gflops, gbps, intensity, spreadMs } = kernelFigures(matmul);
    expect([stepMs, gflops, gbps, intensity]).toEqual([1, 100, 4, 25]);
    expect(spreadMs).toBeCloseTo(0.04, 12);
    expect(kernelFigures(adamw)).toMatchObject({ gflops: null, intensity: null, gbps: 16 });
  });

  it('lie under a roof of bandwidth and arithmetic, which meet at the ridge', () => {
    expect(ridge(limits)).toBe(10);
    expect(roofGFlops(limits, 5)).toBe(100);
    expect(roofGFlops(limits, 25)).toBe(200);
    expect(roofGFlops(limits, ridge(limits))).toBe(200);
  });

  it('put rows in order either way, those without a figure last', () => {
    expect(names('kernel', false)).toEqual(['matmul', 'norm', 'optimizer']);
    expect(names('kernel', true)).toEqual(['optimizer', 'norm', 'matmul']);
    expect(names('stepMs', true)).toEqual(['matmul', 'norm', 'optimizer']);
    expect(names('ofLimit', true)).toEqual(['optimizer', 'matmul', 'norm']);
    expect(names('ofLimit', false)).toEqual(['matmul', 'optimizer', 'norm']);
    // Equal shares stay as they were.
    expect(names('share', true)).toEqual(['matmul', 'optimizer', 'norm']);
    expect(sortKernels(rows, 'kernel', false).map(({ place }) => place)).toEqual([0, 2, 1]);
  });

  it('sort any rows into all of them, each after one that is not behind it', () => {
    const figure = fc.double({ min: 1e-6, max: 1e6, noNaN: true });
    const row = fc
      .record({ ms: figure, perStep: fc.integer({ min: 1, max: 9 }), flops: fc.option(figure), ofLimit: fc.option(figure) })
      .map((change): KernelRow => ({ ...matmul, ...change }));
    fc.assert(
      fc.property(fc.array(row), fc.constantFrom(...KERNEL_SORT_KEYS), fc.boolean(), (any, key, descending) => {
        const sorted = sortKernels(any, key, descending);
        expect(sorted.map(({ place }) => place).toSorted((a, b) => a - b)).toEqual([...any.keys()]);
        for (const { row: each, place } of sorted) expect(any[place]).toBe(each);
        const figures = sorted
          .map(({ row: each }) => (key === 'ofLimit' ? each.ofLimit : each.ms))
          .filter((value) => value !== null);
        if (key !== 'ofLimit' && key !== 'ms') return;
        expect(figures).toEqual(figures.toSorted((a, b) => (descending ? b - a : a - b)));
        if (key === 'ofLimit') expect(sorted.slice(figures.length).every(({ row: each }) => each.ofLimit === null)).toBe(true);
      }),
    );
  });

  it('say how long a step is, and how much more throughput lanes give', () => {
    expect(timelineMs(timeline)).toBeCloseTo(1.65, 12);
    expect(timelineMs([])).toBe(0);
    const { rows: lanes } = fakeLanes([1, 2, 4]);
    expect(lanes.map((row) => laneGain(lanes, row))).toEqual([1, 2, expect.closeTo(4 * (2.4 / 2.5), 12) as number]);
  });

  it('find the row of another machine that does the same work', () => {
    const other = { ...matmul, variant: '4x4', ms: 0.1 };
    expect(sameWork(matmul, [norm, other])).toBe(other);
    expect(sameWork(matmul, [other, matmul])).toBe(matmul);
    expect(sameWork(matmul, [adamw, { ...matmul, nodes: ['node 1'] }])).toBeNull();
  });
});
