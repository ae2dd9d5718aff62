// mean-forward: the mean of a lane's values.
//
//   y[0] = (x[0] + ... + x[S-1]) / S
//
// group 0   0 x f32[L,S] read · 1 y f32[L,1] write
// dispatch  [1,1,L]: one workgroup a lane
// override  WORKGROUP = TEAM: see lib/reduce
// template  WIDTH: 4 where it divides S, else 1
// numerics  f32 sums: every TEAM-th vector in order, then their components, then a tree
// uses lib/vec{{WIDTH}}, lib/reduce
struct Sizes {
  // S / WIDTH
  count: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Vec>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  var sum = Vec(0);
  for (var i = thread; i < sizes.count; i += TEAM) {
    sum += x[group.z * sizes.count + i];
  }
  let mean = team_sum(total(sum), thread) / f32(sizes.count * WIDTH);
  if (thread == 0u) {
    y[group.z] = mean;
  }
}
