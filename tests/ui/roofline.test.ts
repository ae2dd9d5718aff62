import { describe, expect, it } from 'vitest';
import type { KernelRow, Limits } from '../../src/lab/index.ts';
import {
  dotLabels,
  limitsAt,
  moverDots,
  moverPanel,
  productDots,
  productPanel,
  roofPoints,
  type RoofBox,
} from '../../src/ui/roofline.ts';

const BOX: RoofBox = { left: 50, right: 650, top: 20, bottom: 320 };
const LIMITS: Limits = {
  copyGBs: { median: 100, low: 90, high: 105 },
  fmaGFlops: { median: 2000, low: 1900, high: 2100 },
};

function kernel(change: Partial<KernelRow>): KernelRow {
  return {
    kernel: 'matmul/tiled.wgsl',
    variant: '',
    variants: [],
    nodes: ['node 1 matmul "a"'],
    perStep: 1,
    ms: 1,
    rangeMs: [0.9, 1.1],
    share: 0.1,
    flops: null,
    bytes: 1e6,
    ofLimit: null,
    bound: null,
    ...change,
  };
}

describe('kernels as dots', () => {
  it('places products by FLOP per byte and GFLOP/s, all others by bytes and GB/s, and none twice', () => {
    const rows = [kernel({ flops: 4e9, bytes: 1e8, ms: 2 }), kernel({ bytes: 5e7, ms: 0.5 }), kernel({ flops: 0 })];
    expect(productDots(rows)).toEqual([{ row: 0, x: 40, y: 2000, share: 0.1 }]);
    expect(moverDots(rows).map(({ row, x, y }) => [row, x, y])).toEqual([
      [1, 5e7, 100],
      [2, 1e6, 1],
    ]);
  });

  it('leaves out what took no measurable time', () => {
    expect([...productDots([kernel({ flops: 1, ms: 0 })]), ...moverDots([kernel({ ms: 0 })])]).toEqual([]);
  });
});

describe('a panel', () => {
  const dots = productDots([kernel({ flops: 4e9, bytes: 1e7, ms: 40 }), kernel({ flops: 1e7, bytes: 5e6, ms: 1 })]);

  it('shows every dot, every dot of another machine, and the ridge of its limits inside its box', () => {
    const others = productDots([kernel({ flops: 1e6, bytes: 1e7, ms: 1000 })]);
    const panel = productPanel(dots, others, [LIMITS], BOX);
    for (const { x, y } of [...dots, ...others, { x: 20, y: 2000 }]) {
      expect(panel.x(x)).toBeGreaterThan(BOX.left);
      expect(panel.x(x)).toBeLessThan(BOX.right);
      expect(panel.y(y)).toBeGreaterThan(BOX.top);
      expect(panel.y(y)).toBeLessThan(BOX.bottom);
    }
  });

  it('has axes with nothing on them', () => {
    const empty = moverPanel([], [], [], BOX);
    expect(empty.ticksX.length).toBeGreaterThan(1);
    expect(empty.ticksY.length).toBeGreaterThan(1);
  });

  it('has a roof that rises with the bandwidth to the ridge and is flat from there on', () => {
    const panel = productPanel(dots, [], [LIMITS], BOX);
    const [first, corner, last] = roofPoints(panel, LIMITS);
    expect(first?.[1]).toBeCloseTo(100 * (first?.[0] ?? 0));
    expect(corner).toEqual([20, 2000]);
    expect(last?.[1]).toBe(2000);
    expect(roofPoints(panel, LIMITS, 0.1).at(-1)?.[1]).toBe(200);
    expect(limitsAt(LIMITS, 'low').fmaGFlops.median).toBe(1900);
  });
});

describe('names of dots', () => {
  it('do not lie on each other or on other dots, and stay inside the panel', () => {
    const rows = Array.from({ length: 12 }, (_, i) =>
      kernel({ flops: 1e9 * (1 + 0.05 * i), bytes: 1e8, ms: 1 + 0.02 * i, share: 0.2 - 0.01 * i }),
    );
    const panel = productPanel(productDots(rows), [], [LIMITS], BOX);
    const labels = dotLabels(
      panel,
      (row) => `kernel-${row}`,
      () => 5,
      12,
    );
    expect(labels.length).toBeGreaterThan(0);
    expect(labels.length).toBeLessThan(12);
    const boxes = labels.map(({ x, y, anchor, text }) =>
      anchor === 'start' ? [x, x + 6 * text.length, y] : [x - 6 * text.length, x, y],
    );
    for (const [i, [left = 0, right = 0, y = 0]] of boxes.entries()) {
      expect(left).toBeGreaterThanOrEqual(BOX.left);
      expect(right).toBeLessThanOrEqual(BOX.right);
      for (const [otherLeft = 0, otherRight = 0, otherY = 0] of boxes.slice(i + 1))
        expect(left >= otherRight || otherLeft >= right || Math.abs(y - otherY) >= 12).toBe(true);
    }
  });
});
