import type { Points } from '../../laws/index.ts';
import {
  COUNTED_WORDS,
  countRun,
  defaultSpec,
  getField,
  runIdOf,
  SPEC_PATHS,
  type Counting,
  type SpecPath,
} from '../../spec/index.ts';
import { recordTitle } from '../runs-view.ts';
import { isActive, type RunRecord } from '../store/record.ts';

/** Whatever moves fitted exponents by more than their intervals: what N and C stand for. */
export type CountingChoice = Counting;

/** What a row of points is, for tables and for leaving it out by hand. */
export interface PointRow {
  /** Of the same measurement in every choice of law and counting; the rows of one run share it. */
  readonly key: string;
  /** Null for a point that was imported. */
  readonly runId: string | null;
  readonly label: string;
  /** Equal for runs that differ in no more than learning rate, batch, length and seed; left out where that is not known. */
  readonly recipe?: string;
}

/** Points of a law, what each row is, and what was left out or chosen on the way, in sentences. */
export interface LawPoints {
  readonly points: Points;
  readonly rows: readonly PointRow[];
  readonly notes: readonly string[];
}

/** Rows whose keys are left out. */
export function rowsOut({ rows }: LawPoints, keys: ReadonlySet<string>): ReadonlySet<number> {
  return new Set(rows.flatMap(({ key }, row) => (keys.has(key) ? [row] : [])));
}

/** A run with all that its point is made of. */
export interface CountedRun {
  readonly record: RunRecord;
  readonly N: number;
  readonly tokensPerStep: number;
  readonly flopsPerToken: number;
  /** Of the steps that were trained; NaN where the data's size is not known. */
  readonly unique: number;
}

/**
 * The end of each finished run as a point: N, C, D tokens seen, U unique ones, B tokens a step, S steps, lr the peak learning rate, loss the
 * held-out one where all runs have it, else the smoothed training loss of all. Seeds of one setting are points of their own.
 */
export function pointsOf(runs: readonly RunRecord[], counting: CountingChoice): LawPoints {
  const { counted, notes } = finishedOf(runs, counting);
  const held = counted.every(({ record }) => record.summary.validationNats !== null);
  const used = counted.flatMap((run) => {
    const { validationNats, smoothLossNats } = run.record.summary;
    const loss = held ? validationNats : smoothLossNats;
    return loss === null ? [] : [{ ...run, loss }];
  });
  const column = (of: (run: (typeof used)[number]) => number): Float64Array => Float64Array.from(used, of);
  const rows = used.map(({ record }): PointRow => ({
    key: record.id,
    runId: record.id,
    label: recordTitle(record),
    recipe: recipeOf(record),
  }));
  return {
    points: {
      columns: {
        N: column(({ N }) => N),
        D: column(({ record, tokensPerStep }) => record.step * tokensPerStep),
        C: column(({ record, tokensPerStep, flopsPerToken }) => record.step * tokensPerStep * flopsPerToken),
        U: column(({ unique }) => unique),
        B: column(({ tokensPerStep }) => tokensPerStep),
        S: column(({ record }) => record.step),
        lr: column(({ record }) => record.spec.optimizer.lr),
        loss: column(({ loss }) => loss),
      },
      runs: rows.map(({ key }) => key),
      rowNames: rows.map(({ label }) => `run ${label}`),
    },
    rows,
    notes: [
      ...(used.length === 0 ? [] : [`${countingWords(counting)} The loss is ${held ? HELD : TRAINED}.`]),
      ...(!held && used.some(({ record }) => record.summary.validationNats !== null)
        ? ['Some runs have a held-out loss and others none, so the training loss stands for all.']
        : []),
      ...notes,
    ],
  };
}

const HELD = 'the held-out one at the end';
const TRAINED = 'the smoothed training loss at the end';

/** What N and C count, as a sentence. */
export function countingWords({ parameters, flops, attention, head }: CountingChoice): string {
  const own = `N counts ${COUNTED_WORDS[parameters]}`;
  if (flops === '6N') return `${own}, C is 6 N D.`;
  const attended = { full: 'with attention', causal: 'with attention under its mask', none: 'without attention' }[attention];
  return `${own}, C counts every matmul ${attended} and ${head ? 'with' : 'without'} the last layer.`;
}

