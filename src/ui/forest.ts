import { scaleLog } from 'd3-scale';
import type { AblationRow } from '../lab/index.ts';
import { ruleWords } from './kernel-words.ts';
import type { Range } from './plot-data.ts';

/** Rows that are measured against the same thing, the strongest effect first. */
export interface ForestGroup {
  readonly kind: 'all' | 'only' | 'without';
  readonly title: string;
  readonly rows: readonly AblationRow[];
}

const TITLES: { readonly [K in ForestGroup['kind']]: string } = {
  all: 'All rules on, against none',
  only: 'One rule alone, against none',
  without: 'One rule taken away, against all',
};

/** The groups that have rows; a rule alone should take less time, one that is missing more. */
export function forestGroups(rows: readonly AblationRow[]): ForestGroup[] {
  return (['all', 'only', 'without'] as const)
    .map((kind) => {
      const sign = kind === 'without' ? -1 : 1;
      const own = rows.filter(({ form }) => form.kind === kind);
      return { kind, title: TITLES[kind], rows: own.toSorted((a, b) => sign * ((a.ratio?.ratio ?? 1) - (b.ratio?.ratio ?? 1))) };
    })
    .filter((group) => group.rows.length > 0);
}

/** What an interval says of 1: `less` time, `more`, or no measurable `none`. */
export function effectOf({ ratio }: Pick<AblationRow, 'ratio'>): 'less' | 'more' | 'none' {
  if (ratio === null || (ratio.lo <= 1 && ratio.hi >= 1)) return 'none';
  return ratio.ratio < 1 ? 'less' : 'more';
}

/** Intervals reach no further than this on the axis, as a factor of their ratio: noise does not squash what is measured well. */
const FURTHEST = 1.6;

/** Ratios that the rows span, and 1, with room around them. */
export function forestDomain(rows: readonly AblationRow[]): Range {
  const all = rows.flatMap(({ ratio }) =>
    ratio === null ? [] : [Math.max(ratio.lo, ratio.ratio / FURTHEST), Math.min(ratio.hi, ratio.ratio * FURTHEST)],
  );
  const [min, max] = [Math.min(0.92, ...all), Math.max(1.08, ...all)];
  return [Math.max(0.05, min / 1.03), Math.min(20, max * 1.03)];
}

const STOPS = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.1, 1.2, 1.4, 1.7, 2, 3, 5, 10, 20];

/** A few round ratios, 1 always among them, at least `apart` units from each other. */
export function forestTicks(domain: Range, x: (ratio: number) => number, apart: number): number[] {
  const chosen = [1];
  const inside = STOPS.filter((stop) => stop >= domain[0] && stop <= domain[1]);
  // Those far from 1 first: they say how far the axis reaches.
  for (const stop of inside.toSorted((a, b) => Math.abs(Math.log(b)) - Math.abs(Math.log(a))))
    if (chosen.every((each) => Math.abs(x(each) - x(stop)) >= apart)) chosen.push(stop);
  return chosen.sort((a, b) => a - b);
}

export function forestScale(domain: Range, range: Range): (ratio: number) => number {
  const scale = scaleLog()
    .domain([...domain])
    .range([...range]);
  return (ratio) => Math.min(range[1], Math.max(range[0], scale(ratio)));
}

/** What is drawn of a row: a bar from 1 to the ratio, its interval, and the ratio itself. */
export interface ForestMarks {
  readonly bar: Range;
  readonly whisker: Range;
  readonly at: number;
}

export function forestMarks({ ratio }: AblationRow, x: (ratio: number) => number): ForestMarks | null {
  if (ratio === null) return null;
  const [one, at] = [x(1), x(ratio.ratio)];
  return { bar: [Math.min(one, at), Math.max(one, at)], whisker: [x(ratio.lo), x(ratio.hi)], at };
}

const NAME = 190;
const WORDS = 320;
const ROW = 22;
const TOP = 40;

/** The groups as an SVG file. `color` gives what a custom property holds, `words` what a row comes to. */
export function forestSvg(
  rows: readonly AblationRow[],
  words: (row: AblationRow) => string,
  color: (property: string) => string,
  title: string,
): { readonly svg: string; readonly width: number; readonly height: number } {
  const width = 960;
  const domain = forestDomain(rows);
  const x = forestScale(domain, [NAME, width - WORDS]);
  const parts: string[] = [];
  const text = (tx: number, ty: number, said: string, more = `fill="${color('--muted')}"`): void => {
    parts.push(`<text x="${tx.toFixed(1)}" y="${ty}" ${more}>${escaped(said)}</text>`);
  };
  const strong = `fill="${color('--text')}" font-weight="600"`;
  text(16, 24, title, strong);
  let y = TOP;
  for (const group of forestGroups(rows)) {
    text(16, y + 15, group.title, strong);
    y += ROW;
    for (const row of group.rows) {
      const marks = forestMarks(row, x);
      const middle = y + ROW / 2;
      const ink = color(EFFECT_COLORS[effectOf(row)]);
      text(28, middle + 4, ruleWords(row.form), `fill="${color('--text')}"`);
      if (marks !== null) {
        parts.push(
          `<rect x="${marks.bar[0].toFixed(1)}" y="${middle - 5}" width="${(marks.bar[1] - marks.bar[0]).toFixed(1)}" height="10" fill="${ink}" fill-opacity="0.3"/>`,
          `<path d="M${marks.whisker[0].toFixed(1)} ${middle - 4}v8m0 -4H${marks.whisker[1].toFixed(1)}m0 -4v8" fill="none" stroke="${ink}" stroke-width="1.5"/>`,
          `<circle cx="${marks.at.toFixed(1)}" cy="${middle}" r="4" fill="${effectOf(row) === 'none' ? color('--surface') : ink}" stroke="${ink}" stroke-width="1.5"/>`,
        );
      }
      text(width - WORDS + 14, middle + 4, words(row));
      y += ROW;
    }
    y += 8;
  }
  const height = y + 36;
  const ticks = forestTicks(domain, x, 40);
  const grid = ticks
    .map(
      (tick) =>
        `<path d="M${x(tick).toFixed(1)} ${TOP}V${y}" stroke="${color(tick === 1 ? '--edge' : '--grid')}"/><text x="${x(tick).toFixed(1)}" y="${y + 16}" text-anchor="middle" fill="${color('--muted')}">${tick}</text>`,
    )
    .join('');
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="${color('--surface')}"/>${grid}`,
    ...parts,
    `<text x="${((NAME + width - WORDS) / 2).toFixed(1)}" y="${y + 31}" text-anchor="middle" fill="${color('--muted')}">time of a step, times that of the reference</text></svg>`,
  ].join('\n');
  return { svg, width, height };
}

/** Custom properties of the colours of effects; words stand beside them. */
export const EFFECT_COLORS = { less: '--accent', more: '--validation', none: '--reference' } as const;

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
