import { csv, type Cell } from '../csv.ts';
import { STEP_COLUMNS } from '../export.ts';
import { cellOf, columnLabel, RUN_COLUMN_IDS, SHOWN_PATHS, type ColumnId, type RunCell } from './columns.ts';
import { NO_CURVES } from './curves.ts';
import type { KeptRun } from './kept-run.ts';
import type { RunRecord } from './record.ts';
import { runsJson } from './runs-json.ts';

/** Every column of a run, its spec's last. */
const ALL: readonly ColumnId[] = [...RUN_COLUMN_IDS, ...SHOWN_PATHS];

const cell = (value: RunCell): Cell => (value === null ? '' : typeof value === 'boolean' ? String(value) : value);

/** One row a run: what it was, what it came to, and every field of its spec. What is not there is empty. */
export function runsCsv(runs: readonly RunRecord[]): string {
  return csv([ALL, ...runs.map((run) => ALL.map((id) => cell(cellOf(run, id))))]);
}

const RUN_STEP_COLUMNS = ['run', 'name', ...STEP_COLUMNS] as const;

/** One row a run and step; null where nothing was measured. */
type StepRow = readonly [string, string, ...(number | null)[]];

/** Steps of a run, training and evaluations side by side. */
function* stepRows({ record, curves: { train, validation, ood } }: KeptRun): Generator<StepRow> {
  const { id, name, counts } = record;
  const at = (steps: Float64Array): ReadonlyMap<number, number> => new Map([...steps].map((step, i) => [step, i]));
  const [trained, evaluated, outside] = [at(train.steps), at(validation.steps), at(ood.steps)];
  const every = Float64Array.from(new Set([...train.steps, ...validation.steps, ...ood.steps])).sort();
  const pick = (values: ArrayLike<number>, i: number | undefined): number | null =>
    i === undefined ? null : (values[i] ?? null);
  for (const step of every) {
    const i = trained.get(step);
    const tokens = counts === null ? null : step * counts.tokensPerStep;
    const ms = pick(train.timeMs, i);
    yield [
      id,
      name,
      step,
      tokens,
      tokens === null || counts === null ? null : tokens * counts.flopsPerToken,
      ms === null ? null : ms / 1000,
      pick(train.epochs, i),
      pick(train.learningRate, i),
      pick(train.gradNorm, i),
      pick(train.lossNats, i),
      pick(validation.lossNats, evaluated.get(step)),
      pick(ood.lossNats, outside.get(step)),
    ];
  }
}

/** One row a run and step, in pieces that follow each other: the head, then each run. */
export function* stepsCsv(runs: Iterable<KeptRun>): Generator<string> {
  yield csv([RUN_STEP_COLUMNS]);
  for (const run of runs) yield csv([...stepRows(run)].map((row) => row.map(cell)));
}

/** Column types of Parquet: what was measured in f32 is stored as f32. */
const TYPES: { readonly [C in (typeof RUN_STEP_COLUMNS)[number]]: 'STRING' | 'FLOAT' | 'DOUBLE' } = {
  run: 'STRING',
  name: 'STRING',
  step: 'DOUBLE',
  tokens: 'DOUBLE',
  flops: 'DOUBLE',
  seconds: 'DOUBLE',
  epochs: 'FLOAT',
  learningRate: 'FLOAT',
  gradNorm: 'FLOAT',
  trainNats: 'FLOAT',
  validationNats: 'DOUBLE',
  oodNats: 'DOUBLE',
};

/**
 * As {@link stepsCsv}, as Parquet: NaN and infinities are numbers, what was not measured is null. Its metadata `isoflop-runs` are the runs
 * without their curves, as JSON.
 */
export async function stepsParquet(runs: readonly KeptRun[]): Promise<ArrayBuffer> {
  // Of use to few: fetched from the page's own files when it is asked for.
  const { parquetWriteBuffer } = await import('hyparquet-writer');
  const columns = RUN_STEP_COLUMNS.map((name) => ({ name, type: TYPES[name], data: new Array<string | number | null>() }));
  for (const run of runs) for (const row of stepRows(run)) row.forEach((value, i) => columns[i]?.data.push(value));
  const bare = runs.map(({ record }) => ({ record, curves: NO_CURVES }));
  return parquetWriteBuffer({
    columnData: columns,
    kvMetadata: [{ key: 'isoflop-runs', value: [...runsJson(bare)].join('') }],
    createdBy: 'isoflop',
  });
}

const FIGURES: readonly ColumnId[] = [
  'name',
  'state',
  'parameters',
  'tokens',
  'flops',
  'trainNats',
  'validationNats',
  'trainedSeconds',
];

/** A table of runs as Markdown. */
export function runsMarkdown(runs: readonly RunRecord[], columns: readonly ColumnId[] = FIGURES): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const figures = columns.map((id) => runs.some((run) => typeof cellOf(run, id) === 'number'));
  const rows = runs.map((run) => line(columns.map((id) => shown(cellOf(run, id)))));
  const rule = line(figures.map((isFigure) => (isFigure ? '---:' : '---')));
  return `${[line(columns.map((id) => shown(columnLabel(id)))), rule, ...rows].join('\n')}\n`;
}

const DIGITS = 5;

function shown(value: RunCell): string {
  if (value === null || value === '') return '—';
  if (typeof value !== 'number') return String(value).replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '−∞';
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  return String(Number(value.toPrecision(DIGITS)));
}
