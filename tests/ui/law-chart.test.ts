import { describe, expect, it } from 'vitest';
import { layOut, type LawChart, type LawDot } from '../../src/ui/law-chart.ts';

const BOX = { left: 0, right: 400, top: 0, bottom: 300 };

function chartOf(dots: readonly LawDot[], high: readonly number[]): LawChart {
  const x = high.map((_, i) => 1 + i);
  return {
    xLabel: 'x',
    yLabel: 'y',
    xLog: false,
    yLog: false,
    groups: [],
    dots,
    lines: [],
    ribbons: [{ place: 0, x, low: high.map(() => 1), high }],
    shaded: [],
  };
}

describe('a chart of a law', () => {
  it('is laid out in time that rises with its values, not with their square', () => {
    let reads = 0;
    const dots = Array.from({ length: 200 }, (_, i): LawDot => ({
      key: null,
      x: i,
      get y() {
        reads += 1;
        return 1 + (i % 10);
      },
      place: 0,
      hollow: false,
      words: '',
    }));
    layOut(
      chartOf(
        dots,
        Array.from({ length: 500 }, () => 5),
      ),
      BOX,
    );
    expect(reads).toBeLessThan(10 * dots.length);
  });

  it('leaves no room for a ribbon that nothing bounds', () => {
    const dots = [1, 2].map((y): LawDot => ({ key: null, x: y, y, place: 0, hollow: false, words: '' }));
    const panel = layOut(chartOf(dots, [2.4, 1e9]), BOX);
    expect(panel.y(2.4)).toBeGreaterThan(0);
    expect(panel.y(1)).toBeLessThan(300);
    expect(panel.y(2) - panel.y(2.4)).toBeGreaterThan(50);
  });
});
