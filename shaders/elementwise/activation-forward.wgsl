// activation-forward: a pointwise nonlinearity.
//
//   y[i] = gelu(x[i]), relu2(x[i]) or cap tanh(x[i] / cap)
//
// group 0   0 x f32[L,S] read · 1 y f32[L,S] write
// dispatch  [ceil(S/WIDTH/WORKGROUP),1,L], folded over x and y: one thread a vector of y
// override  WORKGROUP: 1..256 · KIND: 0 gelu (tanh form), 1 relu2, 2 softcap
// template  WIDTH: 4 where it divides S, else 1
// numerics  see lib/activation
// uses lib/vec{{WIDTH}}, lib/activation
override WORKGROUP: u32 = 64;
override KIND: u32 = 0;

struct Sizes {
  // S / WIDTH
  count: u32,
  cap: f32,
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
  if (KIND == 0u) {
    y[at] = gelu(x[at]);
  } else if (KIND == 1u) {
    y[at] = relu2(x[at]);
  } else {
    y[at] = softcap(x[at], sizes.cap);
  }
}
