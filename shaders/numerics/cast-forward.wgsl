// cast-forward: casts f32 words to a number format; gives the codes and the f32 words that they stand for.
//
//   code[i] = encode(x[i] * scale)     value[i] = decode(code[i]) / scale
//   random bits of element i = philox([(first + i)/4, 0, tensor, step], [seed, stream])[(first + i) % 4]
//
// group 0   0 x u32[S] read: bits of f32 · 1 code u32[S] write · 2 value u32[S] write: bits of f32 · 3 sizes
// dispatch  [ceil(S/WORKGROUP),1,1], folded over x and y: one thread an element
// override  WORKGROUP: 1..256 · ROUNDING: 0 nearest even, 1 toward zero, 2 stochastic · SATURATE
//           MANTISSA_BITS, BIAS, SIGN_SHIFT, MAX_MAGNITUDE, OVERFLOW_MAGNITUDE, NAN_MAGNITUDE, IS_SCALE: the format
// numerics  u32 arithmetic only; equal in every bit to src/numerics/cast.ts
// uses lib/philox, lib/cast
override WORKGROUP: u32 = 64;
override ROUNDING: u32 = 0;
override SATURATE: bool = true;
override MANTISSA_BITS: u32 = 23;
override BIAS: i32 = 127;
override SIGN_SHIFT: u32 = 31;
override MAX_MAGNITUDE: u32 = 2139095039;
override OVERFLOW_MAGNITUDE: u32 = 2139095040;
override NAN_MAGNITUDE: u32 = 2143289344;
override IS_SCALE: bool = false;

struct Sizes {
  count: u32,
  // Bits of f32: scale and 1/scale.
  scale: u32,
  inverse: u32,
  // Index of x[0] in the draw; a multiple of 4.
  first: u32,
  seed: u32,
  stream: u32,
  tensor: u32,
  step: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> code: array<u32>;
@group(0) @binding(2) var<storage, read_write> value: array<u32>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= sizes.count) {
    return;
  }
  let format = CastFormat(MANTISSA_BITS, BIAS, SIGN_SHIFT, MAX_MAGNITUDE, OVERFLOW_MAGNITUDE, NAN_MAGNITUDE, IS_SCALE);
  var random = 0u;
  if (ROUNDING == CAST_STOCHASTIC) {
    let drawn = sizes.first + i;
    random = philox(vec4u(drawn >> 2u, 0u, sizes.tensor, sizes.step), vec2u(sizes.seed, sizes.stream))[drawn & 3u];
  }
  let c = cast_encode(cast_times(x[i], sizes.scale), format, ROUNDING, SATURATE, random);
  code[i] = c;
  value[i] = cast_times(cast_decode(c, format), sizes.inverse);
}
