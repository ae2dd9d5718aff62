import { describe, expect, it } from 'vitest';
import { armSpecs, Comparison, COMPARISON_START } from '../../src/lab/index.ts';
import { withDefaults } from '../../src/spec/index.ts';
import { DEFAULT_VIEW } from '../../src/ui/chart-view.ts';
import { gapFrame, lossFrame } from '../../src/ui/compare-frames.ts';
import { comparisonWords, divergedWords, heldOutWords, signedShare } from '../../src/ui/compare-words.ts';
import { draw } from '../../src/ui/plot-data.ts';
import { plotSvg } from '../../src/ui/plot-svg.ts';

const STEPS = 200;

/** Two arms of two seeds, the second 1 % above the first; `broken` is a loss of its second seed. */
function compared(broken: number | null = null): Comparison {
  const base = withDefaults({ budget: { steps: STEPS } });
  const setup = { ...COMPARISON_START, seeds: 2 };
  const comparison = new Comparison('test', base, setup, armSpecs(base, setup));
  const runId = comparison.runId;
  comparison.apply({ type: 'comparisonState', runId, state: 'running', step: 0, totalSteps: STEPS });
  for (const arm of [0, 1]) {
    const lossNats = Float32Array.from({ length: 2 * STEPS }, (_, i) => {
      const [step, seed] = [i >> 1, i % 2];
      if (broken !== null && arm === 1 && seed === 1 && step >= 50) return broken;
      return (2 + 3 / (1 + step) + 0.1 * seed + 0.01 * Math.sin(7 * step)) * (1 + 0.01 * arm + 0.001 * Math.sin(3 * i));
    });
    const flat = new Float32Array(2 * STEPS).fill(1);
    const common = { runId, arm, firstStep: 1, lanes: 2, gradNorm: flat, learningRate: flat, epochs: flat };
    comparison.apply({ type: 'armMetrics', ...common, lossNats });
    const diverged =
      broken !== null && arm === 1
        ? [{ lane: 1, step: 51, origin: 'head fprop.output is the first tensor that is not finite.' }]
        : [];
    comparison.apply({ type: 'armState', runId, arm, state: 'done', step: STEPS, diverged });
  }
  comparison.apply({ type: 'comparisonState', runId, state: 'finished', step: STEPS, totalSteps: STEPS });
  return comparison;
}

describe('the charts of a comparison', () => {
  it('show each arm with the range of its seeds, told apart by colour and dash, and leave a hidden one out', () => {
    const comparison = compared();
    const { curves, bands = [] } = lossFrame(comparison, DEFAULT_VIEW, new Set());
    expect(curves.map(({ label }) => label)).toEqual(['bf16', 'fp8-current']);
    expect(new Set(curves.map(({ color }) => color)).size).toBe(2);
    expect(curves.map(({ dash }) => dash !== undefined)).toEqual([false, true]);
    const [low = 0, high = 0] = [bands[0]?.low[99], bands[0]?.high[99]];
    expect(high - low).toBeCloseTo(0.1, 2);
    expect(lossFrame(comparison, DEFAULT_VIEW, new Set(['bf16'])).curves).toHaveLength(1);
  });

  it('mark where a seed diverged, and go on with the others', () => {
    const { marks, curves } = lossFrame(compared(Number.NaN), DEFAULT_VIEW, new Set());
    expect(marks).toEqual([{ x: 51, label: 'fp8-current: NaN' }]);
    expect(curves[1]?.y[150]).toBeGreaterThan(1);
  });

  it('show the gap in percent around zero, with the line of DeepSeek-V3', () => {
    const frame = gapFrame(compared(), DEFAULT_VIEW, new Set());
    expect(frame.curves.map(({ label }) => label)).toEqual(['fp8-current']);
    expect(frame.curves[0]?.y[frame.curves[0].y.length - 1]).toBeCloseTo(1, 0.3);
    expect(frame.lines.map(({ y }) => y)).toEqual([-0.25, 0, 0.25]);
    const { x, y } = draw(frame, 400, null, null);
    expect(x).toEqual([1, STEPS]);
    expect(y[0]).toBeLessThan(0);
    expect(y[1]).toBeGreaterThan(1);
    expect(gapFrame(null, DEFAULT_VIEW, new Set()).curves).toEqual([]);
  });

  it('are files of their own, with bands, lines and names', () => {
    const frame = gapFrame(compared(), DEFAULT_VIEW, new Set());
    const svg = plotSvg(frame, [{ name: 'a < b', place: 1 }], (name) => `[${name}]`);
    expect(svg).toMatch(/^<svg xmlns=/);
    expect(svg).toContain('a &lt; b');
    expect(svg).toContain('fill="[--arm-1]" fill-opacity="0.2"');
    expect(svg).toMatch(/<path d="M[\d. L]+" fill="none" stroke="\[--arm-1\]"/);
    expect(svg).not.toContain('NaN');
  });
});

describe('what is said of a comparison', () => {
  it('is its state, what diverged, and the gaps at its end', () => {
    const comparison = compared(Number.NaN);
    expect(comparisonWords(comparison)).toBe('Finished 2 arms with 2 seeds each after 200 steps');
    const [bf16, fp8] = comparison.arms;
    if (bf16 === undefined || fp8 === undefined) throw new Error('no arms');
    expect(divergedWords(bf16)).toBe('');
    expect(divergedWords(fp8)).toBe(
      'Diverged: seed 2 at step 51, where its loss was NaN (head fprop.output is the first tensor that is not finite). The other seeds go on.',
    );
    expect(heldOutWords({ relative: 0.0031, lo: 0.0019, hi: 0.0043, seeds: 3 }, 'Validation')).toBe(
      'Validation loss at the end: 0.31 % ± 0.12 % above (3 seeds).',
    );
    expect(heldOutWords({ relative: -0.001, lo: -0.003, hi: 0.001, seeds: 2 }, 'Validation')).toContain('no difference');
    expect([0.0031, -0.000042, 0, 0.123].map(signedShare)).toEqual(['+0.31 %', '−0.0042 %', '0 %', '+12.3 %']);
  });
});
