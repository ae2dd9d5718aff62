import { isBudget, type Allocation, type Estimate, type NearSize, type PlanLaw } from '../lab/index.ts';
import { count, si } from './format.ts';

/** Three digits, as many as a plan is worth: `433 k`. */
export function amountWords(value: number): string {
  return value < 1000 ? count(value) : si(value, '');
}

/** `390 k to 480 k`, or why there is no interval. */
export function intervalWords({ interval }: Estimate, words: (value: number) => string, none: string): string {
  return interval === null ? none : `${words(interval[0])} to ${words(interval[1])}`;
}

/** Where intervals come from, or why there are none. */
export function certaintyWords({ N }: Allocation, { certainty }: PlanLaw): string {
  return N.interval === null ? certainty.none : certainty.interval;
}

/** `2 layers x 64, 4 heads: 112,128 parameters, 1.2 % more`. */
export function sizeWords({ layers, width, heads, parameters, difference }: NearSize): string {
  const share = Math.abs(100 * difference);
  const off = share < 0.05 ? 'just that' : `${share.toFixed(1)} % ${difference > 0 ? 'more' : 'fewer'}`;
  const blocks = layers === 1 ? '1 layer' : `${layers} layers`;
  return `${blocks} × ${width}, ${heads === 1 ? '1 head' : `${heads} heads`}: ${count(parameters)} parameters, ${off}`;
}

/** Why an amount is none; empty where it is one. @param what of what, and an example. */
export function amountFault(amount: number, what: string): string {
  return isBudget(amount) ? '' : `Not a number of ${what}.`;
}

/** That the law which was chosen is not there; empty where it is. */
export function missingLawWords(chosen: string, { id, title }: PlanLaw): string {
  return chosen === '' || chosen === id
    ? ''
    : `The fit of your own that was chosen is not there: its points give none, or are not fitted yet. The plan is by ${title}.`;
}
