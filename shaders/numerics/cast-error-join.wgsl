// cast-error-join: adds up what cast-error-forward found in the parts of a tensor, and says under which scales.
//
//   counts = sum_p parts[p] · e + 127, e: exponent that the sums are scaled by · bits of the scale of the tensor, 1.0 without SCALED
//   sums   = sum_p part_sums[p]
//
// group 0   0 parts u32[L,P,3] read · 1 part_sums f32[L,P,2] read · 2 stats u32[L,STATS] read: of tensor-stats-join
//           3 scales u32[L,N] read: of quantize-forward, SCALED only · 4 counts u32[L,5] write · 5 sums f32[L,2] write · 6 sizes
// dispatch  [1,1,L]: one thread a lane
// override  SCALED: the cast has scales
// numerics  f32 sums, part after part
override SCALED: bool = false;

const F32_ONE = 0x3f800000u;

struct Sizes {
  // P
  partials: u32,
  // Words of `stats` a lane.
  stats: u32,
  // N
  scales: u32,
}

@group(0) @binding(0) var<storage, read> parts: array<u32>;
@group(0) @binding(1) var<storage, read> part_sums: array<f32>;
@group(0) @binding(2) var<storage, read> stats: array<u32>;
@group(0) @binding(3) var<storage, read> scales: array<u32>;
@group(0) @binding(4) var<storage, read_write> counts: array<u32>;
@group(0) @binding(5) var<storage, read_write> sums: array<f32>;
@group(0) @binding(6) var<uniform> sizes: Sizes;

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u) {
  let lane = group.z;
  var total = vec3u();
  var sum = vec2f();
  for (var p = lane * sizes.partials; p < (lane + 1u) * sizes.partials; p++) {
    total += vec3u(parts[3u * p], parts[3u * p + 1u], parts[3u * p + 2u]);
    sum += vec2f(part_sums[2u * p], part_sums[2u * p + 1u]);
  }
  for (var w = 0u; w < 3u; w++) {
    counts[5u * lane + w] = total[w];
  }
  counts[5u * lane + 3u] = clamp(stats[lane * sizes.stats + 2u] >> 23u, 1u, 253u);
  var scale = F32_ONE;
  if (SCALED) {
    scale = scales[lane * sizes.scales];
  }
  counts[5u * lane + 4u] = scale;
  sums[2u * lane] = sum.x;
  sums[2u * lane + 1u] = sum.y;
}
