// cast-blocks: the scales of block formats, in u32 arithmetic; equal in every bit to src/numerics/blocks.ts. Comes after lib/cast.
const SCALE_E8M0 = 0u;
const SCALE_E4M3 = 1u;
const SCALE_F32 = 2u;

const F32_ONE = 0x3f800000u;
const F32_MAX = 0x7f7fffffu;
// Bits of 1e-4, the least amax of DeepSeek-V3's blocks.
const LEAST_AMAX = 0x38d1b717u;
const E8M0_NAN = 255u;

// code: what is stored. value: bits of the f32 that it stands for, NaN where amax is not finite.
struct BlockScale {
  code: u32,
  value: u32,
}

// The f32 quotient of a word and a divisor that is above 0 and finite, rounded to nearest even, subnormals kept. NaN and Inf pass as they stand.
fn cast_over(word: u32, divisor: u32) -> u32 {
  let magnitude = word & F32_MAGNITUDE;
  let sign = word ^ magnitude;
  if (magnitude >= F32_INFINITY || magnitude == 0u) {
    return word;
  }
  let a = cast_parts(magnitude);
  let b = cast_parts(divisor);
  let below_one = a.x < b.x;
  let d = u32(b.x);
  var rest = u32(a.x) << select(0u, 1u, below_one);
  var quotient = 0u;
  // 24 bits and two more to round by; the rest says whether any follow.
  for (var bit = 0u; bit < 26u; bit++) {
    quotient <<= 1u;
    if (rest >= d) {
      rest -= d;
      quotient |= 1u;
    }
    rest <<= 1u;
  }
  let significand = (quotient << 6u) | select(0u, 1u, rest != 0u);
  return sign | cast_rounded(significand, a.y - b.y + 127 - select(0, 1, below_one));
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
    let e4m3 = CastFormat(3u, 7, 7u, 126u, 127u, 127u, false);
    let wanted = select(F32_NAN, cast_times(cast_over(amax, largest), encode_scale), is_finite);
    let code = cast_encode(wanted, e4m3, CAST_NEAREST, true, 0u);
    return BlockScale(code, cast_times(cast_decode(code, e4m3), decode_scale));
  }
  let value = select(F32_NAN, cast_over(max(amax, LEAST_AMAX), largest), is_finite);
  return BlockScale(value, value);
}

// What a block's elements are cast from: the word over the scale's value. NVFP4 multiplies by the f32 reciprocal, given as `inverse`.
// A scale of 0 was too small for its format: nothing is left of the block.
fn block_quotient(kind: u32, word: u32, value: u32, inverse: u32) -> u32 {
  if (value > F32_INFINITY) {
    return F32_NAN;
  }
  if (value == 0u) {
    return 0u;
  }
  if (kind == SCALE_E4M3) {
    return cast_times(word, inverse);
  }
  return cast_over(word, value);
}

// min(1 / value, largest f32) for a value above 0.
fn block_inverse(value: u32) -> u32 {
  return min(cast_over(F32_ONE, max(value, 1u)), F32_MAX);
}
