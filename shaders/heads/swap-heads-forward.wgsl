// swap-heads-forward: exchanges two dimensions of vectors: [B,H,T,D] to [B,T,H,D] (merge_heads) and back (split_heads).
//
//   y[b,j,i,:] = x[b,i,j,:]
//
// group 0   0 x f32[L,B,I,J,D] read · 1 y f32[L,B,J,I,D] write · 2 sizes
// dispatch  [ceil(B*I*J*DN/WORKGROUP),1,L], folded over x and y: one thread a vector
// override  WORKGROUP: 1..256
// template  WIDTH: 4 where it divides D, else 1
// uses lib/vec{{WIDTH}}
override WORKGROUP: u32 = 64;

struct Sizes {
  B: u32,
  I: u32,
  J: u32,
  // D / WIDTH
  DN: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Vec>;
@group(0) @binding(1) var<storage, read_write> y: array<Vec>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let n = id.y * groups.x * WORKGROUP + id.x;
  let count = sizes.B * sizes.I * sizes.J * sizes.DN;
  if (n >= count) {
    return;
  }
  let d = n % sizes.DN;
  let i = n / sizes.DN % sizes.I;
  let j = n / (sizes.DN * sizes.I) % sizes.J;
  let b = n / (sizes.DN * sizes.I * sizes.J);
  y[id.z * count + n] = x[id.z * count + ((b * sizes.I + i) * sizes.J + j) * sizes.DN + d];
}
