import { HISTOGRAM_BINS, HISTOGRAM_FIRST_EXPONENT } from '../../../src/base/probe.ts';
import { bitsOf, decode, floatOf, formatNamed } from '../../../src/numerics/index.ts';
import { accrue, el, input, tensor, textOf } from '../tensor.ts';
import type { Reference } from '../tensor.ts';

/** Zeros, non-finite, bits of the largest finite |x|, and elements by floor(log2 |x|) from 2^-72 up. */
const tensorStats: Reference = (inputs) => {
  const x = input(inputs, 0);
  const words = tensor([3 + HISTOGRAM_BINS]);
  let amax = 0;
  for (const value of x.data) {
    if (value === 0) accrue(words.data, 0, 1);
    else if (!Number.isFinite(value)) accrue(words.data, 1, 1);
    else {
      amax = Math.max(amax, Math.abs(value));
      // Math.log2 may round up just below a power of two.
      let exponent = Math.round(Math.log2(Math.abs(value)));
      if (2 ** exponent > Math.abs(value)) exponent -= 1;
      const bin = Math.min(HISTOGRAM_BINS - 1, Math.max(0, exponent - HISTOGRAM_FIRST_EXPONENT));
      accrue(words.data, 3 + bin, 1);
    }
  }
  words.data[2] = bitsOf(amax);
  return [words];
};

/** Inputs x, its statistics, codes, values and, for a cast with a scale, scales. Gives counts and sums. */
const castError: Reference = (inputs, attrs) => {
  const [x, stats, codes, values] = [0, 1, 2, 3].map((i) => input(inputs, i).data);
  if (x === undefined || stats === undefined || codes === undefined || values === undefined)
    throw new RangeError('too few inputs');
  const format = formatNamed(textOf(attrs, 'format'));
  const top = floatOf(decode(format.maxMagnitude, format));
  const step = top - floatOf(decode(format.maxMagnitude - 1, format));
  const limit = Math.fround(1 + step / 2 / top);
  const exponent = Math.min(253, Math.max(1, el(stats, 2) >>> 23)) - 127;
  const counts = tensor([5], [0, 0, 0, exponent + 127, inputs[4] === undefined ? bitsOf(1) : el(inputs[4].data, 0)]);
  const sums = tensor([2]);
  x.forEach((element, i) => {
    if (!Number.isFinite(element)) return;
    const value = el(values, i);
    accrue(sums.data, 0, (element / 2 ** exponent) ** 2);
    if (!Number.isFinite(value)) {
      accrue(counts.data, 1, 1);
      accrue(counts.data, 2, 1);
      return;
    }
    accrue(sums.data, 1, ((element - value) / 2 ** exponent) ** 2);
    if (element !== 0 && value === 0) accrue(counts.data, 0, 1);
    const isTop = el(codes, i) % 2 ** format.signShift === format.maxMagnitude;
    if (isTop && Math.abs(element) > Math.fround(Math.abs(value) * limit)) accrue(counts.data, 1, 1);
  });
  return [counts, sums];
};

const readPack: Reference = (inputs) => {
  const { shape, data } = input(inputs, 0);
  return [tensor(shape, data)];
};

export const tensorStatsReferences = { tensor_stats: tensorStats, cast_error: castError, read_pack: readPack } satisfies Record<
  string,
  Reference
>;
