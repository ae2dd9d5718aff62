import { choiceIn, refusedSetting } from '../query-settings.ts';
import { OWN_LAWS, publishedLaws } from './law.ts';
import { MOST_FLOPS, type PlanSettings } from './planner.ts';
import { RATE_RULES } from './rates.ts';

/** What the planner is asked, as the page's link has it. */
export interface PlanView extends PlanSettings {
  /** The law's id; empty: the first that there is, one's own before others. */
  readonly law: string;
  /** Whether the budget pays for inference too. */
  readonly inference: boolean;
}

export const PLAN_START: PlanView = {
  unit: 'flops',
  flops: 1e12,
  minutes: 10,
  law: '',
  rates: 'own',
  inference: false,
  inferenceTokens: 1e6,
};

export const PLAN_KEYS = ['budget', 'by', 'rates', 'inference'] as const;
type PlanKey = (typeof PLAN_KEYS)[number];

const MINUTES = 'min';

/** Each setting as the link has it. Of a budget the unit that is chosen, of tokens of inference those that are paid for. */
export function planWritten(plan: PlanView): { readonly [K in PlanKey]: string } {
  return {
    budget: plan.unit === 'flops' ? brief(plan.flops) : `${brief(plan.minutes)}${MINUTES}`,
    by: plan.law,
    rates: plan.rates,
    inference: plan.inference ? brief(plan.inferenceTokens) : '',
  };
}

/** @throws SpecError for the first setting whose value makes no sense. */
export function planViewOf(query: URLSearchParams, page: string): PlanView {
  const budget = query.get('budget') ?? planWritten(PLAN_START).budget;
  const minutes = budget.endsWith(MINUTES);
  const amount = numberOf(minutes ? budget.slice(0, -MINUTES.length) : budget);
  if (!isBudget(amount)) throw refusedSetting(page, 'budget', budget, 'FLOPs as in 1e12 or minutes as in 10min');
  const inference = query.get('inference') ?? '';
  const tokens = inference === '' ? PLAN_START.inferenceTokens : numberOf(inference);
  if (!isBudget(tokens)) throw refusedSetting(page, 'inference', inference, 'a number of tokens');
  const laws = ['', ...OWN_LAWS, ...publishedLaws().map(({ id }) => id)];
  return {
    unit: minutes ? 'minutes' : 'flops',
    flops: minutes ? PLAN_START.flops : amount,
    minutes: minutes ? amount : PLAN_START.minutes,
    law: choiceIn(page, query, 'by', laws, ''),
    rates: choiceIn(page, query, 'rates', RATE_RULES, PLAN_START.rates),
    inference: inference !== '',
    inferenceTokens: tokens,
  };
}

/** Whether a number of FLOPs, minutes or tokens is one that can be planned for. */
export function isBudget(amount: number): boolean {
  return amount > 0 && amount <= MOST_FLOPS;
}

function numberOf(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text);
}

/** With every digit: `1e12`, `250000`. */
function brief(value: number): string {
  return value < 1e6 ? String(value) : value.toExponential().replace('e+', 'e');
}
