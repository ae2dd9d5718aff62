// made-cast: casts what a kernel makes to a number format without a scale, as it is made: the codes go beside it, and what they stand for
// takes its place. Equal in every bit to quantize-forward.
//
// Comes after lib/vec4. The kernel declares `beside: array<u32>`, codes packed from the lowest bits up. PER_WORD: codes a word, 1, 2 or 4 ·
// ROUNDING: 0 nearest even, 1 toward zero · the others: the format
// uses lib/cast
override PER_WORD: u32 = 2;
override ROUNDING: u32 = 0;
override SATURATE: bool = false;
override MANTISSA_BITS: u32 = 7;
override BIAS: i32 = 127;
override SIGN_SHIFT: u32 = 15;
override MAX_MAGNITUDE: u32 = 0x7f7f;
override OVERFLOW_MAGNITUDE: u32 = 0x7f80;
override NAN_MAGNITUDE: u32 = 0x7fc0;
override IS_SCALE: bool = false;

// What is kept of vector `at`, counted over all lanes.
fn kept(at: u32, value: Vec) -> Vec {
  let format = CastFormat(MANTISSA_BITS, BIAS, SIGN_SHIFT, MAX_MAGNITUDE, OVERFLOW_MAGNITUDE, NAN_MAGNITUDE, IS_SCALE);
  let words = bitcast<vec4u>(value);
  var decoded = vec4u();
  var word = 0u;
  var k = 0u;
  loop {
    let code = cast_encode(words[k], format, ROUNDING, SATURATE, 0u);
    decoded[k] = cast_decode(code, format);
    word |= code << (((k % PER_WORD) * (32u / PER_WORD)) & 31u);
    k++;
    if (k % PER_WORD == 0u) {
      beside[(at * 4u + k) / PER_WORD - 1u] = word;
      word = 0u;
    }
    continuing {
      break if k == 4u;
    }
  }
  return bitcast<Vec>(decoded);
}

fn magnitude_of(value: Vec) -> u32 {
  return 0u;
}

fn store_amax(largest: u32, thread: u32, place: u32) {}
