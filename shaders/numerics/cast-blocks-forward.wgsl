// cast-blocks-forward: casts a matrix in blocks that share a scale; gives codes, scales, and the f32 words that they stand for together.
//
//   scale[block] = block_scale(max |x[block]|)     code[i] = encode(x[i] / scale)     value[i] = decode(code[i]) * scale
//   random bits of element i = philox([i/4, 0, tensor, step], [seed, stream])[i % 4]
//
// group 0   0 x u32[R,C] read: bits of f32 · 1 code u32[R,C] write · 2 value u32[R,C] write: bits of f32
//           3 scale u32[R/ROWS,C/COLUMNS] write: codes of the scales, bits of f32 for KIND 2 · 4 sizes
// dispatch  [ceil(blocks/WORKGROUP),1,1], folded over x and y: one thread a block
// override  WORKGROUP: 1..256 · KIND: 0 E8M0, 1 E4M3 beside an f32 of the tensor, 2 f32 · ROUNDING: 0 nearest even, 1 toward zero, 2 stochastic
//           ROWS, COLUMNS: of a block · MANTISSA_BITS, BIAS, SIGN_SHIFT, MAX_MAGNITUDE, OVERFLOW_MAGNITUDE, NAN_MAGNITUDE, IS_SCALE: the elements' format
// numerics  u32 arithmetic only; equal in every bit to src/numerics/blocks.ts
// uses lib/philox, lib/cast, lib/cast-blocks
override WORKGROUP: u32 = 64;
override KIND: u32 = 0;
override ROUNDING: u32 = 0;
override ROWS: u32 = 1;
override COLUMNS: u32 = 32;
override MANTISSA_BITS: u32 = 3;
override BIAS: i32 = 7;
override SIGN_SHIFT: u32 = 7;
override MAX_MAGNITUDE: u32 = 126;
override OVERFLOW_MAGNITUDE: u32 = 127;
override NAN_MAGNITUDE: u32 = 127;
override IS_SCALE: bool = false;

struct Sizes {
  blocks: u32,
  // C
  columns: u32,
  // Bits of f32: what NVFP4 keeps of the tensor, and its reciprocal.
  encode_scale: u32,
  decode_scale: u32,
  seed: u32,
  stream: u32,
  tensor: u32,
  step: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> code: array<u32>;
@group(0) @binding(2) var<storage, read_write> value: array<u32>;
@group(0) @binding(3) var<storage, read_write> scale: array<u32>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let place = id.y * groups.x * WORKGROUP + id.x;
  if (place >= sizes.blocks) {
    return;
  }
  let across = sizes.columns / COLUMNS;
  let first = (place / across) * ROWS * sizes.columns + (place % across) * COLUMNS;
  let format = CastFormat(MANTISSA_BITS, BIAS, SIGN_SHIFT, MAX_MAGNITUDE, OVERFLOW_MAGNITUDE, NAN_MAGNITUDE, IS_SCALE);
  var amax = 0u;
  for (var r = 0u; r < ROWS; r++) {
    for (var c = 0u; c < COLUMNS; c++) {
      amax = max(amax, x[first + r * sizes.columns + c] & F32_MAGNITUDE);
    }
  }
  let shared_scale = block_scale(KIND, amax, format, sizes.encode_scale, sizes.decode_scale);
  let inverse = block_inverse(shared_scale.value);
  scale[place] = shared_scale.code;
  for (var r = 0u; r < ROWS; r++) {
    for (var c = 0u; c < COLUMNS; c++) {
      let at = first + r * sizes.columns + c;
      var random = 0u;
      if (ROUNDING == CAST_STOCHASTIC) {
        random = philox(vec4u(at >> 2u, 0u, sizes.tensor, sizes.step), vec2u(sizes.seed, sizes.stream))[at & 3u];
      }
      let element = cast_encode(block_quotient(KIND, x[at], shared_scale.value, inverse), format, ROUNDING, true, random);
      code[at] = element;
      value[at] = select(cast_times(cast_decode(element, format), shared_scale.value), F32_NAN, shared_scale.value > F32_INFINITY);
    }
  }
}
