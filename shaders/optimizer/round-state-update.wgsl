// round-state-update: rounds every tensor of a state to a number format, and keeps the values as f32.
//
//   x[i] = decode(encode(x[i] * scale)) / scale
//   NaN stays as it is, in formats without one too: as a first moment it marks a lane that has halted
//   scale = 1, or SCALED: current_scale of the largest of `maxima` over the chunks of the tensor, 1 where that is 0 or not finite
//   random bits of element i of the lane's dense pack = philox([i/4, 0, tensor, draw[1]], [draw[0], stream])[i % 4]
//
// group 0   0 x f32 pack read and write: as bits · 1 maxima u32[L,J] read, unused unless SCALED
//           2 draw u32[L,2] read, unused unless stochastic · 3 chunks u32[J,4] read: start, count, lane stride, flags
//           4 spans u32[J,2] read: first chunk of the tensor, its chunks · 5 sizes
// dispatch  [J,1,L], folded over x and y: one workgroup a chunk
// override  WORKGROUP: 1..256 · ROUNDING: 0 nearest even, 1 toward zero, 2 stochastic · SATURATE · SCALED
//           lib/format: the format
// numerics  u32 arithmetic only; equal in every bit to src/numerics/cast.ts
// uses lib/philox, lib/format, lib/cast-scales, lib/each-chunk
override ROUNDING: u32 = 0;
override SATURATE: bool = true;
override SCALED: bool = false;

struct Sizes {
  // J
  chunks: u32,
  // Bits of f32: 2^-margin.
  shrink: u32,
  power_of_two: u32,
  tensor: u32,
  stream: u32,
}

@group(0) @binding(0) var<storage, read_write> x: array<u32>;
@group(0) @binding(1) var<storage, read> maxima: array<u32>;
@group(0) @binding(2) var<storage, read> draw: array<u32>;
@group(0) @binding(3) var<storage, read> chunks: array<u32>;
@group(0) @binding(4) var<storage, read> spans: array<u32>;
@group(0) @binding(5) var<uniform> sizes: Sizes;

fn visit(j: u32, lane: u32, start: u32, count: u32, thread: u32) {
  let format = the_format();
  var scale = F32_ONE;
  if (SCALED) {
    var amax = 0u;
    let first = lane * sizes.chunks + spans[2u * j];
    for (var c = 0u; c < spans[2u * j + 1u]; c++) {
      amax = max(amax, maxima[first + c]);
    }
    scale = current_scale(amax, cast_decode(MAX_MAGNITUDE, format), sizes.shrink, sizes.power_of_two == 1u);
  }
  let inverse = cast_over(F32_ONE, scale);
  for (var i = thread; i < count; i += WORKGROUP) {
    if ((x[start + i] & F32_MAGNITUDE) > F32_INFINITY) {
      continue;
    }
    var random = 0u;
    if (ROUNDING == CAST_STOCHASTIC) {
      let drawn = chunk_place(j) + i;
      let seed = draw[2u * lane];
      let counter = draw[2u * lane + 1u];
      random = philox(vec4u(drawn >> 2u, 0u, sizes.tensor, counter), vec2u(seed, sizes.stream))[drawn & 3u];
    }
    let code = cast_encode(cast_times(x[start + i], scale), format, ROUNDING, SATURATE, random);
    x[start + i] = cast_times(cast_decode(code, format), inverse);
  }
}
