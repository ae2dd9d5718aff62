// split-qkv-forward: queries, keys and values by head; heads that share a k and v get a copy each.
//
//   q[b,h,t,:] = head h of row (b,t)     k[b,h,t,:] = head H + h/G     v[b,h,t,:] = head H + Hkv + h/G     G = H/Hkv
//
// group 0   0 qkv f32[L,B,T,(H+2Hkv)*D] read · 1 q f32[L,B,H,T,D] write · 2 k f32[L,B,H,T,D] write · 3 v f32[L,B,H,T,D] write
//           4 sizes
// dispatch  [ceil(B*H*T*DN/WORKGROUP),1,L], folded over x and y: one thread a vector of q
// override  WORKGROUP: 1..256
// template  WIDTH: 4 where it divides D, else 1
// uses lib/vec{{WIDTH}}
override WORKGROUP: u32 = 64;

struct Sizes {
  B: u32,
  T: u32,
  H: u32,
  KV_HEADS: u32,
  // D / WIDTH
  DN: u32,
}

@group(0) @binding(0) var<storage, read> qkv: array<Vec>;
@group(0) @binding(1) var<storage, read_write> q: array<Vec>;
@group(0) @binding(2) var<storage, read_write> k: array<Vec>;
@group(0) @binding(3) var<storage, read_write> v: array<Vec>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  let count = sizes.B * sizes.H * sizes.T * sizes.DN;
  if (i >= count) {
    return;
  }
  let d = i % sizes.DN;
  let t = i / sizes.DN % sizes.T;
  let h = i / (sizes.DN * sizes.T) % sizes.H;
  let b = id.z * sizes.B + i / (sizes.DN * sizes.T * sizes.H);
  let row = (b * sizes.T + t) * (sizes.H + 2u * sizes.KV_HEADS);
  let kv = row + sizes.H + h / (sizes.H / sizes.KV_HEADS);
  let to = id.z * count + i;
  q[to] = qkv[(row + h) * sizes.DN + d];
  k[to] = qkv[kv * sizes.DN + d];
  v[to] = qkv[(kv + sizes.KV_HEADS) * sizes.DN + d];
}
