// cast: number formats of at most 32 bits from and to the bits of f32, in u32 arithmetic; equal in every bit to src/numerics/cast.ts.
//
// Wholly integer, because WGSL fixes no rounding mode, may flush subnormals and may assume that there is no NaN.
// Comes after lib/philox, whose wide product it needs.
const CAST_NEAREST = 0u;
const CAST_ZERO = 1u;
const CAST_STOCHASTIC = 2u;

const F32_MAGNITUDE = 0x7fffffffu;
const F32_INFINITY = 0x7f800000u;
const F32_NAN = 0x7fc00000u;

// The fields of a Format in src/numerics/format.ts that say so.
struct CastFormat {
  mantissa_bits: u32,
  bias: i32,
  sign_shift: u32,
  max_magnitude: u32,
  overflow_magnitude: u32,
  nan_magnitude: u32,
  // E8M0: powers of two only.
  is_scale: bool,
}

// significand / 2^drop to nearest even, drop from 1.
fn cast_round_nearest(significand: u32, drop: u32) -> u32 {
  // With one bit to round by.
  let shift = drop - 1u;
  let halves = select(significand >> (shift & 31u), 0u, shift > 31u);
  let is_above = (halves << (shift & 31u)) != significand;
  return (halves >> 1u) + select(0u, halves & 1u, is_above || (halves & 2u) != 0u);
}

// significand / 2^drop as a whole number. Stochastic: up where the dropped bits and as many of the highest random ones carry; what
// lies beyond 32 dropped bits counts as 0.
fn cast_round_off(significand: u32, drop: u32, rounding: u32, random: u32) -> u32 {
  let is_wide = drop > 31u;
  var whole = select(significand >> (drop & 31u), 0u, is_wide);
  if (rounding == CAST_NEAREST) {
    whole = cast_round_nearest(significand, max(drop, 1u));
  }
  if (rounding == CAST_STOCHASTIC) {
    let rest = select(significand & ((1u << (drop & 31u)) - 1u), significand, is_wide);
    let width = min(drop, 32u);
    let kept = select(rest >> ((drop - width) & 31u), 0u, drop > 63u);
    let spare = (32u - width) & 31u;
    whole += select(0u, 1u, kept > (0xffffffffu >> spare) - (random >> spare));
  }
  return select(whole, significand, drop == 0u);
}

// significand with its top bit at 23, and the exponent field of an f32 without bounds: magnitude = x * 2^(y - 150). Of 0: x = 0.
fn cast_parts(magnitude: u32) -> vec2i {
  let field = magnitude >> 23u;
  let shift = countLeadingZeros(magnitude) - 8u;
  let normal = vec2i(i32((magnitude & 0x7fffffu) | 0x800000u), i32(field));
  return select(vec2i(i32(magnitude << (shift & 31u)), 1 - i32(shift)), normal, field > 0u);
}

fn cast_encode_scale(magnitude: u32, limit: u32, f: CastFormat, rounding: u32, random: u32) -> u32 {
  // Code 0 is 2^-127, bit 22 of an f32 subnormal.
  if (magnitude < 0x400000u) {
    return 0u;
  }
  let field = magnitude >> 23u;
  let fraction = select(magnitude & 0x7fffffu, (magnitude - 0x400000u) << 1u, field == 0u);
  let code = field + cast_round_off(fraction | 0x800000u, 23u, rounding, random) - 1u;
  return select(code, limit, code > f.max_magnitude);
}

// The code of an f32 word. `random` is read by stochastic rounding only.
fn cast_encode(word: u32, f: CastFormat, rounding: u32, saturate: bool, random: u32) -> u32 {
  let magnitude = word & F32_MAGNITUDE;
  let is_negative = word != magnitude;
  let limit = select(f.overflow_magnitude, f.max_magnitude, saturate);
  // Toward zero, no finite number leaves the range.
  let finite_limit = select(limit, f.max_magnitude, rounding == CAST_ZERO);
  if (f.is_scale) {
    if (magnitude > F32_INFINITY || (is_negative && magnitude != 0u)) {
      return f.nan_magnitude;
    }
    if (magnitude == F32_INFINITY) {
      return limit;
    }
    return cast_encode_scale(magnitude, finite_limit, f, rounding, random);
  }
  let sign = select(0u, 1u << f.sign_shift, is_negative);
  let parts = cast_parts(magnitude);
  // The exponent field it would have; below 1 it is subnormal and loses more bits.
  let wanted = parts.y - 127 + f.bias;
  let drop = 23u - f.mantissa_bits + u32(max(1 - wanted, 0));
  // The significand's top bit adds the one that is missing to the exponent field; a carry adds another.
  let rounded = (u32(max(wanted, 1) - 1) << f.mantissa_bits) + cast_round_off(u32(parts.x), drop, rounding, random);
  let is_beyond = wanted > i32(f.max_magnitude >> f.mantissa_bits) + 1 || rounded > f.max_magnitude;
  let number = select(select(rounded, finite_limit, is_beyond), limit, magnitude == F32_INFINITY);
  let nan_sign = select(0u, sign, f.nan_magnitude > f.max_magnitude);
  return select(sign | number, nan_sign | f.nan_magnitude, magnitude > F32_INFINITY);
}

