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
//           lib/format: the elements' format
// numerics  u32 arithmetic only; equal in every bit to src/numerics/cast.ts and blocks.ts
// uses lib/philox, lib/format, lib/cast-scales
override WORKGROUP: u32 = 64;
override SPAN: u32 = 4;
override PER_WORD: u32 = 4;
override SCALING: u32 = 0;
override KIND: u32 = 0;
override ROWS: u32 = 1;
override COLUMNS: u32 = 32;
override POWER_OF_TWO: bool = false;

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

struct Factor {
  // Bits of f32, NaN where a block has none.
  value: u32,
  // Of a power of two.
  exponent: i32,
}

fn factor_of(value: u32) -> Factor {
  return Factor(value, select(0, cast_exponent(value), POWER_OF_TWO));
}

// The scale of an element, whose tensor has its own at `base`.
fn block_factor(base: u32, tensor: u32, row: u32, column: u32) -> Factor {
  let place = (row / ROWS) * (sizes.columns / COLUMNS) + column / COLUMNS;
  return factor_of(stored_block_scale(KIND, tensor, scales[scale_word(KIND, base, place)], place));
}

fn put_one(i: u32, lane: u32, code: u32, by: Factor) {
  let format = the_format();
  var value = cast_decode(code, format);
  if (SCALING != 0u) {
    if (POWER_OF_TWO) {
      value = cast_shift(value, by.exponent, false);
    } else {
      value = cast_times(value, by.value);
    }
    value = select(value, F32_NAN, by.value > F32_INFINITY);
  }
  if (i < sizes.count) {
    y[lane * sizes.count + i] = value;
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let lane = id.z;
  let words = (sizes.count + PER_WORD - 1u) / PER_WORD;
  let start = (id.y * groups.x * WORKGROUP + id.x) * SPAN;
  var base = lane;
  if (SCALING == SCALING_BLOCKS) {
    base = lane * (1u + select((sizes.blocks + 3u) / 4u, sizes.blocks, KIND == SCALE_F32));
  }
  var by = Factor(F32_ONE, 0);
  var tensor = F32_ONE;
  var row = 0u;
  var column = 0u;
  if (SCALING == SCALING_BLOCKS) {
    tensor = scales[base];
    row = start / sizes.columns;
    column = start - row * sizes.columns;
    if (COLUMNS % SPAN == 0u) {
      by = block_factor(base, tensor, row, column);
    }
  } else if (SCALING != 0u) {
    by = factor_of(scales[base]);
  }
  // Beyond the last word, that again.
  var word = codes[lane * words + min(start / PER_WORD, words - 1u)];
  var j = 0u;
  // Left at its end: a CPU lane pays for a round even where a loop is left at its start.
  loop {
    let i = start + j;
    if (SCALING == SCALING_BLOCKS && COLUMNS % SPAN != 0u) {
      by = block_factor(base, tensor, row, column);
      let is_last = column + 1u == sizes.columns;
      row += select(0u, 1u, is_last);
      column = select(column + 1u, 0u, is_last);
    }
    if (PER_WORD < SPAN) {
      word = codes[lane * words + min(i / PER_WORD, words - 1u)];
    }
    put_one(i, lane, word >> ((32u / PER_WORD) * (j % PER_WORD)), by);
    j++;
    continuing {
      break if j == SPAN;
    }
  }
}
