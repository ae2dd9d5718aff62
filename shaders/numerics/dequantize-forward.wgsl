// dequantize-forward: what packed codes and their scales stand for.
//
//   y[i] = decode(code[i]) * the scale of the tensor or of the element's block
//
// group 0   0 codes u32[L,W] read · 1 scales u32[L,1+n] read: bits of f32, then codes of 8 bits, four a word, or bits of f32; not for SCALING 0
//           2 y u32[L,R,C] write: bits of f32 · 3 sizes
// dispatch  [ceil(S/(SPAN WORKGROUP)),1,L], folded over x and y: a thread has SPAN elements
// override  WORKGROUP: 1..256 · SPAN: 4 or 8, a multiple of PER_WORD · PER_WORD: codes a word, 1, 2, 4 or 8
//           SCALING: 0 none, 1 current, 2 delayed, 3 blocks · KIND: 0 E8M0, 1 E4M3, 2 f32 scales of blocks · ROWS, COLUMNS: of a block
//           POWER_OF_TWO: the scales are
//           MANTISSA_BITS, BIAS, SIGN_SHIFT, MAX_MAGNITUDE, OVERFLOW_MAGNITUDE, NAN_MAGNITUDE, IS_SCALE: the elements' format
// numerics  u32 arithmetic only; equal in every bit to src/numerics/cast.ts and blocks.ts
// uses lib/philox, lib/cast, lib/cast-scales
override WORKGROUP: u32 = 64;
override SPAN: u32 = 4;
override PER_WORD: u32 = 4;
override SCALING: u32 = 0;
override KIND: u32 = 0;
override ROWS: u32 = 1;
override COLUMNS: u32 = 32;
override POWER_OF_TWO: bool = false;
override MANTISSA_BITS: u32 = 3;
override BIAS: i32 = 7;
override SIGN_SHIFT: u32 = 7;
override MAX_MAGNITUDE: u32 = 126;
override OVERFLOW_MAGNITUDE: u32 = 127;
override NAN_MAGNITUDE: u32 = 127;
override IS_SCALE: bool = false;

struct Sizes {
  // S = R C
  count: u32,
  // C
  columns: u32,
  // R/ROWS * C/COLUMNS
  blocks: u32,
}

@group(0) @binding(0) var<storage, read> codes: array<u32>;
@group(0) @binding(1) var<storage, read> scales: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let lane = id.z;
  let format = CastFormat(MANTISSA_BITS, BIAS, SIGN_SHIFT, MAX_MAGNITUDE, OVERFLOW_MAGNITUDE, NAN_MAGNITUDE, IS_SCALE);
  let words = (sizes.count + PER_WORD - 1u) / PER_WORD;
  let start = (id.y * groups.x * WORKGROUP + id.x) * SPAN;
  var base = lane;
  if (SCALING == SCALING_BLOCKS) {
    base = lane * (1u + select((sizes.blocks + 3u) / 4u, sizes.blocks, KIND == SCALE_F32));
  }
  var factor = F32_ONE;
  if (SCALING != 0u) {
    factor = scales[base];
  }
  var row = 0u;
  var column = 0u;
  var known = 0xffffffffu;
  if (SCALING == SCALING_BLOCKS) {
    row = start / sizes.columns;
    column = start % sizes.columns;
  }
  for (var j = 0u; j < SPAN; j++) {
    let i = start + j;
    if (i >= sizes.count) {
      break;
    }
    if (SCALING == SCALING_BLOCKS) {
      let place = (row / ROWS) * (sizes.columns / COLUMNS) + column / COLUMNS;
      if (place != known) {
        let at = scale_word(KIND, base, place);
        factor = stored_block_scale(KIND, scales[base], scales[at], place);
        known = place;
      }
      column++;
      if (column == sizes.columns) {
        column = 0u;
        row++;
      }
    }
    let code = codes[lane * words + i / PER_WORD] >> ((32u / PER_WORD) * (j % PER_WORD));
    var value = cast_decode(code, format);
    if (SCALING != 0u) {
      if (POWER_OF_TWO) {
        value = cast_times_power(value, factor);
      } else {
        value = cast_times(value, factor);
      }
      value = select(value, F32_NAN, factor > F32_INFINITY);
    }
    y[lane * sizes.count + i] = value;
  }
}
