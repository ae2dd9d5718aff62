// cast: number formats of at most 32 bits from and to the bits of f32, in u32 arithmetic; equal in every bit to src/numerics/cast.ts.
//
// Integer, because WGSL fixes no rounding mode, may flush subnormals and may assume that there is no NaN.
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

// significand / 2^drop to nearest even, for significands below 2^26 and drop from 1; beyond 27 nothing is left.
fn cast_round_nearest(significand: u32, drop: u32) -> u32 {
  let shift = min(drop, 27u);
  let half = 1u << (shift - 1u);
  let is_odd = (significand & (half + half)) != 0u;
  return (significand + select(half - 1u, half, is_odd)) >> shift;
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
  let is_normal = magnitude > 0x7fffffu;
  // A subnormal's bits are a whole number of 2^-149; as an f32 it has its top bit in place.
  let placed = select(cast_whole(magnitude & 0x7fffffu), magnitude, is_normal);
  let hidden = select(0u, 0x800000u, magnitude != 0u);
  return vec2i(i32((placed & 0x7fffffu) | hidden), i32(placed >> 23u) - select(149, 0, is_normal));
}

// The bits of a whole number up to 2^24 as an f32: its top bit goes to where that of a significand is implied.
fn cast_whole(number: u32) -> u32 {
  let top = 31u - countLeadingZeros(number);
  let placed = (number << ((24u - top) & 31u)) >> 1u;
  return select(((top + 126u) << 23u) + placed, 0u, number == 0u);
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
  let sign_bit = 1u << f.sign_shift;
  let magnitude = code & (sign_bit - 1u);
  let sign = select(select(0u, 0x80000000u, (code & sign_bit) != 0u), 0u, f.is_scale);
  let hidden = 1u << f.mantissa_bits;
  let number = cast_decode_number(magnitude, hidden, f);
  let is_infinity = magnitude == f.overflow_magnitude && f.overflow_magnitude != f.nan_magnitude;
  return sign | select(number, select(F32_NAN, F32_INFINITY, is_infinity), magnitude > f.max_magnitude);
}

fn cast_decode_number(magnitude: u32, hidden: u32, f: CastFormat) -> u32 {
  // The word of a normal number: the fields in place, the exponent by the other bias.
  let lift = (127 - f.bias) * 0x800000;
  let placed = u32(i32(magnitude * (0x800000u >> f.mantissa_bits)) + lift);
  if (f.is_scale) {
    return select(placed, 0x400000u, magnitude == 0u);
  }
  if (f.bias == 127) {
    // Subnormals are those of f32.
    return placed;
  }
  // Subnormals are whole numbers of 2^(1 - bias - mantissa_bits).
  let unit = 1 - f.bias - i32(f.mantissa_bits);
  let is_normal = magnitude >= hidden;
  let fraction = u32(i32(cast_whole(magnitude & (hidden - 1u))) + unit * 0x800000);
  var number = select(select(fraction, placed, is_normal), 0u, magnitude == 0u);
  if (f.bias + i32(f.mantissa_bits) > 127) {
    // Some numbers are subnormal as f32.
    let field = magnitude >> f.mantissa_bits;
    let significand = select(magnitude, (magnitude & (hidden - 1u)) | hidden, is_normal);
    let places = max(i32(field), 1) - 1 + unit + 149;
    let top = i32(cast_whole(significand) >> 23u) - 127;
    number = select(number, significand << (u32(places) & 31u), top + places < 23);
  }
  return number;
}

// The bits of an f32 magnitude with this exponent field, from a significand whose top bit is at 25, to nearest even. The lowest bit may
// stand for all that is below it. A carry beyond the largest f32 is its infinity.
fn cast_rounded(significand: u32, field: i32) -> u32 {
  let drop = 2u + u32(max(1 - field, 0));
  let number = u32(clamp(field, 1, 255) - 1) * 0x800000u + cast_round_nearest(significand, drop);
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
  // Halves of 12 bits: a product of 48 bits with its top bit at 47 or 46.
  let a_high = u32(a.x) >> 12u;
  let b_high = u32(b.x) >> 12u;
  let a_low = u32(a.x) & 0xfffu;
  let b_low = u32(b.x) & 0xfffu;
  let low = a_low * b_low;
  let middle = a_high * b_low + a_low * b_high + (low >> 12u);
  let top = 4u * a_high * b_high + (middle >> 10u);
  let rest = select(0u, 1u, ((middle & 0x3ffu) | (low & 0xfffu)) != 0u);
  let has_carry = top > 0x1ffffffu;
  let significand = select(top + top, top, has_carry) | rest;
  let product = cast_rounded(significand, a.y + b.y - 127 + select(0, 1, has_carry));
  return select((word ^ magnitude) | product, word, cast_is_fixed(magnitude));
}

// `cast_times` by a power of two, given as the bits of an f32.
fn cast_times_power(word: u32, factor: u32) -> u32 {
  return cast_shift(word, cast_exponent(factor), false);
}

// The exponent of a power of two, from its bits.
fn cast_exponent(power: u32) -> i32 {
  return cast_parts(power).y - 127;
}

// word * 2^exponent, -254 .. 254: adds to the exponent. `flushes` makes 0 of subnormals, where nobody can tell.
fn cast_shift(word: u32, exponent: i32, flushes: bool) -> u32 {
  let magnitude = word & F32_MAGNITUDE;
  let is_normal = magnitude > 0x7fffffu;
  let placed = select(cast_whole(magnitude), magnitude, is_normal);
  let lift = exponent - select(149, 0, is_normal);
  let field = i32(placed >> 23u) + lift;
  var low = 0u;
  if (!flushes) {
    low = cast_round_nearest((placed & 0x7fffffu) | 0x800000u, u32(max(1 - field, 1)));
  }
  let product = select(select(placed + u32(lift) * 0x800000u, low, field < 1), F32_INFINITY, field > 254);
  return select((word ^ magnitude) | product, word, cast_is_fixed(magnitude));
}
