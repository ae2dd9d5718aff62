// global-norm-root: the root of a sum, the last of two stages of global_norm.
//
//   norm = sqrt(sum_i terms[i])
//
// group 0   0 terms f32[L,S] read · 1 norm f32[L,1] write · 2 sizes
// dispatch  [1,1,L]
// override  WORKGROUP, TEAM: equal; see lib/reduce
// numerics  every WORKGROUP-th term in order, then a tree; overflows beyond a norm of 1.8e19
// uses lib/reduce

struct Sizes {
  // S
  count: u32,
}

@group(0) @binding(0) var<storage, read> terms: array<f32>;
@group(0) @binding(1) var<storage, read_write> norm: array<f32>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  var sum = 0.0;
  for (var i = thread; i < sizes.count; i += WORKGROUP) {
    sum += terms[group.z * sizes.count + i];
  }
  sum = team_sum(sum, thread);
  if (thread == 0u) {
    norm[group.z] = sqrt(sum);
  }
}
