// copy: Y = X, for how fast an adapter's memory is read and written.
//
//   y[i] = x[i]
//
// group 0   0 x vec4f[COUNT] read · 1 y vec4f[COUNT] write · 2 sizes: count in vec4f
// dispatch  [X, 1, 1], any X: the workgroups share out the vectors
// override  WORKGROUP: 32..256
// numerics  bits are copied
override WORKGROUP: u32 = 256;

struct Sizes {
  count: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let step = groups.x * WORKGROUP;
  for (var i = id.x; i < sizes.count; i += step) {
    y[i] = x[i];
  }
}
