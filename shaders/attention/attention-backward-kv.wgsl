// attention-backward-kv: gradient of causal attention with respect to keys and values; one thread a key.
//
//   p[t,j] = exp(scale * q[t] . k[j] - lse[t])     ds[t,j] = p[t,j] * (do[t] . v[j] - delta[t])
//   dv[j] = sum_t p[t,j] * do[t]                   dk[j] = scale * sum_t ds[t,j] * q[t]       over the heads that share k and v
//
// group 0   0 qkv f32[L,B,T,(H+2Hkv)*D] read · 1 d_o f32[L,B,T,H*D] read · 2 lse f32[L,B,H,T] read · 3 delta f32[L,B,H,T] read
//           4 dqkv f32[L,B,T,(H+2Hkv)*D] write: the parts of k and v · 5 sizes
// dispatch  [ceil(T/WORKGROUP), B*Hkv, L]
// template  WIDTH: 4 where it divides D, else 1 · DN: D / WIDTH
// override  WORKGROUP: keys, 1..256 · QUERIES: query rows a tile; 8 * QUERIES * (D + 1) bytes of workgroup memory
// numerics  a probability is at most 1: a score made again may be above lse by rounding, which huge scores make large
//           heads of the group in order, one query row after another: the order is the same for any WORKGROUP and QUERIES
// uses lib/vec{{WIDTH}}

struct Sizes {
  B: u32,
  T: u32,
  H: u32,
  KV_HEADS: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> qkv: array<Vec>;
@group(0) @binding(1) var<storage, read> d_o: array<Vec>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read> delta: array<f32>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<Vec>;
@group(0) @binding(5) var<uniform> sizes: Sizes;

override WORKGROUP: u32 = 64u;
override QUERIES: u32 = 16u;

const DN = {{DN}}u;

var<workgroup> q_tile: array<Vec, QUERIES * DN>;
var<workgroup> dy_tile: array<Vec, QUERIES * DN>;
var<workgroup> lse_tile: array<f32, QUERIES>;
var<workgroup> delta_tile: array<f32, QUERIES>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let T = sizes.T;
  let first = group.x * WORKGROUP;
  let j = min(first + thread, T - 1u);
  let batch = group.z * sizes.B + group.y / sizes.KV_HEADS;
  let kv_head = group.y % sizes.KV_HEADS;
  let shared_by = sizes.H / sizes.KV_HEADS;
  let stride = (sizes.H + 2u * sizes.KV_HEADS) * DN;
  let base = batch * T * stride;
  let k_at = base + j * stride + (sizes.H + kv_head) * DN;
  let v_at = k_at + sizes.KV_HEADS * DN;

  var k: array<Vec, DN>;
  var v: array<Vec, DN>;
  var dk: array<Vec, DN>;
  var dv: array<Vec, DN>;
  for (var d = 0u; d < DN; d++) {
    k[d] = qkv[k_at + d] * sizes.scale;
    v[d] = qkv[v_at + d];
  }
  for (var head = kv_head * shared_by; head < (kv_head + 1u) * shared_by; head++) {
    let stat_base = (batch * sizes.H + head) * T;
    for (var start = first; start < T; start += QUERIES) {
      let count = min(QUERIES, T - start);
      for (var i = thread; i < count * DN; i += WORKGROUP) {
        let t = start + i / DN;
        q_tile[i] = qkv[base + t * stride + head * DN + i % DN];
        dy_tile[i] = d_o[((batch * T + t) * sizes.H + head) * DN + i % DN];
      }
      for (var i = thread; i < count; i += WORKGROUP) {
        lse_tile[i] = lse[stat_base + start + i];
        delta_tile[i] = delta[stat_base + start + i];
      }
      workgroupBarrier();
      for (var i = max(start, j) - start; i < count; i++) {
        var s = 0.0;
        var dp = 0.0;
        for (var d = 0u; d < DN; d++) {
          s += total(q_tile[i * DN + d] * k[d]);
          dp += total(dy_tile[i * DN + d] * v[d]);
        }
        let p = exp(min(s - lse_tile[i], 0.0));
        let ds = p * (dp - delta_tile[i]);
        for (var d = 0u; d < DN; d++) {
          dv[d] += p * dy_tile[i * DN + d];
          dk[d] += ds * q_tile[i * DN + d];
        }
      }
      workgroupBarrier();
    }
  }
  if (first + thread < T) {
    for (var d = 0u; d < DN; d++) {
      dqkv[k_at + d] = dk[d] * sizes.scale;
      dqkv[v_at + d] = dv[d];
    }
  }
}
