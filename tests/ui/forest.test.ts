import { describe, expect, it } from 'vitest';
import type { AblationRow } from '../../src/lab/index.ts';
import { effectOf, forestDomain, forestGroups, forestMarks, forestScale, forestSvg, forestTicks } from '../../src/ui/forest.ts';

function row(kind: AblationRow['form']['kind'], rule: string, ratio: number, half: number): AblationRow {
  return {
    form: { kind, rule },
    reference: kind === 'without' ? 'all' : 'none',
    ms: ratio,
    referenceMs: 1,
    ratio: { ratio, lo: ratio - half, hi: ratio + half, level: 0.95, rounds: 7 },
    dispatches: 10,
    boundBytes: 1,
    peakBytes: 1,
    tunedShapes: null,
    lossDifference: 0,
  };
}

const ROWS = [
  row('all', '', 0.6, 0.02),
  row('only', 'slow', 1.1, 0.02),
  row('only', 'fast', 0.8, 0.02),
  row('without', 'slow', 0.95, 0.1),
  row('without', 'fast', 1.3, 0.05),
];

describe('rows of an ablation', () => {
  it('stand with those that are measured against the same, the most useful rule first', () => {
    expect(forestGroups(ROWS).map(({ kind, rows }) => [kind, ...rows.map(({ form }) => form.rule)])).toEqual([
      ['all', ''],
      ['only', 'fast', 'slow'],
      ['without', 'fast', 'slow'],
    ]);
    expect(forestGroups(ROWS.slice(0, 1))).toHaveLength(1);
  });

  it('have an effect only where the interval leaves 1 out', () => {
    expect(ROWS.map(effectOf)).toEqual(['less', 'more', 'less', 'none', 'more']);
    expect(effectOf({ ratio: null })).toBe('none');
  });
});

describe('a drawn interval', () => {
  const domain = forestDomain(ROWS);
  const x = forestScale(domain, [0, 300]);

  it('lies with 1 and all others inside the axis', () => {
    for (const each of ROWS) {
      const marks = forestMarks(each, x);
      expect(marks?.whisker[0]).toBeGreaterThan(0);
      expect(marks?.whisker[1]).toBeLessThan(300);
      expect(marks?.bar).toContain(x(1));
      expect(marks?.bar).toContain(marks?.at);
    }
    expect(forestMarks({ ...row('only', 'x', 1, 0), ratio: null }, x)).toBeNull();
  });

  it('is read off round ratios that stand apart, 1 among them', () => {
    const ticks = forestTicks(domain, x, 34);
    expect(ticks).toContain(1);
    expect(ticks.length).toBeGreaterThan(2);
    ticks.slice(1).forEach((tick, i) => expect(x(tick) - x(ticks[i] ?? 0)).toBeGreaterThanOrEqual(34));
  });

  it('goes into a file with its words, whatever they hold', () => {
    const { svg, height } = forestSvg(
      ROWS,
      () => 'a < b & "c"',
      () => '#123456',
      'title',
    );
    expect(svg.match(/a &lt; b &amp; &quot;c&quot;/g)).toHaveLength(ROWS.length);
    expect(svg.match(/<circle/g)).toHaveLength(ROWS.length);
    expect(svg).toContain(`height="${height}"`);
  });
});
