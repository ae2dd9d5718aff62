import { basename } from 'node:path';
import { SpecError } from '../base/errors.ts';
import {
  allocating,
  allocationOf,
  fitReport,
  fitting,
  inSlices,
  lawNamed,
  LAWS,
  readPoints,
  rollingOut,
  type Fit,
  type FitOptions,
  type FitReport,
  type Law,
  type Params,
  type Points,
} from '../laws/index.ts';
import type { ParametersCounted } from '../spec/index.ts';
import type { Command } from './command.ts';
import { count, significant, table } from './format.ts';
import { COUNTED, pointsAt } from './sweep-points.ts';
import { fail, readWords, wholeNumber } from './words.ts';

const MOST = 1_000_000;
const PROCEDURES = ['chinchilla-envelope', 'chinchilla-isoflop'] as const;
type Procedure = (typeof PROCEDURES)[number];

export const fit: Command = {
  usage:
    'fit LAW POINTS.csv|DIR [--loss NAME] [--bootstrap N] [--starts N] [--seed N] [--tied] [--fix NAME=VALUE,...] [--holdout FLOPS] [--json]',
  summary: 'fits a scaling law to measured points, with intervals',
  help: `Reads points by the names of their columns and prints parameters, 90 % intervals, the objective reached, how many starts agree, and in words
what the points do not tell. Rows of one run, named in a column run, are resampled together.

  LAW          ${fitted()
    .map(({ id, columns, target }) => `${id} (${columnsOf(columns.map(({ name }) => name))}, ${target})`)
    .join('\n               ')}
  POINTS.csv   a folder of sweep --out, whose runs that have finished are the points; or a file of cells separated by commas, semicolons or tabs; C, D, N and M are worked out from the others by C = 6 N D and M = D / N;
               for approaches 1 and 2, C of a folder counts every matmul, and D = C / (k N) with the k of the points
  --loss       huber:1e-3, the default, or another threshold, lad, ls-log (all of ln L), or ls; objectives are sums
  --bootstrap  resamples of runs for percentile intervals; without it they are of the profile likelihood
  --starts     200 when left out
  --seed       of starts and resamples; 0 when left out
  --tied       one exponent for size and data
  --fix        parameters that keep a value, as in E=1.69,alpha=0.34; their intervals are that value
  --holdout    points of more FLOPs C than this are held out: the law is also fitted to the others alone and foretells these, and the error of that is told
  --count      of the runs of a folder, N counts all parameters, the default, or non-embedding ones, or those of blocks
  --json       one JSON object: law, loss, objective, params, intervals, starts, points, warnings, and heldOut with --holdout. An end of an interval that
               nothing bounds is null, and there is a warning for it`,
  run: async (argv, io) => {
    const flags = {
      loss: 'value',
      bootstrap: 'value',
      starts: 'value',
      seed: 'value',
      fix: 'value',
      count: 'value',
      holdout: 'value',
      tied: 'switch',
      json: 'switch',
    } as const;
    const words = readWords(argv, flags, ['LAW', 'POINTS.csv']);
    const [id = '', path = ''] = words.operands;
    const number = (flag: 'bootstrap' | 'starts' | 'seed', otherwise: number, min: number, max = MOST): number => {
      const text = words.value(flag);
      return text === undefined ? otherwise : wholeNumber(`--${flag}`, text, { min, max });
    };
    const options = {
      loss: words.value('loss') ?? 'huber:1e-3',
      bootstrap: number('bootstrap', 0, 0),
      starts: number('starts', 200, 1),
      seed: number('seed', 0, 0, 0xffffffff),
      tied: words.has('tied'),
      fixed: fixedOf(words.value('fix')),
    };
    const law = fittedNamed(id);
    const procedure = PROCEDURES.find((name) => name === id);
    if (procedure !== undefined)
      for (const flag of ['loss', 'starts', 'tied', 'fix', 'holdout'] as const)
        if (words.has(flag))
          throw new SpecError({ where: `--${flag}`, rule: `law ${id} is fitted without it`, cure: 'Leave it out.' });
    const counted = countedNamed(words.value('count') ?? 'all');
    const limit = limitOf(words.value('holdout'));
    const { text, notes } = pointsAt(path, counted, procedure !== undefined || limit !== null);
    const points = readPoints(text, limit === null ? law : withCompute(law), basename(path));
    return io.interruptible(async (signal) => {
      try {
        const work = procedure === undefined ? fitting(law, points, options) : allocating(procedure, points, options);
        const found = await inSlices<unknown, Fit | FitReport>(work, { signal, sliceMs: 200 });
        const plain = isReport(found) ? reportOf(found) : fitReport(found);
        const heldOut = limit === null ? null : await holdOut(law, points, limit, options, signal);
        const report = { ...plain, warnings: [...notes, ...plain.warnings] };
        const whole = heldOut === null ? report : { ...report, heldOut };
        io.out(words.has('json') ? `${JSON.stringify(whole)}\n` : reportText(law, report, found, heldOut));
        return 0;
      } catch (error) {
        if (signal.aborted) return Number(signal.reason);
        throw error;
      }
    });
  },
};

/** @throws UsageError */
function countedNamed(name: string): ParametersCounted {
  return (
    COUNTED.find((one) => one === name) ??
    fail({ where: '--count', rule: 'N is not counted so', got: name, expected: COUNTED.join(', ') })
  );
}

