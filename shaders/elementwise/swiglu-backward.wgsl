// swiglu-backward: the gradient of swiglu-forward.
//
//   dx[r,F+f] = dy[r,f] silu(g)                        g = x[r,f], u = x[r,F+f], s = sigmoid(g)
//   dx[r,f]   = dy[r,f] u s (1 + g (1 - s))
//
// group 0   0 dy f32[L,R,F] read · 1 x f32[L,R,2F] read · 2 dx f32[L,R,2F] write
// dispatch  [ceil(R*F/WIDTH/WORKGROUP),1,L], folded over x and y: one thread a vector of dy
// override  WORKGROUP: 1..256
// template  WIDTH: 4 where it divides F, else 1
// numerics  see lib/activation; 1 - s comes from the exponential, it does not cancel
// uses lib/vec{{WIDTH}}, lib/activation
override WORKGROUP: u32 = 64;

struct Sizes {
  // R * F / WIDTH
  count: u32,
  // F / WIDTH
  columns: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<Vec>;
@group(0) @binding(1) var<storage, read> x: array<Vec>;
@group(0) @binding(2) var<storage, read_write> dx: array<Vec>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= sizes.count) {
    return;
  }
  let at = id.z * sizes.count + i;
  let start = at + (id.z * (sizes.count / sizes.columns) + i / sizes.columns) * sizes.columns;
  let gate = x[start];
  let e = decay(gate);
  let s = sigmoid(gate, e);
  dx[start] = dy[at] * x[start + sizes.columns] * s * (1 + gate * sigmoid(-gate, e));
  dx[start + sizes.columns] = dy[at] * gate * s;
}
