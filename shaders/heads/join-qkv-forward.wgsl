// join-qkv-forward: gradient of split-qkv-forward; heads that share a k and v add up, in the order of heads.
//
//   dqkv[b,t, head h] = dq[b,h,t,:]     dqkv[b,t, head H + n] = sum over h/G = n of dk[b,h,t,:], and dv likewise     G = H/Hkv
//
// group 0   0 dq f32[L,B,H,T,D] read · 1 dk f32[L,B,H,T,D] read · 2 dv f32[L,B,H,T,D] read · 3 dqkv f32[L,B,T,(H+2Hkv)*D] write
//           4 sizes
// dispatch  [ceil(B*T*(H+2Hkv)*DN/WORKGROUP),1,L], folded over x and y: one thread a vector of dqkv
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

@group(0) @binding(0) var<storage, read> dq: array<Vec>;
@group(0) @binding(1) var<storage, read> dk: array<Vec>;
@group(0) @binding(2) var<storage, read> dv: array<Vec>;
@group(0) @binding(3) var<storage, read_write> dqkv: array<Vec>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  let heads = sizes.H + 2u * sizes.KV_HEADS;
  let count = sizes.B * sizes.T * heads * sizes.DN;
  if (i >= count) {
    return;
  }
  let d = i % sizes.DN;
  let head = i / sizes.DN % heads;
  let t = i / (sizes.DN * heads) % sizes.T;
  let b = id.z * sizes.B + i / (sizes.DN * heads * sizes.T);
  // From one head of dq, dk or dv to the next.
  let step = sizes.T * sizes.DN;
  let base = b * sizes.H * step + t * sizes.DN + d;
  let to = id.z * count + i;
  if (head < sizes.H) {
    dqkv[to] = dq[base + head * step];
    return;
  }
  let shared_by = sizes.H / sizes.KV_HEADS;
  let first = base + (head - sizes.H) % sizes.KV_HEADS * shared_by * step;
  var sum = Vec();
  if (head < sizes.H + sizes.KV_HEADS) {
    for (var n = 0u; n < shared_by; n++) {
      sum += dk[first + n * step];
    }
  } else {
    for (var n = 0u; n < shared_by; n++) {
      sum += dv[first + n * step];
    }
  }
  dqkv[to] = sum;
}
