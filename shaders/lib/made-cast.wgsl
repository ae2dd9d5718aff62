// made-cast: casts what a kernel makes to a number format without a scale, as it is made: the codes go beside it, and what they stand for
// takes its place. Equal in every bit to quantize-forward.
//
// Comes after lib/vec4. The kernel declares `more: array<u32>`, codes packed from the lowest bits up. PER_WORD: codes a word, 1, 2 or 4 ·
// ROUNDING: 0 nearest even, 1 toward zero · the others: the format
// uses lib/format, lib/no-amax
override PER_WORD: u32 = 2;
override ROUNDING: u32 = 0;
override SATURATE: bool = false;

// What is kept of vector `at`, counted over all lanes.
fn kept(at: u32, value: Vec) -> Vec {
  let format = the_format();
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
      more[(at * 4u + k) / PER_WORD - 1u] = word;
      word = 0u;
    }
    continuing {
      break if k == 4u;
    }
  }
  return bitcast<Vec>(decoded);
}
