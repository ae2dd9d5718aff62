// quantize-forward: casts f32 to a number format under a scale of the tensor or of its blocks; gives packed codes, and what they stand for.
//
//   code[i] = encode(x[i] * scale)     value[i] = decode(code[i]) / scale; the scale of the tensor, or 1 / that of the element's block
//   random bits of element i = philox([(first + i)/4, 0, tensor, draw[1]], [draw[0], stream])[(first + i) % 4]
//
// group 0   0 x u32[L,R,C] read: bits of f32 · 1 amax u32[L,Q] read, P of them: SCALING 1 only · 2 scale u32[L,1] read: bits of f32, SCALING 2 only
//           3 draw u32[L,2] read: seed and counter, ROUNDING 2 only · 4 blocks u32[L,R/ROWS,C/COLUMNS,2] read: of block-scales-forward,
//           SCALING 3 only · 5 codes u32[L,W] write · 6 scales u32[L,1] write: bits of 1/scale, SCALING 1 and 2 only
//           7 values u32[L,R,C] write: bits of f32, VALUES only · 8 sizes
// dispatch  [ceil(S/(SPAN ITEMS WORKGROUP)),1,L], folded over x and y: a thread has ITEMS times SPAN elements
// override  WORKGROUP: power of two, 1..256 · ALONE: every thread makes the scale for itself, without barriers · ITEMS · SPAN: 4 or 8, a multiple of PER_WORD · PER_WORD: codes a word, 1, 2, 4 or 8
//           SCALING: 0 none, 1 current, 2 delayed, 3 blocks · KIND: 0 E8M0, 1 E4M3, 2 f32 scales of blocks · ROWS, COLUMNS: of a block
//           POWER_OF_TWO: what elements are multiplied by is · ROUNDING: 0 nearest even, 1 toward zero, 2 stochastic · SATURATE · VALUES
//           lib/format: the elements' format
// numerics  u32 arithmetic only; equal in every bit to src/numerics/cast.ts and blocks.ts
// uses lib/philox, lib/format, lib/cast-scales, lib/amax
override ALONE: bool = false;
override ITEMS: u32 = 1;
override SPAN: u32 = 4;
override PER_WORD: u32 = 4;
override SCALING: u32 = 0;
override KIND: u32 = 0;
override ROWS: u32 = 1;
override COLUMNS: u32 = 32;
override POWER_OF_TWO: bool = false;
override ROUNDING: u32 = 0;
override SATURATE: bool = true;
override VALUES: bool = true;

const CURRENT = 1u;
const DELAYED = 2u;
const BLOCKS = 3u;

