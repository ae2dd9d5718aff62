import { parameterCount } from './counts.ts';
import { PRECISION_RULES } from './precision-rules.ts';
import type { Rule } from './rule.ts';
import { cooldownSteps } from './schedule.ts';
import { FIELDS } from './fields.ts';
import { headSize, kvHeadCount, mlpWidth, vocabSize } from './shapes.ts';
import { budgetKind, tokensPerStep, totalSteps } from './steps.ts';
import { numeral } from './words.ts';

/** 1.6 GB of f32 weights, gradients and two moments: beyond a lab of micro-models, and beyond what a tab is given. */
const MAX_PARAMETERS = 100e6;
/** Tokens of one micro-batch. */
const MAX_TOKENS = 2 ** 18;
/** Elements of the widest activation: 2 GiB of f32. What an adapter takes is less, and is found when memory is planned. */
const MAX_ACTIVATION = 2 ** 29;
/** Entries of a Markov source's transition table: 8 MB of f64. */
const MAX_TRANSITIONS = 2 ** 20;
const MAX_STEPS = FIELDS['budget.steps'].max;

const divisors = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0);

/** The members of a rising list on either side of x. */
function around(x: number, rising: readonly number[]): string {
  const below = rising.filter((y) => y < x).at(-1);
  const above = rising.find((y) => y > x);
  return [below, above].filter((y) => y !== undefined).join(' or ');
}

export const RULES: readonly Rule[] = [
  {
    marks: 'model.heads',
    reads: ['model.heads', 'model.width'],
    broken: ({ model: { heads, width } }) =>
      width % heads === 0
        ? undefined
        : {
            rule: 'heads do not divide width',
            got: `${heads} heads for width ${width}`,
            expected: 'a divisor of the width',
            cure: `Take ${around(heads, divisors(width))} heads, or width ${Math.ceil(width / heads) * heads}.`,
          },
  },
  {
    marks: 'model.kvHeads',
    reads: ['model.kvHeads', 'model.heads'],
    broken: ({ model }) =>
      model.heads % kvHeadCount(model) === 0
        ? undefined
        : {
            rule: 'key and value heads do not divide heads',
            got: `${kvHeadCount(model)} for ${model.heads} heads`,
            expected: `one of ${divisors(model.heads).join(', ')}`,
            cure: 'Take a divisor of the heads, or null for as many as heads.',
          },
  },
  {
    marks: 'model.position',
    reads: ['model.position', 'model.heads', 'model.width'],
    broken: ({ model }) =>
      model.position !== 'rope' || model.width % model.heads !== 0 || headSize(model) % 2 === 0
        ? undefined
        : {
            rule: 'RoPE rotates pairs of channels, and the head size is odd',
            got: `width ${model.width} / ${model.heads} heads = ${headSize(model)}`,
            expected: 'an even head size',
            cure: `Take width ${model.heads * (headSize(model) + 1)}, or learned positions.`,
          },
  },
  {
    marks: 'data.markov.order',
    reads: ['data.markov.order', 'data.markov.symbols', 'data.source'],
    broken: ({ data: { source, markov } }) => {
      const entries = markov.symbols ** (markov.order + 1);
      if (source !== 'markov' || entries <= MAX_TRANSITIONS) return undefined;
      const order = Math.floor(Math.log(MAX_TRANSITIONS) / Math.log(markov.symbols) + 1e-9) - 1;
      return {
        rule: 'the table of transitions is too large',
        got: `${markov.symbols}^${markov.order + 1} entries`,
        expected: `${MAX_TRANSITIONS} at most`,
        cure: `Take order ${order} with ${markov.symbols} symbols, or fewer symbols.`,
      };
    },
  },
  {
    marks: 'data.batch',
    reads: ['data.batch', 'data.context'],
    broken: ({ data: { batch, context } }) =>
      batch * context <= MAX_TOKENS
        ? undefined
        : {
            rule: 'a micro-batch has too many tokens',
            got: `${batch} rows of ${context} tokens`,
            expected: `${MAX_TOKENS} tokens at most`,
            cure: `Take batch ${Math.floor(MAX_TOKENS / context)} and more gradient accumulation.`,
          },
  },
  {
    marks: 'data.batch',
    reads: ['data', 'model'],
    broken: ({ data, model }) => {
      const channels = Math.max(model.width * 3, mlpWidth(model) * 2, vocabSize({ data }));
      return data.batch * data.context > MAX_TOKENS || data.batch * data.context * channels <= MAX_ACTIVATION
        ? undefined
        : {
            rule: 'the widest activation is too large',
            got: `${data.batch * data.context} tokens x ${channels} channels`,
            expected: `${MAX_ACTIVATION} numbers at most`,
            cure: `Take batch ${Math.max(1, Math.floor(MAX_ACTIVATION / channels / data.context))} and more gradient accumulation.`,
          };
    },
  },
  {
    marks: 'model.width',
    reads: ['data', 'model'],
    broken: (spec) => {
      const { total } = parameterCount(spec);
      return total <= MAX_PARAMETERS
        ? undefined
        : {
            rule: 'the model is too large',
            got: `${Math.round(total)} parameters`,
            expected: `${numeral(MAX_PARAMETERS)} at most`,
            cure: 'Take fewer layers, less width or fewer merges.',
          };
    },
  },
  {
    marks: ({ budget }) => `budget.${budgetKind(budget)}`,
    reads: ['budget', 'data', 'model'],
    broken: (spec) => {
      const steps = totalSteps(spec);
      return steps <= MAX_STEPS
        ? undefined
        : {
            rule: 'the run is too long',
            got: `${steps} steps of ${tokensPerStep(spec)} tokens`,
            expected: `${numeral(MAX_STEPS)} steps at most`,
            cure: 'Take a smaller budget or a larger batch.',
          };
    },
  },
  {
    marks: 'schedule.warmupSteps',
    reads: ['schedule', 'budget', 'data', 'model'],
    broken: (spec) => {
      const steps = totalSteps(spec);
      return spec.schedule.warmupSteps < steps
        ? undefined
        : {
            rule: 'the warm-up is not shorter than the run',
            got: `${spec.schedule.warmupSteps} warm-up steps of ${steps}`,
            expected: `${steps - 1} at most`,
            cure: `Set schedule.warmupSteps to ${Math.floor(steps / 20)}, or train longer.`,
          };
    },
  },
  {
    marks: 'schedule.cooldown',
    reads: ['schedule', 'budget', 'data', 'model'],
    broken: (spec) => {
      const steps = totalSteps(spec);
      const { kind, warmupSteps } = spec.schedule;
      const cooling = cooldownSteps(spec.schedule, steps);
      return kind !== 'wsd' || warmupSteps >= steps || warmupSteps + cooling <= steps
        ? undefined
        : {
            rule: 'warm-up and cooldown overlap',
            got: `${warmupSteps} + ${cooling} of ${steps} steps`,
            expected: `${steps} at most`,
            cure: `Set schedule.cooldown to ${Math.floor((100 * (steps - warmupSteps)) / steps) / 100} or less, or warm up for fewer steps.`,
          };
    },
  },
  ...PRECISION_RULES,
];
