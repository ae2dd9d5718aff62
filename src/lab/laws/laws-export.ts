import { findColumn, predictCurve, type FitReport, type Law } from '../../laws/index.ts';
import { csv, type Cell } from '../csv.ts';
import { hasInterval, type FitOutcome } from './fit-protocol.ts';
import type { LawFit } from './laws-desk.ts';

/** What `isoflop fit --json` prints of the same fit, with every digit. */
export function fitJson({ outcome, points }: LawFit): string {
  const { lawId, loss, objective, params, intervals, starts, points: count, warnings } = outcome;
  const report: FitReport = {
    law: lawId,
    loss,
    objective,
    params,
    intervals,
    starts,
    points: count,
    warnings: [...points.notes, ...warnings],
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

/** Every point with its columns, whether it was fitted, and what the law makes of it. */
export function pointsCsv({ law, outcome, points, excluded }: LawFit): string {
  const { columns } = points.points;
  const names = Object.keys(columns);
  const predicted = law.model === null ? null : predictCurve(law, outcome.params, points.points);
  const measured = findColumn(points.points, law.target);
  const head: Cell[] = ['point', ...names, 'fitted', ...(predicted === null ? [] : ['predicted', 'residual'])];
  const rows = points.rows.map(({ label }, row): Cell[] => {
    const said = predicted?.[row] ?? Number.NaN;
    const own = names.map((name) => columns[name]?.[row] ?? Number.NaN);
    const more = predicted === null ? [] : [said, (measured?.[row] ?? Number.NaN) / said - 1];
    return [label, ...own, excluded.has(row) ? 'no' : 'yes', ...more];
  });
  return csv([head, ...rows]);
}

/** The table of parameters, how good the fit is, and its warnings. */
export function fitMarkdown({ law, outcome }: { readonly law: Law; readonly outcome: FitOutcome }): string {
  const { params, intervals, level, warnings } = outcome;
  const percent = Math.round(100 * level);
  const digits = (value: number): string => String(Number(value.toPrecision(7)));
  const published = law.constants.map(({ name }) => `${name} | `).join('');
  const rows = law.parameters.map(({ name, unit, meaning }) => {
    const [lo = null, hi = null] = intervals[name] ?? [];
    const known = hasInterval(outcome, name);
    const end = (value: number | null, none: string): string => (value !== null ? digits(value) : known ? none : 'not computed');
    const others = law.constants.map((set) => `${digits(set.params[name] ?? Number.NaN)} | `).join('');
    return `| ${name} | ${digits(params[name] ?? Number.NaN)} | ${end(lo, '−∞')} | ${end(hi, '∞')} | ${others}${unit} | ${meaning} |`;
  });
  const figures = qualityOf(outcome).map(([name, value]) => `- ${name}: ${value}`);
  return [
    `**${law.title}**: ${law.formula}`,
    '',
    `| parameter | value | ${percent} % from | to | ${published}unit | meaning |`,
    `| --- | ---: | ---: | ---: | ${law.constants.map(() => '---: | ').join('')}--- | --- |`,
    ...rows,
    '',
    ...figures,
    ...warnings.map((warning) => `- ${warning}`),
    '',
  ].join('\n');
}

/** How good a fit is, in figures with their names. */
export function qualityOf({
  objective,
  loss,
  points,
  starts,
  r2,
  condition,
  heldOut,
}: FitOutcome): readonly (readonly [string, string])[] {
  const figure = (value: number): string => String(Number(value.toPrecision(6)));
  return [
    ['objective', `${Number(objective.toPrecision(10))} (${loss}, summed over ${points} points)`],
    ...(starts.total > 1 ? [['starts that agree', `${starts.agree} of ${starts.total}`] as const] : []),
    ...(Number.isNaN(r2) ? [] : [['R²', figure(r2)] as const]),
    ...(heldOut === undefined
      ? []
      : [
          [
            'held-out error',
            `${(100 * heldOut.error).toPrecision(3)} % over ${heldOut.held.length} points above ${heldOut.limit.toPrecision(3)} FLOPs, fitted on ${heldOut.fitted} below${Number.isNaN(heldOut.r2) ? '' : ` with an R² of ${figure(heldOut.r2)}`}`,
          ] as const,
        ]),
    ...(Number.isNaN(condition) ? [] : [['condition number', condition.toPrecision(3)] as const]),
  ];
}
