// swiglu-forward: the gated unit of an MLP, gate and up-projection side by side in one row.
//
//   y[r,f] = silu(x[r,f]) x[r,F+f]     silu(g) = g sigmoid(g)
//
// group 0   0 x f32[L,R,2F] read · 1 y f32[L,R,F] write
// dispatch  [ceil(R*F/WIDTH/WORKGROUP),1,L], folded over x and y: one thread a vector of y
// override  WORKGROUP: 1..256
// template  WIDTH: 4 where it divides F, else 1
// numerics  see lib/activation
// uses lib/vec{{WIDTH}}, lib/activation
override WORKGROUP: u32 = 64;

struct Sizes {
  // R * F / WIDTH
  count: u32,
  // F / WIDTH
  columns: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Vec>;
@group(0) @binding(1) var<storage, read_write> y: array<Vec>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= sizes.count) {
    return;
  }
  let at = id.z * sizes.count + i;
  // Row r of x begins at 2rF: one F past where row r of y does, for every row before it.
  let start = at + (id.z * (sizes.count / sizes.columns) + i / sizes.columns) * sizes.columns;
  let gate = x[start];
  y[at] = gate * sigmoid(gate, decay(gate)) * x[start + sizes.columns];
}
