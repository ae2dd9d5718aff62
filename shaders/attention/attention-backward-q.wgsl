// attention-backward-q: gradient of causal attention with respect to the queries; one thread a query row.
//
//   p[t,j] = exp(scale * q[t] . k[j] - lse[t])     dp[t,j] = do[t] . v[j]     delta[t] = do[t] . o[t]
//   ds[t,j] = p[t,j] * (dp[t,j] - delta[t])        dq[t] = scale * sum_j ds[t,j] * k[j]
//
// group 0   0 qkv f32[L,B,T,(H+2Hkv)*D] read · 1 o f32[L,B,T,H*D] read · 2 d_o f32[L,B,T,H*D] read · 3 lse f32[L,B,H,T] read
//           4 dqkv f32[L,B,T,(H+2Hkv)*D] write: the part of q · 5 delta f32[L,B,H,T] write: read again by attention-backward-kv
//           6 sizes
// dispatch  [ceil(T/WORKGROUP), B*H, L]
// template  WIDTH: 4 where it divides D, else 1 · DN: D / WIDTH
// override  WORKGROUP: query rows, 1..256 · KEYS: keys a tile; 8 * KEYS * D bytes of workgroup memory
// numerics  a probability is at most 1: a score made again may be above lse by rounding, which huge scores make large
//           one key after another: the order is the same for any WORKGROUP and KEYS
// uses lib/vec{{WIDTH}}

struct Sizes {
  B: u32,
  T: u32,
  H: u32,
  KV_HEADS: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> qkv: array<Vec>;
@group(0) @binding(1) var<storage, read> o: array<Vec>;
@group(0) @binding(2) var<storage, read> d_o: array<Vec>;
@group(0) @binding(3) var<storage, read> lse: array<f32>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<Vec>;
@group(0) @binding(5) var<storage, read_write> delta: array<f32>;
@group(0) @binding(6) var<uniform> sizes: Sizes;

override WORKGROUP: u32 = 64u;
override KEYS: u32 = 16u;

const DN = {{DN}}u;

var<workgroup> k_tile: array<Vec, KEYS * DN>;
var<workgroup> v_tile: array<Vec, KEYS * DN>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let T = sizes.T;
  let row = group.x * WORKGROUP + thread;
  let t = min(row, T - 1u);
  let batch = group.z * sizes.B + group.y / sizes.H;
  let head = group.y % sizes.H;
  let kv_head = head / (sizes.H / sizes.KV_HEADS);
  let stride = (sizes.H + 2u * sizes.KV_HEADS) * DN;
  let base = batch * T * stride;
  let k_base = base + (sizes.H + kv_head) * DN;
  let to_v = sizes.KV_HEADS * DN;
  let stat_at = (batch * sizes.H + head) * T + t;

  var q: array<Vec, DN>;
  var dy: array<Vec, DN>;
  var dq: array<Vec, DN>;
  let q_at = base + t * stride + head * DN;
  let o_at = ((batch * T + t) * sizes.H + head) * DN;
  var row_delta = 0.0;
  for (var d = 0u; d < DN; d++) {
    q[d] = qkv[q_at + d] * sizes.scale;
    dy[d] = d_o[o_at + d];
    row_delta += total(dy[d] * o[o_at + d]);
  }
  let row_lse = lse[stat_at];
  let end = min((group.x + 1u) * WORKGROUP, T);
  for (var start = 0u; start < end; start += KEYS) {
    let count = min(KEYS, end - start);
    for (var i = thread; i < count * DN; i += WORKGROUP) {
      let at = k_base + (start + i / DN) * stride + i % DN;
      k_tile[i] = qkv[at];
      v_tile[i] = qkv[at + to_v];
    }
    workgroupBarrier();
    for (var j = 0u; j < count && start + j <= t; j++) {
      var s = 0.0;
      var dp = 0.0;
      for (var d = 0u; d < DN; d++) {
        s += total(q[d] * k_tile[j * DN + d]);
        dp += total(dy[d] * v_tile[j * DN + d]);
      }
      let ds = exp(min(s - row_lse, 0.0)) * (dp - row_delta);
      for (var d = 0u; d < DN; d++) {
        dq[d] += ds * k_tile[j * DN + d];
      }
    }
    workgroupBarrier();
  }
  if (row < T) {
    for (var d = 0u; d < DN; d++) {
      dqkv[q_at + d] = dq[d] * sizes.scale;
    }
    delta[stat_at] = row_delta;
  }
}
