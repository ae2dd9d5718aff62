import { DTYPE_BITS } from '../graph/types.ts';
import type { Value } from '../graph/types.ts';
import { bitsOf } from '../numerics/bits.ts';
import { encode } from '../numerics/cast.ts';
import { formatNamed } from '../numerics/format.ts';
import type { Format } from '../numerics/format.ts';
import { isInHalf } from './matmul-view.ts';
import type { Codes, MatmulView } from './matmul-view.ts';
import { codeDtype, codeWord } from './quantize.ts';

/**
 * Word i of `input`, an operand as codes or the scales of one, when kernels are tried on made-up data. Of codes that half precision holds,
 * those of one operand are about as large as subnormals, so that an adapter that takes these for 0 gives another product, and the other
 * ones large enough to make up for it.
 */
export function operandWord({ a, b, aCodes, bCodes }: MatmulView, input: Value | undefined, i: number): number {
  const isA = input === a || (input !== b && input === aCodes?.scales);
  const codes = isA ? aCodes : bCodes;
  if (codes === undefined) return 0;
  const isScale = input === codes.scales;
  if (aCodes === undefined || bCodes === undefined || !isInHalf(aCodes) || !isInHalf(bCodes)) {
    return codeWord(codes.cast, isScale, i);
  }
  const [own, other] = isA ? [formatOf(aCodes), formatOf(bCodes)] : [formatOf(bCodes), formatOf(aCodes)];
  const isSmall = isA ? own.minNormal <= other.minNormal : own.minNormal < other.minNormal;
  const small = Math.log2(Math.min(own.minNormal, other.minNormal));
  const large = Math.min(-small, (isSmall ? other : own).emax - 1);
  // Not 1, so that one that is left out is seen, and powers of two, for the cast may promise them.
  if (isScale) return bitsOf(isSmall ? 0.5 : 4 * 2 ** -(small + large));
  return codesAround(own, isSmall ? small : large, i);
}

function formatOf({ cast }: Codes): Format {
  return formatNamed(cast.format);
}

/** A word of codes of numbers between -2 and 2 times 2^exponent. */
function codesAround(format: Format, exponent: number, i: number): number {
  const bits = DTYPE_BITS[codeDtype(format)];
  let word = 0;
  for (let place = 0; place < 32; place += bits) {
    const quarters = ((Math.imul(32 * i + place + 1, 0x9e3779b1) >>> 0) % 17) - 8;
    word = (word | (encode(bitsOf((quarters / 4) * 2 ** exponent), format) << place)) >>> 0;
  }
  return word;
}
