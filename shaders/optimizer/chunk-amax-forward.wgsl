// chunk-amax-forward: the largest magnitude of each chunk of a pack.
//
//   largest[j] = max over the elements of chunk j of |x|
//
// group 0   0 x f32 pack read: as bits · 1 chunks u32[J,4] read: start, count, lane stride, flags · 2 largest u32[L,J] write · 3 sizes
// dispatch  [J,1,L], folded over x and y: one workgroup a chunk
// override  WORKGROUP: 1..256, a power of two · FINITE: NaN and Inf do not count
// numerics  compared as u32: NaN is above Inf, and Inf above all numbers
// uses lib/chunks, lib/amax
override FINITE: bool = false;

struct Sizes {
  // J
  chunks: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> chunks: array<u32>;
@group(0) @binding(2) var<storage, read_write> largest: array<u32>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  // Groups past the end take part in the barriers of the last chunk.
  let j = min(group.y * groups.x + group.x, sizes.chunks - 1u);
  let start = chunk_start(j, group.z);
  let count = chunk_count(j);
  var amax = 0u;
  for (var i = thread; i < count; i += WORKGROUP) {
    let magnitude = x[start + i] & 0x7fffffffu;
    amax = max(amax, select(magnitude, 0u, FINITE && magnitude >= 0x7f800000u));
  }
  amax = team_amax(amax, thread, WORKGROUP);
  if (thread == 0u) {
    largest[group.z * sizes.chunks + j] = amax;
  }
}
