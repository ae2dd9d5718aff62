import { lawNamed, powerFit } from '../../laws/index.ts';
import type { RunSpec } from '../../spec/index.ts';
import type { OwnOptima } from '../laws/optima.ts';
import { beyondWords } from './beyond.ts';
import { figure, ownBatch, ownRate, type Found } from './own-rates.ts';
import type { Estimate } from './plan.ts';

/** What tells learning rate and batch: one's own sweeps, published laws of both, or the settings as they are. */
export const RATE_RULES = ['own', 'step-law', 'critical-batch', 'settings'] as const;
export type RateRule = (typeof RATE_RULES)[number];

/** An estimate, and in a few words why it has no interval where it has none. */
export interface Rate extends Estimate {
  readonly none: string;
}

export interface Rates {
  readonly learningRate: Rate;
  /** Rows of a micro-batch. */
  readonly batch: Rate;
  /** Where both come from, in sentences. */
  readonly words: readonly string[];
  /** How far from what they were measured on that is, and what is missing. */
  readonly warnings: readonly string[];
}

/**
 * Li et al., arXiv 2503.04715: the dense grid that its constants were fitted to, as its repository step-law/steplaw has it, 214.7 million to
 * 1.07 billion parameters on 4 to 100 billion tokens.
 */
const STEP_LAW_RANGE = { N: [214.7e6, 1.074e9], D: [4e9, 100e9] } as const;
/**
 * Zhang et al., arXiv 2410.21676, section 2: 85 million to 1.2 billion parameters on sequences of 512 tokens, and the critical batches that
 * its published steps to a target give, in sequences.
 */
const ZHANG_SIZES = [85e6, 151e6, 302e6, 604e6, 1.2e9];
const ZHANG_BATCHES = [745.32, 955.16, 1393.73, 1888.52, 2533.41];
const ZHANG_CONTEXT = 512;
const MOST_ROWS = 4096;
/** Batches that are so many times apart have other best rates. */
const OTHER_BATCH = 2;
/** Learning rates above it are no use to AdamW. */
const HIGH = 0.1;
const SET = 'as it is set';
const UNPUBLISHED = 'no interval published';
const FEW = 'too few runs for an interval';
const HIGH_WORDS = 'So high a learning rate makes most models diverge: try smaller ones beside it.';

/** Learning rate and batch for a model of N parameters on D tokens. */
export function ratesFor(rule: RateRule, base: RunSpec, N: number, D: number, own: OwnOptima): Rates {
  const { lr } = base.optimizer;
  const set: Pick<Rates, 'learningRate' | 'batch'> = { learningRate: sure(lr, SET), batch: sure(base.data.batch, SET) };
  switch (rule) {
    case 'own':
      return ownRates(base, { N, D }, own, set);
    case 'step-law': {
      const learningRate = sure(predict('step-law', { N, D }), UNPUBLISHED);
      const tokens = sure(predict('step-law-batch', { D }), UNPUBLISHED);
      return {
        learningRate,
        batch: inRows(base, tokens),
        words: ['Step Law: lr = 1.79 N^-0.713 D^0.307, batch = 0.58 D^0.571 tokens. No interval published with these constants.'],
        warnings: [
          ...beyondWords(STEP_LAW_RANGE, { N, D }, 'that Step Law was fitted on'),
          ...highWords(learningRate),
          ...mostWords(base, tokens),
        ],
      };
    }
    case 'critical-batch': {
      const { interval = null } = powerFit(ZHANG_BATCHES, [ZHANG_SIZES])?.at([N]) ?? {};
      const tokens = scaled({ value: predict('zhang-batch', { N }), interval, none: UNPUBLISHED }, ZHANG_CONTEXT);
      return {
        ...set,
        batch: inRows(base, tokens),
        words: [
          `Critical batch size (Zhang et al.): 93.2 (N / 10^6)^0.468 sequences of ${ZHANG_CONTEXT} tokens, the largest batch that wastes ` +
            'little; its 90 % interval is that of a power law through the five sizes that were published. The learning rate stays as it is set.',
        ],
        warnings: [...beyondWords({ N: [85e6, 1.2e9] }, { N, D }, 'that it was measured on'), ...mostWords(base, tokens)],
      };
    }
    case 'settings':
      return { ...set, words: ['Learning rate and batch as they are set on the Train page.'], warnings: [] };
  }
}

