// amax-forward: the largest magnitudes of parts of x, as bits, on which NaN is above Inf, and Inf above all numbers.
//
//   y[p] = max over i = p U .. (p+1) U of |x[i]|     U elements a part; the last part has the rest, fewer or more
//
// group 0   0 x u32[L,S] read: bits of f32 · 1 y u32[L,P] write · 2 sizes
// dispatch  [P,1,L]: one workgroup a part
// override  WORKGROUP: power of two, 1..256 · FINITE: NaN and Inf do not count
//           CAUSAL: x is [L,..,T,T], and elements right of the diagonal do not count
// numerics  u32 arithmetic only; the order does not matter
// uses lib/amax
override FINITE: bool = false;
override CAUSAL: bool = false;

struct Sizes {
  // S
  count: u32,
  // U
  part: u32,
  // T
  side: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) thread: u32,
  @builtin(num_workgroups) groups: vec3u,
) {
  let base = group.z * sizes.count;
  let end = select((group.x + 1u) * sizes.part, sizes.count, group.x + 1u == groups.x);
  var largest = 0u;
  for (var i = group.x * sizes.part + thread; i < end; i += WORKGROUP) {
    let magnitude = x[base + i] & 0x7fffffffu;
    var counts = true;
    if (FINITE) {
      counts = magnitude < 0x7f800000u;
    }
    if (CAUSAL) {
      counts = i % sizes.side <= (i / sizes.side) % sizes.side;
    }
    largest = max(largest, select(0u, magnitude, counts));
  }
  largest = team_amax(largest, thread, WORKGROUP);
  if (thread == 0u) {
    y[group.z * groups.x + group.x] = largest;
  }
}
