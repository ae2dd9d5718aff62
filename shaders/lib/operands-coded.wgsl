// operands-coded: the operands of a matmul as packed codes of number formats, or as f32 where A_CODED or B_CODED is off. Comes with
// lib/matmul. What is loaded equals in every bit what numerics/dequantize-forward gives.
//
// PER_WORD: codes a word, 1, 2, 4 or 8 · SCALING: 0 none, 1 of the tensor, 3 of blocks · KIND: 0 E8M0, 1 E4M3, 2 f32 scales of blocks
// WIDTH: elements of a stored row · ROWS, COLUMNS: of a block · the rest: the format
// uses lib/philox, lib/cast, lib/cast-scales
override A_CODED: bool = false;
override A_PER_WORD: u32 = 1;
override A_SCALING: u32 = 0;
override A_KIND: u32 = 0;
override A_ROWS: u32 = 1;
override A_COLUMNS: u32 = 1;
override A_MANTISSA_BITS: u32 = 3;
override A_BIAS: i32 = 7;
override A_SIGN_SHIFT: u32 = 7;
override A_MAX_MAGNITUDE: u32 = 126;
override A_OVERFLOW_MAGNITUDE: u32 = 127;
override A_NAN_MAGNITUDE: u32 = 127;
override B_CODED: bool = false;
override B_PER_WORD: u32 = 1;
override B_SCALING: u32 = 0;
override B_KIND: u32 = 0;
override B_ROWS: u32 = 1;
override B_COLUMNS: u32 = 1;
override B_MANTISSA_BITS: u32 = 3;
override B_BIAS: i32 = 7;
override B_SIGN_SHIFT: u32 = 7;
override B_MAX_MAGNITUDE: u32 = 126;
override B_OVERFLOW_MAGNITUDE: u32 = 127;
override B_NAN_MAGNITUDE: u32 = 127;

@group(0) @binding(0) var<storage, read> a: array<u32>;
@group(0) @binding(1) var<storage, read> b: array<u32>;
@group(0) @binding(7) var<storage, read> a_scales: array<u32>;
@group(0) @binding(8) var<storage, read> b_scales: array<u32>;

fn a_at(lane: u32, place: u32) -> f32 {
  if (!A_CODED) {
    return bitcast<f32>(a[lane * sizes.a_lane + place]);
  }
  let format = CastFormat(A_MANTISSA_BITS, A_BIAS, A_SIGN_SHIFT, A_MAX_MAGNITUDE, A_OVERFLOW_MAGNITUDE, A_NAN_MAGNITUDE, false);
  let words = (sizes.a_lane + A_PER_WORD - 1u) / A_PER_WORD;
  let code = a[lane * words + place / A_PER_WORD] >> ((32u / A_PER_WORD) * (place % A_PER_WORD));
  let value = cast_decode(code, format);
  if (A_SCALING == 0u) {
    return bitcast<f32>(value);
  }
  var factor = 0u;
  if (A_SCALING == SCALING_BLOCKS) {
    let columns = sizes.a_row;
    let blocks = sizes.a_lane / (A_ROWS * A_COLUMNS);
    let base = lane * (1u + select((blocks + 3u) / 4u, blocks, A_KIND == SCALE_F32));
    let index = (place / columns / A_ROWS) * (columns / A_COLUMNS) + place % columns / A_COLUMNS;
    let at = scale_word(A_KIND, base, index);
    factor = stored_block_scale(A_KIND, a_scales[base], a_scales[at], index);
  } else {
    factor = a_scales[lane];
  }
  let product = select(cast_times(value, factor), F32_NAN, factor > F32_INFINITY);
  return bitcast<f32>(product);
}

fn b_at(lane: u32, place: u32) -> f32 {
  if (!B_CODED) {
    return bitcast<f32>(b[lane * sizes.b_lane + place]);
  }
  let format = CastFormat(B_MANTISSA_BITS, B_BIAS, B_SIGN_SHIFT, B_MAX_MAGNITUDE, B_OVERFLOW_MAGNITUDE, B_NAN_MAGNITUDE, false);
  let words = (sizes.b_lane + B_PER_WORD - 1u) / B_PER_WORD;
  let code = b[lane * words + place / B_PER_WORD] >> ((32u / B_PER_WORD) * (place % B_PER_WORD));
  let value = cast_decode(code, format);
  if (B_SCALING == 0u) {
    return bitcast<f32>(value);
  }
  var factor = 0u;
  if (B_SCALING == SCALING_BLOCKS) {
    let columns = sizes.b_row;
    let blocks = sizes.b_lane / (B_ROWS * B_COLUMNS);
    let base = lane * (1u + select((blocks + 3u) / 4u, blocks, B_KIND == SCALE_F32));
    let index = (place / columns / B_ROWS) * (columns / B_COLUMNS) + place % columns / B_COLUMNS;
    let at = scale_word(B_KIND, base, index);
    factor = stored_block_scale(B_KIND, b_scales[base], b_scales[at], index);
  } else {
    factor = b_scales[lane];
  }
  let product = select(cast_times(value, factor), F32_NAN, factor > F32_INFINITY);
  return bitcast<f32>(product);
}
