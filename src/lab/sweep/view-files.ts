import { csv, type Cell } from '../csv.ts';
import type { RunCell } from '../store/columns.ts';
import type { LossesAt, SweptAxis } from './axes.ts';
import type { IsoflopCurve } from './isoflop-view.ts';
import type { HeatView, LossCurve } from './views.ts';

const LOSSES = ['meanNats', 'lowNats', 'highNats', 'done', 'diverged', 'open'] as const;

const cell = (value: RunCell | undefined): Cell =>
  value === null || value === undefined ? '' : typeof value === 'boolean' ? String(value) : value;

function figures({ mean, low, high, losses, diverged, open }: LossesAt): Cell[] {
  const nats = losses.length === 0 ? ['', '', ''] : [mean, low, high];
  return [...nats, losses.length, diverged, open];
}

/** One row a point, the axes by their paths. */
export function curvesCsv(curves: readonly LossCurve[], x: SweptAxis, apart: readonly SweptAxis[]): string {
  const rows = curves.flatMap(({ values, points }) => points.map((point) => [...values.map(cell), point.x, ...figures(point)]));
  return csv([[...apart.map(({ path }) => path), x.path, ...LOSSES], ...rows]);
}

/** One row a size and budget. */
export function isoflopCsv(curves: readonly IsoflopCurve[]): string {
  return csv([
    ['flops', 'parameters', ...LOSSES],
    ...curves.flatMap(({ flops, points }) => points.map((point) => [flops, point.x, ...figures(point)])),
  ]);
}

/** One row a pair of values. */
export function heatCsv({ rows, columns, cells }: HeatView, row: SweptAxis, column: SweptAxis): string {
  const lines = rows.flatMap((down, i) =>
    columns.flatMap((across, j) => {
      const at = cells[i]?.[j] ?? null;
      return at === null ? [] : [[cell(down), cell(across), ...figures(at)]];
    }),
  );
  return csv([[row.path, column.path, ...LOSSES], ...lines]);
}