/** What own sweeps cannot tell stays as it is set, and it is said why. */
function ownRates(
  base: RunSpec,
  at: { readonly N: number; readonly D: number },
  own: OwnOptima,
  set: Pick<Rates, 'learningRate' | 'batch'>,
): Rates {
  const [rate, batch] = [ownRate(own.rates, at), ownBatch(own, at)];
  const kept = 'It stays as it is set on the Train page.';
  const found = [rate, batch];
  const rows = batch.estimate === null ? set.batch : inRows(base, { ...batch.estimate, none: FEW });
  const high = rate.estimate === null ? [] : [...highWords(rate.estimate), ...otherBatchWords(base, rows, own)];
  const most = batch.estimate === null ? [] : mostWords(base, batch.estimate);
  return {
    learningRate: rate.estimate === null ? set.learningRate : { ...rate.estimate, none: FEW },
    batch: rows,
    words: found.flatMap((one) => (one.estimate === null ? [] : [one.words])),
    warnings: [
      ...found.flatMap((one: Found) => (one.estimate === null ? [`${one.why} ${kept}`] : one.warnings)),
      ...high,
      ...most,
    ],
  };
}

function sure(value: number, none: string): Rate {
  return { value, interval: null, none };
}

function scaled({ value, interval, none }: Rate, times: number): Rate {
  return { none, value: times * value, interval: interval === null ? null : [times * interval[0], times * interval[1]] };
}

function highWords({ value }: Estimate): string[] {
  return value > HIGH ? [HIGH_WORDS] : [];
}

function predict(id: string, at: Readonly<Record<string, number>>): number {
  const law = lawNamed(id);
  return law.predict(law.constants[0]?.params ?? {}, at);
}

/** Rates are of the batches that they were found at. */
function otherBatchWords({ data }: RunSpec, rows: Estimate, { rates }: OwnOptima): string[] {
  const found = [...(rates?.points.columns['B'] ?? [])];
  const tokens = Math.exp(found.reduce((sum, B) => sum + Math.log(B), 0) / found.length);
  const planned = rows.value * data.context * data.gradAccum;
  if (!(Math.max(planned / tokens, tokens / planned) > OTHER_BATCH)) return [];
  return [
    `Your best rates were found at batches of about ${figure(tokens)} tokens and the plan has ${figure(planned)}: how the rate moves with the batch is not told.`,
  ];
}

/** Rows of a micro-batch with so many tokens in a step; where those are more than a run takes, nothing says how sure the most are. */
function inRows(base: RunSpec, { value, interval, none }: Rate): Rate {
  const rows = rowsOf(base, value);
  if (rows > MOST_ROWS) return sure(MOST_ROWS, 'the most that a run takes');
  return { none, value: rows, interval: interval === null ? null : [rowsOf(base, interval[0]), rowsOf(base, interval[1])] };
}

function mostWords(base: RunSpec, { value }: Estimate): string[] {
  const rows = rowsOf(base, value);
  return rows > MOST_ROWS ? [`A batch of ${figure(rows)} rows is asked for, and a run takes ${figure(MOST_ROWS)} at most.`] : [];
}

/** A power of two below 8 rows, a multiple of 8 above. */
function rowsOf({ data }: RunSpec, tokens: number): number {
  const rows = tokens / data.context / data.gradAccum;
  return rows < 8 ? 2 ** Math.round(Math.log2(Math.max(1, rows))) : 8 * Math.round(rows / 8);
}