struct Sizes {
  // S = R C
  count: u32,
  // C
  columns: u32,
  // R/ROWS * C/COLUMNS
  blocks: u32,
  // P, and where they begin among Q words of a lane
  partials: u32,
  amax_first: u32,
  amax_lane: u32,
  // Bits of 2^-margin.
  shrink: u32,
  // Index of x[0] in the draw; a multiple of 4.
  first: u32,
  tensor: u32,
  stream: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> amax: array<u32>;
@group(0) @binding(2) var<storage, read> scale: array<u32>;
@group(0) @binding(3) var<storage, read> draw: array<u32>;
@group(0) @binding(4) var<storage, read> blocks: array<vec2u>;
@group(0) @binding(5) var<storage, read_write> codes: array<u32>;
@group(0) @binding(6) var<storage, read_write> scales: array<u32>;
@group(0) @binding(7) var<storage, read_write> values: array<u32>;
@group(0) @binding(8) var<uniform> sizes: Sizes;

// What decoded values and elements are multiplied by: 1/scale and scale.
var<workgroup> factors: vec2u;

// What elements are cast under. value: bits of what decoded ones are multiplied by, NaN where a block has none. inverse: what elements
// are multiplied by. exponent: of `inverse`, where it is a power of two.
struct Factors {
  value: u32,
  inverse: u32,
  exponent: i32,
}

// Of the numbers of formats that begin so high, none comes of an f32 subnormal.
override FLUSHES: bool = BIAS + i32(MANTISSA_BITS) < 87;

fn factors_of(by: vec2u) -> Factors {
  return Factors(by.x, by.y, select(0, cast_exponent(by.y), POWER_OF_TWO));
}

// What is cast: the element under its scale.
fn source(word: u32, by: Factors) -> u32 {
  if (SCALING == 0u) {
    return word;
  }
  if (POWER_OF_TWO) {
    return select(cast_shift(word, by.exponent, FLUSHES), F32_NAN, by.value > F32_INFINITY);
  }
  if (SCALING == BLOCKS) {
    return block_quotient(KIND, word, by.value, by.inverse);
  }
  return cast_times(word, by.inverse);
}

fn value_of(decoded: u32, by: Factors) -> u32 {
  if (SCALING == 0u) {
    return decoded;
  }
  if (POWER_OF_TWO) {
    return select(cast_shift(decoded, -by.exponent, false), F32_NAN, by.value > F32_INFINITY);
  }
  return select(cast_times(decoded, by.value), F32_NAN, by.value > F32_INFINITY);
}

fn block_at(lane: u32, row: u32, column: u32) -> Factors {
  return factors_of(blocks[lane * sizes.blocks + (row / ROWS) * (sizes.columns / COLUMNS) + column / COLUMNS]);
}

// The code of element i; 0 beyond the last one.
fn cast_one(i: u32, lane: u32, by: Factors, drawn: u32) -> u32 {
  let format = the_format();
  let is_inside = i < sizes.count;
  let place = lane * sizes.count + min(i, sizes.count - 1u);
  let code = cast_encode(source(x[place], by), format, ROUNDING, SATURATE, drawn);
  if (VALUES) {
    let value = value_of(cast_decode(code, format), by);
    if (is_inside) {
      values[place] = value;
    }
  }
  return select(0u, code, is_inside);
}

fn cast_item(item: u32, lane: u32, tensor: Factors) {
  let words = (sizes.count + PER_WORD - 1u) / PER_WORD;
  let start = item * SPAN;
  var by = tensor;
  var row = 0u;
  var column = 0u;
  if (SCALING == BLOCKS) {
    row = start / sizes.columns;
    column = start - row * sizes.columns;
    if (COLUMNS % SPAN == 0u) {
      by = block_at(lane, row, column);
    }
  }
  var random = vec4u(0u);
  var word = 0u;
  // What one more code is multiplied by; 0 after the last of a word.
  var unit = 1u;
  var j = 0u;
  // Left at its end: a CPU lane pays for a round even where a loop is left at its start.
  loop {
    let i = start + j;
    if (SCALING == BLOCKS && COLUMNS % SPAN != 0u) {
      by = block_at(lane, row, column);
      let is_last = column + 1u == sizes.columns;
      row += select(0u, 1u, is_last);
      column = select(column + 1u, 0u, is_last);
    }
    var drawn = 0u;
    if (ROUNDING == CAST_STOCHASTIC) {
      if ((j & 3u) == 0u) {
        let counter = vec4u((sizes.first + i) >> 2u, 0u, sizes.tensor, draw[2u * lane + 1u]);
        random = philox(counter, vec2u(draw[2u * lane], sizes.stream));
      }
      drawn = random[j & 3u];
    }
    word += unit * cast_one(i, lane, by, drawn);
    unit *= 1u << ((32u / PER_WORD) & 31u);
    j++;
    if (j % PER_WORD == 0u) {
      if (i + 1u < sizes.count + PER_WORD) {
        codes[lane * words + i / PER_WORD] = word;
      }
      word = 0u;
      unit = 1u;
    }
    continuing {
      break if j == SPAN;
    }
  }
}

// The largest of every `stride`th partial amax from `first` on.
fn largest_part(lane: u32, first: u32, stride: u32) -> u32 {
  var largest = 0u;
  if (SCALING == CURRENT) {
    for (var p = first; p < sizes.partials; p += stride) {
      largest = max(largest, amax[lane * sizes.amax_lane + sizes.amax_first + p]);
    }
  }
  return largest;
}

fn tensor_factors(lane: u32, largest: u32) -> vec2u {
  var times = scale[lane];
  if (SCALING == CURRENT) {
    let format = the_format();
    times = current_scale(largest, cast_decode(MAX_MAGNITUDE, format), sizes.shrink, POWER_OF_TWO);
  }
  if (POWER_OF_TWO) {
    return vec2u(cast_power_inverse(times), times);
  }
  return vec2u(cast_over(F32_ONE, times), times);
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) thread: u32,
  @builtin(num_workgroups) groups: vec3u,
) {
  let lane = group.z;
  let row = group.y * groups.x + group.x;
  var by = vec2u(F32_ONE);
  if (SCALING == CURRENT || SCALING == DELAYED) {
    if (ALONE) {
      by = tensor_factors(lane, largest_part(lane, 0u, 1u));
    } else {
      let largest = team_amax(largest_part(lane, thread, WORKGROUP), thread, WORKGROUP);
      if (thread == 0u) {
        factors = tensor_factors(lane, largest);
      }
      workgroupBarrier();
      by = factors;
    }
    if (row == 0u && thread == 0u) {
      scales[lane] = by.x;
    }
  }
  let tensor = factors_of(by);
  var k = 0u;
  loop {
    cast_item((row * ITEMS + k) * WORKGROUP + thread, lane, tensor);
    k++;
    continuing {
      break if k == ITEMS;
    }
  }
}
