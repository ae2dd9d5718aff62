import type { Allocation, Estimate, NearSize, Planned } from '../lab/index.ts';
import { count, nats } from './format.ts';

/** More than anybody will ever generate. */
const MOST_TOKENS = 1e30;

/** `433 k (390 k..480 k)`. */
export function estimateWords({ value, interval }: Estimate, words: (value: number) => string = count): string {
  return interval === null ? words(value) : `${words(value)} (${words(interval[0])}..${words(interval[1])})`;
}

/** Why there is no interval; empty where there is one. */
export function certaintyWords({ N }: Allocation): string {
  return N.interval === null
    ? 'No interval: published constants come without the fits that one needs.'
    : 'In brackets: 90 % intervals, from resamples of the runs that were fitted.';
}

/** `2 layers x 64, 4 heads: 112,128 parameters, 1.2 % more`. */
export function sizeWords({ layers, width, heads, parameters, difference }: NearSize): string {
  const share = Math.abs(100 * difference);
  const off = share < 0.05 ? 'just that' : `${share.toFixed(1)} % ${difference > 0 ? 'more' : 'fewer'}`;
  const blocks = layers === 1 ? '1 layer' : `${layers} layers`;
  return `${blocks} × ${width}, ${heads === 1 ? '1 head' : `${heads} heads`}: ${count(parameters)} parameters, ${off}`;
}

export function lossWords({ allocation }: Planned): string {
  return estimateWords(allocation.lossNats, nats);
}

/** Why a number of tokens of inference is none; empty where it is one. */
export function inferenceFault(tokens: number): string {
  return tokens > 0 && tokens <= MOST_TOKENS ? '' : 'Not a number of tokens above 0, such as 1e6.';
}
