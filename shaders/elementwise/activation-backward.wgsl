// activation-backward: the gradient through a pointwise nonlinearity, from what went into it.
//
//   dx[i] = dy[i] f'(x[i])
//
// group 0   0 dy f32[L,S] read · 1 x f32[L,S] read · 2 dx f32[L,S] write
// dispatch  [ceil(S/WIDTH/WORKGROUP),1,L], folded over x and y: one thread a vector of dx
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
  if (KIND == 0u) {
    dx[at] = dy[at] * gelu_slope(x[at]);
  } else if (KIND == 1u) {
    dx[at] = dy[at] * relu2_slope(x[at]);
  } else {
    dx[at] = dy[at] * softcap_slope(x[at], sizes.cap);
  }
}