// The f32 word of a code; every NaN is the quiet one of its sign.
fn cast_decode(code: u32, f: CastFormat) -> u32 {
  let magnitude = code & ((1u << f.sign_shift) - 1u);
  let sign = select(((code >> f.sign_shift) & 1u) << 31u, 0u, f.is_scale);
  // value = significand * 2^unit
  let field = magnitude >> f.mantissa_bits;
  let hidden = 1u << f.mantissa_bits;
  let fraction = magnitude & (hidden - 1u);
  let significand = select(fraction, fraction | hidden, field > 0u || f.is_scale);
  let unit = select(max(i32(field), 1), i32(field), f.is_scale) - f.bias - i32(f.mantissa_bits);
  let top = 31u - countLeadingZeros(significand);
  let exponent = i32(top) + unit + 127;
  let subnormal = significand << (u32(unit + 149) & 31u);
  let normal = (u32(exponent) << 23u) | ((significand << ((23u - top) & 31u)) & 0x7fffffu);
  let number = select(select(normal, subnormal, exponent < 1), 0u, significand == 0u);
  let is_infinity = magnitude == f.overflow_magnitude && f.overflow_magnitude != f.nan_magnitude;
  return sign | select(number, select(F32_NAN, F32_INFINITY, is_infinity), magnitude > f.max_magnitude);
}

// The bits of an f32 magnitude with this exponent field, from a significand whose top bit is at 31, to nearest even. The lowest bit may
// stand for all that is below it. A carry beyond the largest f32 is its infinity.
fn cast_rounded(significand: u32, field: i32) -> u32 {
  let drop = min(8u + u32(max(1 - field, 0)), 33u);
  let number = (u32(max(field, 1) - 1) << 23u) + cast_round_nearest(significand, drop);
  return select(number, F32_INFINITY, field > 254);
}

// Zeros, Inf and NaN, which products and quotients pass as they stand.
fn cast_is_fixed(magnitude: u32) -> bool {
  return magnitude >= F32_INFINITY || magnitude == 0u;
}

// The f32 product of a word and a factor that is above 0 and finite, rounded to nearest even, subnormals kept. NaN passes as it stands.
fn cast_times(word: u32, factor: u32) -> u32 {
  let magnitude = word & F32_MAGNITUDE;
  let a = cast_parts(magnitude);
  let b = cast_parts(factor);
  // Significands at the top of their words: the product has its own top bit at 63 or 62.
  let high = philox_mulhi(u32(a.x) << 8u, u32(b.x) << 8u);
  let low = (u32(a.x) << 8u) * (u32(b.x) << 8u);
  let has_carry = high >= 0x80000000u;
  let top = select((high << 1u) | (low >> 31u), high, has_carry);
  let below = select(low << 1u, low, has_carry);
  let significand = top | select(0u, 1u, below != 0u);
  let product = cast_rounded(significand, a.y + b.y - 127 + select(0, 1, has_carry));
  return select((word ^ magnitude) | product, word, cast_is_fixed(magnitude));
}

// `cast_times` by a power of two, given as the bits of an f32: adds to the exponent.
fn cast_times_power(word: u32, factor: u32) -> u32 {
  let magnitude = word & F32_MAGNITUDE;
  let parts = cast_parts(magnitude);
  let product = cast_rounded(u32(parts.x) << 8u, parts.y + cast_parts(factor).y - 127);
  return select((word ^ magnitude) | product, word, cast_is_fixed(magnitude));
}
