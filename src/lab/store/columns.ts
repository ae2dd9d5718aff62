import { fieldAt, getField, SPEC_PATHS, type SpecPath } from '../../spec/index.ts';
import { scoreOf, type MarkShare } from '../ends/kept-ends.ts';
import { flopsOf, tokensOf, type RunRecord } from './record.ts';

/** What stands in a table: null where there is nothing, NaN and infinities where they were measured. */
export type RunCell = number | string | boolean | null;

export interface RunColumn {
  readonly label: string;
  readonly unit?: string;
  readonly of: (run: RunRecord) => RunCell;
}

const MS_PER_SECOND = 1000;

/** What a table can show of a run beside its spec. Files name these columns; a name that was given stays. */
export const RUN_COLUMNS = {
  id: { label: 'Id', of: ({ id }) => id },
  name: { label: 'Name', of: ({ name }) => name },
  state: { label: 'State', of: ({ state }) => state },
  tags: { label: 'Tags', of: ({ tags }) => tags.join(', ') },
  note: { label: 'Note', of: ({ note }) => note },
  baseline: { label: 'Baseline', of: ({ baseline }) => baseline },
  hidden: { label: 'Hidden', of: ({ hidden }) => hidden },
  sweep: { label: 'Sweep', of: ({ sweep }) => sweep?.id ?? null },
  created: { label: 'Begun', of: ({ createdAt }) => new Date(createdAt).toISOString() },
  step: { label: 'Step', of: ({ step }) => step },
  totalSteps: { label: 'Steps', of: ({ totalSteps }) => totalSteps },
  tokens: { label: 'Tokens D', unit: 'tokens', of: tokensOf },
  flops: { label: 'Compute C', unit: 'FLOPs', of: flopsOf },
  parameters: { label: 'Parameters N', of: ({ counts }) => counts?.parameters ?? null },
  nonEmbeddingParameters: { label: 'Parameters without embeddings', of: ({ counts }) => counts?.nonEmbeddingParameters ?? null },
  trainNats: { label: 'Train loss', unit: 'nats', of: ({ summary }) => summary.lossNats },
  smoothTrainNats: { label: 'Train loss, smoothed', unit: 'nats', of: ({ summary }) => summary.smoothLossNats },
  validationNats: { label: 'Validation loss', unit: 'nats', of: ({ summary }) => summary.validationNats },
  bestValidationNats: { label: 'Best validation loss', unit: 'nats', of: ({ summary }) => summary.bestValidationNats },
  bestValidationStep: { label: 'Step of the best', of: ({ summary }) => summary.bestValidationStep },
  oodNats: { label: 'Out-of-distribution loss', unit: 'nats', of: ({ summary }) => summary.oodNats },
  divergedStep: { label: 'Diverged at step', of: ({ summary }) => summary.divergedStep },
  trainedSeconds: { label: 'Time trained', unit: 's', of: ({ summary }) => summary.trainedMs / MS_PER_SECOND },
  msPerStep: { label: 'Time of a step', unit: 'ms', of: ({ msPerStep }) => msPerStep },
  data: { label: 'Data', of: ({ data }) => data?.name ?? null },
  contentHash: { label: 'Data hash', of: ({ data }) => data?.contentHash ?? null },
  vocab: { label: 'Vocabulary', unit: 'tokens', of: ({ data }) => data?.vocab ?? null },
  bytesPerToken: { label: 'Bytes per token', of: ({ data }) => data?.bytesPerToken ?? null },
  adapter: { label: 'Adapter', of: ({ environment }) => environment?.adapter ?? null },
  software: { label: 'Software adapter', of: ({ environment }) => environment?.software ?? null },
  build: { label: 'Build', of: ({ environment }) => environment?.build ?? null },
  end25Nats: { label: 'End foretold at 25 %', unit: 'nats', of: (run) => foretold(run, 0.25) },
  end50Nats: { label: 'End foretold at 50 %', unit: 'nats', of: (run) => foretold(run, 0.5) },
  end75Nats: { label: 'End foretold at 75 %', unit: 'nats', of: (run) => foretold(run, 0.75) },
  endNats: { label: 'Train loss at the end', unit: 'nats', of: ({ predictions }) => predictions?.cameNats ?? null },
  endsInside: { label: 'Inside the 90 % intervals', of: insideWords },
} as const satisfies { readonly [id: string]: RunColumn };

/** The end that was foretold at a share of the steps. */
function foretold({ predictions }: RunRecord, share: MarkShare): number | null {
  return predictions?.marks.find((mark) => mark.share === share)?.lossNats ?? null;
}

/** `2 of 3`: predictions whose interval holds what came; null before it came. */
function insideWords({ predictions }: RunRecord): string | null {
  const scores = predictions?.marks.flatMap((mark) => scoreOf(predictions, mark) ?? []) ?? [];
  return scores.length === 0 ? null : `${scores.filter(({ inside }) => inside).length} of ${scores.length}`;
}

export type RunColumnId = keyof typeof RUN_COLUMNS;

/** The name in a spec is where a run's own name comes from. */
type ShownPath = Exclude<SpecPath, 'name'>;

/** A column of a table of runs: something of the run's, or a field of its spec. */
export type ColumnId = RunColumnId | ShownPath;

export const SHOWN_PATHS: readonly ShownPath[] = SPEC_PATHS.filter((path) => path !== 'name');

export function isColumnId(id: string): id is ColumnId {
  return isRunColumn(id) || SHOWN_PATHS.some((path) => path === id);
}

function isRunColumn(id: string): id is RunColumnId {
  return Object.hasOwn(RUN_COLUMNS, id);
}

export const RUN_COLUMN_IDS: readonly RunColumnId[] = Object.keys(RUN_COLUMNS).filter(isRunColumn);

export function columnLabel(id: ColumnId): string {
  return isRunColumn(id) ? RUN_COLUMNS[id].label : fieldAt(id).label;
}

export function cellOf(run: RunRecord, id: ColumnId): RunCell {
  return isRunColumn(id) ? RUN_COLUMNS[id].of(run) : specCell(run, id);
}

/** Objects (casts, switches of fusion) as their JSON; null for a budget that is not the chosen one. */
function specCell({ spec }: RunRecord, path: ShownPath): RunCell {
  const value = getField(spec, path);
  if (value === undefined || value === null) return null;
  return typeof value === 'object' ? JSON.stringify(value) : value;
}
