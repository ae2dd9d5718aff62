// attention-delta: what the backward kernels of attention read of each row of scores, in one buffer.
//
//   stats[b,h,t] = lse[b,h,t], do[b,t,h] . o[b,t,h]
//
// group 0   0 o f32[L,B,T,H*D] read · 1 d_o f32[L,B,T,H*D] read · 2 lse f32[L,B,H,T] read · 3 stats f32[L,B,H,T,2] write · 4 sizes
// dispatch  [ceil(B*H*T/WORKGROUP),1,L], folded over x and y: one thread a row
// override  WORKGROUP: 1..256
// template  WIDTH: 4 where it divides D, else 1
// numerics  one product after another
// uses lib/vec{{WIDTH}}
override WORKGROUP: u32 = 64;

struct Sizes {
  B: u32,
  T: u32,
  H: u32,
  // D / WIDTH
  DN: u32,
}

@group(0) @binding(0) var<storage, read> o: array<Vec>;
@group(0) @binding(1) var<storage, read> d_o: array<Vec>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read_write> stats: array<vec2f>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  let rows = sizes.B * sizes.H * sizes.T;
  if (i >= rows) {
    return;
  }
  let t = i % sizes.T;
  let head = i / sizes.T % sizes.H;
  let batch = id.z * sizes.B + i / (sizes.T * sizes.H);
  let at = ((batch * sizes.T + t) * sizes.H + head) * sizes.DN;
  var delta = 0.0;
  for (var d = 0u; d < sizes.DN; d++) {
    delta += total(d_o[at + d] * o[at + d]);
  }
  stats[id.z * rows + i] = vec2f(lse[id.z * rows + i], delta);
}
