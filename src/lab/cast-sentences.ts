import { unreachable } from '../base/errors.ts';
import { floatOf, type CastMode, type Format } from '../numerics/index.ts';
import type { CastSteps } from './cast-steps.ts';
import { codeHex, codeKind } from './formats.ts';
import { numberWords, power } from './number-words.ts';

/** The verdict of a cast in a word or two. */
export function castVerdict({ kind, half, outcomes, scaledWord }: CastSteps, format: Format): string {
  const [first, second] = outcomes;
  if (kind === 'exact' || kind === 'zero') return 'exact';
  if (kind === 'nan') return 'NaN';
  if (kind === 'inf') return 'infinite';
  if (kind === 'negative') return 'no sign';
  if (kind === 'clamped') return 'too small';
  if (kind === 'overflow') return first !== undefined && codeKind(first.code, format) === 'normal' ? 'saturates' : 'overflows';
  if (second !== undefined) return 'up or down';
  const up = Math.abs(first?.value ?? 0) > Math.abs(floatOf(scaledWord));
  const way = first?.value === 0 ? 'underflows' : up ? 'rounds up' : 'rounds down';
  return half === 'tie' ? `tie, ${way}` : way;
}

/** Why a cast gives what it gives, as sentences. Up and down are of the magnitude. */
export function castSentences(steps: CastSteps, format: Format, mode: CastMode): readonly string[] {
  const [first] = steps.outcomes;
  const kind = first === undefined ? 'nan' : codeKind(first.code, format);
  const end = {
    nan: 'NaN',
    inf: 'Inf',
    zero: '0',
    normal: `the maximum, ${numberWords(format.maxValue)}`,
    subnormal: 'a subnormal number',
  }[kind];
  switch (steps.kind) {
    case 'nan':
      return [
        kind === 'nan'
          ? 'NaN stays NaN, the quiet one of its sign.'
          : `The format has no NaN: it becomes ${end}, as CUDA has it.`,
      ];
    case 'inf':
      return [
        kind === 'inf'
          ? 'Infinity stays infinity.'
          : `Infinity becomes ${end}${mode.saturate ? ', because the cast saturates' : ''}.`,
      ];
    case 'negative':
      return ['A scale has no sign: a negative number becomes NaN.'];
    case 'clamped':
      return [`A scale has no zero: what is below ${power(-format.bias)} becomes code ${codeHex(0, format)}, the smallest.`];
    case 'zero':
      return ['Zero is exact, and keeps its sign.'];
    case 'overflow':
      return [
        `Rounded, it lies beyond ${numberWords(format.maxValue)}, the largest number: it becomes ${end}${beyond(mode, kind)}.`,
      ];
    case 'exact':
      return [
        ...below(steps, format),
        steps.drop === 0 ? 'Every bit is kept.' : `The ${steps.drop} dropped bits are all 0: nothing is lost.`,
      ];
    case 'rounded':
      return [...below(steps, format), decision(steps, format, mode)];
    default:
      return unreachable(steps.kind);
  }
}

function beyond({ round, saturate }: CastMode, kind: string): string {
  if (kind === 'normal')
    return saturate
      ? ', because the cast saturates'
      : round === 'zero'
        ? ', for toward zero no number leaves the range'
        : ', for the format has neither Inf nor NaN';
  return ', because the cast does not saturate';
}

function below({ subnormal, drop }: CastSteps, { minNormal, mantissaBits }: Format): readonly string[] {
  if (!subnormal) return [];
  const more = drop - (23 - mantissaBits);
  return [
    `Below ${power(Math.log2(minNormal))}, the smallest normal number: ${more} more ${more === 1 ? 'bit is' : 'bits are'} dropped.`,
  ];
}

function decision({ half, drop, outcomes, scaledWord }: CastSteps, format: Format, { round }: CastMode): string {
  const [first, second] = outcomes;
  const places = `The ${drop} dropped bits`;
  if (second !== undefined)
    return `${places} are the probability of going up: random bits are added to them, and a carry moves to the next code.`;
  if (round === 'zero') return `${places} are cut off: toward zero.`;
  if (round === 'stochastic') return `${places} are too small a probability for 32 random bits: it goes down.`;
  const size = { exact: 'are 0', below: 'are less than half', tie: 'are exactly half', above: 'are more than half' }[half];
  const up = Math.abs(first?.value ?? 0) > Math.abs(floatOf(scaledWord));
  const way = up ? 'up, away from zero' : 'down, toward zero';
  const code = first === undefined ? '' : codeHex(first.code, format);
  const why =
    half === 'tie'
      ? format.mantissaBits === 0 && up
        ? `: a tie, which without mantissa bits goes to the larger, ${code}`
        : `: a tie, which goes to the even code ${code},`
      : `: it goes`;
  return (
    `${places} ${size} of the last place${why} ${half === 'tie' && format.mantissaBits === 0 && up ? '' : way}`.trimEnd() + '.'
  );
}
