// broadcast-forward: a lane's scalar, scaled, everywhere.
//
//   y[i] = x[0] scale
//
// group 0   0 x f32[L,1] read · 1 y f32[L,S] write
// dispatch  [ceil(S/WORKGROUP),1,L], folded over x and y: one thread an element
// override  WORKGROUP: 1..256
override WORKGROUP: u32 = 64;

struct Sizes {
  // S
  count: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i < sizes.count) {
    y[id.z * sizes.count + i] = x[id.z] * sizes.scale;
  }
}