/** How well the law foretells points that it was not fitted to, as the Laws page has it too. */
interface HeldOut {
  /** The column whose values are held against the limit. */
  readonly column: 'C';
  readonly limit: number;
  /** Points that were fitted, and what share of their variance that explains. */
  readonly fitted: number;
  readonly r2: number;
  /** The points above the limit, by their place among all. `relative`: predicted over measured less 1. */
  readonly held: readonly {
    readonly row: number;
    readonly measured: number;
    readonly predicted: number;
    readonly relative: number;
  }[];
  /** Root of the mean square of the relative errors. */
  readonly error: number;
  readonly warnings: readonly string[];
}

async function holdOut(law: Law, points: Points, limit: number, options: FitOptions, signal: AbortSignal): Promise<HeldOut> {
  // Nobody sees its intervals: no resamples.
  const work = rollingOut(law, points, { column: 'C', limit }, { ...options, bootstrap: 0 });
  const { fit: below, r2, held, error, warnings } = await inSlices(work, { signal, sliceMs: 200 });
  return { column: 'C', limit, fitted: below.points, r2, held, error, warnings };
}

/** A law whose points must have C, or what gives it. */
function withCompute(law: Law): Law {
  if (law.columns.some(({ name }) => name === 'C')) return law;
  return { ...law, columns: [...law.columns, { name: 'C', unit: 'FLOPs', meaning: 'training compute' }] };
}

/** Null where nothing is held out. @throws UsageError */
function limitOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const limit = Number(text);
  if (limit > 0 && limit < Infinity) return limit;
  return fail({ where: '--holdout', rule: 'it is no number of FLOPs', got: text, expected: 'a number above 0 such as 1e13' });
}

/** `E=1.69,alpha=0.34` as parameters. @throws UsageError */
function fixedOf(text: string | undefined): Params {
  const parts = text === undefined ? [] : text.split(',');
  const fixed: Record<string, number> = {};
  for (const part of parts) {
    const [name = '', value = '', more] = part.split('=').map((word) => word.trim());
    const number = value === '' ? NaN : Number(value);
    if (name === '' || more !== undefined || !Number.isFinite(number) || fixed[name] !== undefined)
      fail({ where: '--fix', rule: 'it gives no parameter a value', got: part, expected: 'NAME=VALUE, separated by commas' });
    fixed[name] = number;
  }
  return fixed;
}

function fitted(): Law[] {
  return LAWS.filter((law) => law.model !== null || isProcedure(law.id));
}

function isProcedure(id: string): id is Procedure {
  return PROCEDURES.some((name) => name === id);
}

function fittedNamed(id: string): Law {
  const laws = fitted();
  const calculated = LAWS.some((row) => row.id === id) && !laws.some((row) => row.id === id);
  if (!calculated) return lawNamed(id, laws);
  throw new SpecError({
    where: 'law',
    rule: 'it is calculated, not fitted',
    got: id,
    expected: laws.map((row) => row.id).join(', '),
  });
}

function columnsOf(names: readonly string[]): string {
  return names.includes('S1') ? 'step, lr' : names.join(', ');
}

function isReport(found: Fit | FitReport): found is FitReport {
  return typeof found.law === 'string';
}

/** Nothing but what the report promises. */
function reportOf({ law, loss, objective, params, intervals, starts, points, warnings }: FitReport): FitReport {
  return { law, loss, objective, params, intervals, starts, points, warnings };
}

function reportText(law: Law, report: FitReport, found: Fit | FitReport, heldOut: HeldOut | null): string {
  const rows = law.parameters.map(({ name, unit, meaning }) => {
    const [lo = null, hi = null] = report.intervals[name] ?? [];
    // A procedure without resamples has no interval, while nothing bounds an open end of a law's.
    const none = isProcedure(report.law) && lo === null && hi === null;
    const end = (value: number | null, sign: string): string =>
      none ? 'not computed' : value === null ? `${sign}Inf` : significant(value, 5);
    return [name, significant(report.params[name] ?? NaN, 6), end(lo, '-'), end(hi, ''), unit, meaning];
  });
  const { total, agree } = report.starts;
  const facts = [
    ['objective', `${report.objective.toPrecision(10)} (${report.loss}, summed over ${count(report.points)} points)`],
    ...(isReport(found) || Number.isNaN(found.r2) ? [] : [['R2', found.r2.toFixed(4)]]),
    ...(total > 1 ? [['starts', `${count(agree)} of ${count(total)} agree`]] : []),
    ...(heldOut === null ? [] : [['held-out error', heldOutWords(heldOut)]]),
    ...(report.law === 'chinchilla' ? [['compute-optimal', optimumWords(report)]] : []),
  ];
  const titles = ['', 'value', '90 % from', 'to', '', ''];
  const head = `${law.title}: ${law.formula}\n\n`;
  const notes = [...report.warnings, ...(heldOut?.warnings ?? [])].map((warning) => `${warning}\n`).join('');
  return `${head}${table([titles, ...rows], (column) => column > 0 && column < 4)}\n${table(facts)}${notes === '' ? '' : `\n${notes}`}`;
}

function heldOutWords({ error, held, limit, fitted: below, r2 }: HeldOut): string {
  const points = `${count(held.length)} ${held.length === 1 ? 'point' : 'points'}`;
  const explained = Number.isNaN(r2) ? '' : ` with an R2 of ${r2.toFixed(4)}`;
  return `${(100 * error).toPrecision(3)} % over ${points} above ${limit.toPrecision(3)} FLOPs, fitted on ${count(below)} below${explained}`;
}

function optimumWords({ params }: FitReport): string {
  const { G, a, b } = allocationOf(params);
  return `N = ${significant(G, 4)} (C/6)^${significant(a, 4)}, D = ${significant(1 / G, 4)} (C/6)^${significant(b, 4)}`;
}
