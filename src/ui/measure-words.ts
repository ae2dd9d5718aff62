import { cellWords, type MapMeasure } from '../lab/index.ts';
import { shareWords } from './compare-heat.ts';
import { whole } from './format.ts';

const NAMES: { readonly [M in MapMeasure]: string } = {
  underflow: 'Underflow',
  overflow: 'Overflow',
  sqnrDb: 'SQNR',
  mse: 'Mean square error',
  scale: 'Scale',
  amax: 'amax',
  nonFinite: 'Not finite',
};

const HELP: { readonly [M in MapMeasure]: string } = {
  underflow: 'Share of the nonzero elements that the cast makes 0.',
  overflow: 'Share of the elements beyond the range of the format, which saturate.',
  sqnrDb: 'Signal over quantisation noise: about 31 dB for E4M3 and 25 dB for E5M2 where range is no problem.',
  mse: 'Mean square error of the cast, in the tensor’s own units.',
  scale: 'What the tensor is multiplied by before the cast.',
  amax: 'Largest magnitude of the tensor.',
  nonFinite: 'Elements that are NaN or infinite.',
};

export function measureWords(measure: MapMeasure): string {
  return NAMES[measure];
}

/** What a measure is, in a sentence. */
export function measureHelp(measure: MapMeasure): string {
  return HELP[measure];
}

/** `31.4 dB`, `exact`. */
export function decibels(value: number): string {
  if (Number.isNaN(value)) return '—';
  return Number.isFinite(value) ? `${value.toFixed(1)} dB` : value > 0 ? 'exact' : '−∞ dB';
}

/** A value of a measure with its unit; NaN is a dash. */
export function measureValue(measure: MapMeasure, value: number): string {
  if (Number.isNaN(value)) return '—';
  switch (measure) {
    case 'underflow':
    case 'overflow':
      return shareWords(value);
    case 'sqnrDb':
      return decibels(value);
    case 'nonFinite':
      return whole(value);
    case 'mse':
    case 'scale':
    case 'amax':
      return cellWords(Number(value.toPrecision(4)));
  }
}

/** `underflow 12 %`. */
export function readingWords(measure: MapMeasure, value: number): string {
  return `${NAMES[measure].replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase())} ${measureValue(measure, value)}`;
}
