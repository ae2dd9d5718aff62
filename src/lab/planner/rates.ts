import { lawNamed } from '../../laws/index.ts';
import type { RunSpec } from '../../spec/index.ts';

/** What tells learning rate and batch: published laws of both, or the settings as they are. */
export const RATE_RULES = ['step-law', 'critical-batch', 'settings'] as const;
export type RateRule = (typeof RATE_RULES)[number];

export interface Rates {
  readonly learningRate: number;
  /** Rows of a micro-batch. */
  readonly batch: number;
  /** Where both come from, and how far from what they were measured on that is. */
  readonly words: string;
}

/** Li et al., abstract and section 3: 60 million to 1 billion parameters. */
const STEP_LAW_LEAST = 60e6;
/** Zhang et al., section 2: 85 million to 1.2 billion parameters, sequences of 512 tokens. */
const ZHANG_LEAST = 85e6;
const ZHANG_CONTEXT = 512;
const MOST_ROWS = 4096;
/** Learning rates above it are no use to AdamW. */
const HIGH = 0.1;

/** Learning rate and batch for a model of N parameters on D tokens. */
export function ratesFor(rule: RateRule, base: RunSpec, N: number, D: number): Rates {
  const { lr } = base.optimizer;
  switch (rule) {
    case 'step-law': {
      const learningRate = predict('step-law', { N, D });
      const batch = rowsOf(base, predict('step-law-batch', { D }));
      const high = learningRate > HIGH ? ' So high a rate makes most models diverge: try smaller ones beside it.' : '';
      const words = `Step Law: lr = 1.79 N^-0.713 D^0.307, batch = 0.58 D^0.571 tokens. ${far(N, STEP_LAW_LEAST)}${high}`;
      return { learningRate, batch, words };
    }
    case 'critical-batch': {
      const batch = rowsOf(base, predict('zhang-batch', { N }) * ZHANG_CONTEXT);
      const words =
        `Critical batch size (Zhang et al.): 93.2 (N / 10^6)^0.468 sequences of ${ZHANG_CONTEXT} tokens, the largest batch that wastes ` +
        `little; the learning rate stays as it is set. ${far(N, ZHANG_LEAST)}`;
      return { learningRate: lr, batch, words };
    }
    case 'settings':
      return { learningRate: lr, batch: base.data.batch, words: 'As they are set on the Train page.' };
  }
}

function predict(id: string, at: Readonly<Record<string, number>>): number {
  const law = lawNamed(id);
  return law.predict(law.constants[0]?.params ?? {}, at);
}

/** Rows of a micro-batch with so many tokens in a step: a power of two below 8 rows, a multiple of 8 above. */
function rowsOf({ data }: RunSpec, tokens: number): number {
  const rows = tokens / data.context / data.gradAccum;
  const round = rows < 8 ? 2 ** Math.round(Math.log2(Math.max(1, rows))) : 8 * Math.round(rows / 8);
  return Math.min(MOST_ROWS, round);
}

function far(N: number, least: number): string {
  const times = least / N;
  if (times <= 1) return '';
  return `N is ${Number(times.toPrecision(2)).toLocaleString('en')} times smaller than the smallest model that it was measured on${times > 10 ? ': a guess to start from' : ''}.`;
}