/** Runs whose end is a measurement, and why others are left out, in sentences. */
export function finishedOf(
  runs: readonly RunRecord[],
  counting: CountingChoice,
): { readonly counted: readonly CountedRun[]; readonly notes: readonly string[] } {
  const counted: CountedRun[] = [];
  const choice = JSON.stringify(counting);
  const left = { diverged: 0, training: 0, unfinished: 0, uncounted: 0, repeated: 0 };
  const seen = new Set<string>();
  for (const record of runs) {
    const { state, summary, data, counts } = record;
    if (summary.divergedStep !== null) left.diverged += 1;
    else if (isActive(state)) left.training += 1;
    else if (state !== 'finished') left.unfinished += 1;
    else {
      const known = COUNTED.get(record);
      const own = known?.choice === choice ? known.run : data && counts && countOne(record, counting, data);
      COUNTED.set(record, { choice, run: own });
      if (own === null) {
        left.uncounted += 1;
        continue;
      }
      // The same run again has the same loss to the bit: one measurement.
      const twin = measurementOf(record);
      if (seen.has(twin)) left.repeated += 1;
      else counted.push(own);
      seen.add(twin);
    }
  }
  const data = new Set(counted.map(({ record }) => record.data?.contentHash)).size;
  const said = (count: number, one: string, many: string): string[] =>
    count === 0 ? [] : [`${count} ${count === 1 ? `run ${one} is` : `runs ${many} are`} left out.`];
  return {
    counted,
    notes: [
      ...(data < 2 ? [] : [`These are runs on ${data} different sets of data, and a law is of one: choose a sweep or a tag.`]),
      ...(left.training === 0
        ? []
        : [`${left.training} ${left.training === 1 ? 'run still trains' : 'runs still train'}: points come as they end.`]),
      ...said(left.diverged, 'that diverged', 'that diverged'),
      ...said(left.unfinished, 'that did not reach its end', 'that did not reach their end'),
      ...said(left.repeated, 'that repeats another, seed and all,', 'that repeat others, seeds and all,'),
      ...said(left.uncounted, 'whose spec this build cannot count', 'whose specs this build cannot count'),
    ],
  };
}

/** What the last counting made of a record: every fit counts all runs several times. */
const COUNTED = new WeakMap<RunRecord, { readonly choice: string; readonly run: CountedRun | null }>();

/** Equal for the same run of the same data. */
const measurementOf = perRecord(({ spec, data, step }) => `${runIdOf(spec)} ${data?.contentHash} ${step}`);

/** What runs of a sweep of rates or batches differ in, and what says nothing of their loss. */
const SWEPT = /^(name|seed\.|budget\.|eval\.|fusion|data\.(batch|gradAccum)$|optimizer\.lr$|schedule\.warmupSteps$)/;
const RECIPE: readonly SpecPath[] = SPEC_PATHS.filter((path) => !SWEPT.test(path));

const recipeOf = perRecord(({ spec, data }) =>
  JSON.stringify([data?.contentHash, ...RECIPE.map((path) => getField(spec, path) ?? getField(defaultSpec, path))]),
);

/** Records do not change: what follows from one is made once. */
function perRecord(make: (record: RunRecord) => string): (record: RunRecord) => string {
  const known = new WeakMap<RunRecord, string>();
  return (record) => {
    const text = known.get(record) ?? make(record);
    known.set(record, text);
    return text;
  };
}

function countOne(
  record: RunRecord,
  counting: CountingChoice,
  { vocab, trainTokens }: NonNullable<RunRecord['data']>,
): CountedRun | null {
  try {
    const { parameters, flopsPerToken, tokens, uniqueTokens, steps } = countRun(
      record.spec,
      { vocab, trainTokens, steps: record.step },
      counting,
    );
    if (!(parameters > 0 && flopsPerToken > 0 && steps > 0)) return null;
    return { record, N: parameters, flopsPerToken, tokensPerStep: tokens / steps, unique: uniqueTokens ?? Number.NaN };
  } catch {
    // A record of another build, whose spec lacks what is counted here.
    return null;
  }
}
