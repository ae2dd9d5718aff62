import { cellOf, columnLabel, type ColumnId, type RunCell, type RunRecord } from '../lab/index.ts';
import { count, duration, nats } from './format.ts';

const LABELS: { readonly [column in ColumnId]?: string } = {
  smoothTrainNats: 'Train loss',
  validationNats: 'Val loss',
  tokens: 'Tokens',
  parameters: 'Params',
  end25Nats: 'End at 25 %',
  end50Nats: 'End at 50 %',
  end75Nats: 'End at 75 %',
  endNats: 'End',
  endsInside: 'Inside',
};

/** The head of a column. */
export function headOf(column: ColumnId): string {
  return LABELS[column] ?? columnLabel(column);
}

/** True where a column holds a loss: its difference to the baseline says something. */
export function isLoss(column: ColumnId): boolean {
  return column.endsWith('Nats');
}

const COUNTS: readonly ColumnId[] = ['tokens', 'flops', 'parameters', 'nonEmbeddingParameters', 'step', 'totalSteps'];
const DIGITS = 5;
/** Made once: a table has thousands of dates. */
const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'short' });

/** A cell as the table shows it; a dash where there is nothing. */
export function cellWords(column: ColumnId, cell: RunCell): string {
  if (cell === null || cell === '') return '—';
  if (column === 'created') return DATE.format(new Date(String(cell)));
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no';
  if (typeof cell === 'string') return cell;
  if (isLoss(column)) return nats(cell);
  if (column === 'trainedSeconds') return duration(cell * 1000);
  return COUNTS.includes(column) ? count(cell) : String(Number(cell.toPrecision(DIGITS)));
}

/** `+0.0123`: how a run's loss differs from the baseline's; empty where one of them has none, and of the baseline itself. */
export function differenceWords(column: ColumnId, run: RunRecord, baseline: RunRecord | null): string {
  if (baseline === null || baseline.id === run.id || !isLoss(column)) return '';
  const [here, there] = [cellOf(run, column), cellOf(baseline, column)];
  if (typeof here !== 'number' || typeof there !== 'number' || !Number.isFinite(here - there)) return '';
  return `${here < there ? '−' : '+'}${nats(Math.abs(here - there))}`;
}

/** `2.1000 ± 0.0200`: mean and deviation over the runs of a group; the deviation where there is more than one. */
export function spreadWords({
  mean,
  standardDeviation,
  broken,
}: {
  readonly mean: number;
  readonly standardDeviation: number;
  readonly broken: number;
}): string {
  if (!Number.isFinite(mean)) return broken === 0 ? '—' : 'NaN';
  const deviation = Number.isFinite(standardDeviation) ? ` ± ${nats(standardDeviation)}` : '';
  return `${nats(mean)}${deviation}${broken === 0 ? '' : `, ${broken} diverged`}`;
}
