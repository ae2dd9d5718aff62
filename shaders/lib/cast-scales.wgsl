// cast-scales: the scales of tensors and of blocks, in u32 arithmetic; equal in every bit to src/numerics/scale.ts and blocks.ts. Comes
// after lib/cast.
const SCALE_E8M0 = 0u;
const SCALE_E4M3 = 1u;
const SCALE_F32 = 2u;
// SCALING of a cast in blocks.
const SCALING_BLOCKS = 3u;

const F32_ONE = 0x3f800000u;
const F32_MAX = 0x7f7fffffu;
const F32_MIN_NORMAL = 0x00800000u;
// Bits of 1e-4, the least amax of DeepSeek-V3's blocks.
const LEAST_AMAX = 0x38d1b717u;
const E8M0_NAN = 255u;
const E4M3 = CastFormat(3u, 7, 7u, 126u, 127u, 127u, false);

// code: what is stored. value: bits of the f32 that it stands for, NaN where amax is not finite.
struct BlockScale {
  code: u32,
  value: u32,
}

// The f32 quotient of a word and a divisor that is above 0 and finite, rounded to nearest even, subnormals kept. NaN and Inf pass as they stand.
fn cast_over(word: u32, divisor: u32) -> u32 {
  let magnitude = word & F32_MAGNITUDE;
  let a = cast_parts(magnitude);
  let b = cast_parts(divisor);
  let below_one = a.x < b.x;
  let d = u32(b.x);
  var rest = (u32(a.x) << select(0u, 1u, below_one)) - d;
  var quotient = 1u;
  // 24 bits, eight at once, and one more to round by; the rest says whether any follow.
  for (var digits = 0u; digits < 3u; digits++) {
    rest <<= 8u;
    let digit = rest / d;
    quotient = (quotient << 8u) | digit;
    rest -= digit * d;
  }
  let significand = (quotient * 2u) | select(0u, 1u, rest != 0u);
  let value = cast_rounded(significand, a.y - b.y + 127 - select(0, 1, below_one));
  return select((word ^ magnitude) | value, word, cast_is_fixed(magnitude));
}

// Bits of 2^exponent, -127 .. 127.
fn cast_power(exponent: i32) -> u32 {
  return select(u32(exponent + 127) << 23u, 0x400000u, exponent == -127);
}

// The scale of a block with this amax (bits of f32). `encode_scale` and `decode_scale`, its f32 reciprocal, are what NVFP4 keeps of the tensor.
fn block_scale(kind: u32, amax: u32, element: CastFormat, encode_scale: u32, decode_scale: u32) -> BlockScale {
  let is_finite = amax < F32_INFINITY;
  let largest = cast_decode(element.max_magnitude, element);
  if (kind == SCALE_E8M0) {
    if (!is_finite) {
      return BlockScale(E8M0_NAN, F32_NAN);
    }
    if (amax == 0u) {
      return BlockScale(0u, cast_power(-127));
    }
    let exponent = clamp(cast_parts(amax).y - cast_parts(largest).y, -127, 127);
    return BlockScale(u32(exponent + 127), cast_power(exponent));
  }
  if (kind == SCALE_E4M3) {
    let wanted = select(F32_NAN, cast_times(cast_over(amax, largest), encode_scale), is_finite);
    let code = cast_encode(wanted, E4M3, CAST_NEAREST, true, 0u);
    return BlockScale(code, cast_times(cast_decode(code, E4M3), decode_scale));
  }
  let value = select(F32_NAN, cast_over(max(amax, LEAST_AMAX), largest), is_finite);
  return BlockScale(value, value);
}

// The scale of a tensor with this amax for a format with this maximum (bits of f32); `shrink` is 2^-margin.
fn current_scale(amax: u32, largest: u32, shrink: u32, is_power: bool) -> u32 {
  if (amax == 0u || amax >= F32_INFINITY) {
    return F32_ONE;
  }
  if (is_power) {
    // No quotient of two significands of 24 bits is rounded up to a power of two.
    let a = cast_parts(largest);
    let b = cast_parts(amax);
    let exponent = min(a.y - b.y - select(0, 1, a.x < b.x), 127) + cast_parts(shrink).y - 127;
    return cast_power(max(exponent, -126));
  }
  let quotient = min(cast_over(largest, amax), F32_MAX);
  return max(cast_times_power(quotient, shrink), F32_MIN_NORMAL);
}

// 1 / 2^exponent of a power of two, -127 .. 127.
fn cast_power_inverse(power: u32) -> u32 {
  return cast_power(127 - cast_parts(power).y);
}

// What a block's elements are multiplied by. E8M0: the power of two 1 / value. E4M3: min(1 / value, largest f32).
fn block_inverse(kind: u32, value: u32) -> u32 {
  if (value > F32_INFINITY) {
    return F32_ONE;
  }
  if (kind == SCALE_E8M0) {
    return cast_power_inverse(value);
  }
  return min(cast_over(F32_ONE, max(value, 1u)), F32_MAX);
}

// What a block's element is cast from: the word over the scale's value, whose `block_inverse` is given.
// A scale of 0 was too small for its format: nothing is left of the block.
fn block_quotient(kind: u32, word: u32, value: u32, inverse: u32) -> u32 {
  var quotient = 0u;
  if (kind == SCALE_E8M0) {
    quotient = cast_times_power(word, inverse);
  } else if (kind == SCALE_E4M3) {
    quotient = cast_times(word, inverse);
  } else {
    quotient = cast_over(word, value);
  }
  return select(select(quotient, 0u, value == 0u), F32_NAN, value > F32_INFINITY);
}

// Where the scale of a block lies among the words of a tensor's scales, which begin at `base` with that of the tensor.
fn scale_word(kind: u32, base: u32, index: u32) -> u32 {
  return base + 1u + select(index / 4u, index, kind == SCALE_F32);
}

// Bits of what the elements of a block are multiplied by, NaN where it has none, from the word that `scale_word` names.
fn stored_block_scale(kind: u32, tensor_scale: u32, word: u32, index: u32) -> u32 {
  if (kind == SCALE_F32) {
    return word;
  }
  let code = (word >> (8u * (index % 4u))) & 255u;
  if (kind == SCALE_E4M3) {
    return cast_times(cast_decode(code, E4M3), tensor_scale);
  }
  return select(cast_power(i32(code) - 127), F32_NAN, code == E8M0_NAN);
}
