// attention-backward-kv-rows: attention-backward-kv for adapters that punish barriers; one thread keeps four keys in registers.
//
//   p[t,j] = exp(scale * q[t] . k[j] - lse[t])     ds[t,j] = p[t,j] * (do[t] . v[j] - delta[t])
//   dv[j] = sum_t p[t,j] * do[t]                   dk[j] = scale * sum_t ds[t,j] * q[t]       over the heads that share k and v
//
// group 0   0 qkv f32[L,B,T,(H+2Hkv)*D] read · 1 d_o f32[L,B,T,H*D] read · 2 lse f32[L,B,H,T] read · 3 delta f32[L,B,H,T] read
//           4 dqkv f32[L,B,T,(H+2Hkv)*D] write: the parts of k and v
//           5 angles f32[2,T,D/2] read, unused unless TURNED
//           7 more u32[L,B*(H+Hkv)*ceil(T/(4*WORKGROUP))] write: with TOLD amax, the last B*Hkv*.. parts, the largest magnitude that each
//           workgroup makes · 6 sizes
// dispatch  [ceil(ceil(T/4)/WORKGROUP), B*Hkv, L]
// template  D4: D / 4, 1..8 · TOLD: none or amax, see lib/told-*
// override  WORKGROUP: a power of two up to 256 · TURNED: turns dk back, see lib/row-turn
// numerics  a probability is at most 1: a score made again may be above lse by rounding, which huge scores make large
//           heads of the group in order, one query row after another
// uses lib/vec4, lib/row-backward, lib/row-turn, lib/told-{{TOLD}}

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(1) var<storage, read> d_o: array<vec4f>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read> delta: array<f32>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<vec4f>;
@group(0) @binding(5) var<storage, read> angles: array<vec4f>;
@group(0) @binding(6) var<uniform> sizes: Sizes;

const D4 = {{D4}}u;

// Threads past the last row make nothing.
fn make_rows(id: vec3u) {
  let T = sizes.T;
  let first = 4u * id.x;
  if (first >= T) {
    return;
  }
  let j = min(first + vec4u(0u, 1u, 2u, 3u), vec4u(T - 1u));
  let batch = id.z * sizes.B + id.y / sizes.KV_HEADS;
  let kv_head = id.y % sizes.KV_HEADS;
  let shared_by = sizes.H / sizes.KV_HEADS;
  let stride = (sizes.H + 2u * sizes.KV_HEADS) * D4;
  let base = batch * T * stride;

  let k_at = base + j * stride + (sizes.H + kv_head) * D4;
  let v_at = k_at + sizes.KV_HEADS * D4;
  var k = qkv_rows(k_at);
  scale_rows(&k, vec4f(sizes.scale));
  let v = qkv_rows(v_at);
  var dk: Rows;
  var dv: Rows;
  for (var head = kv_head * shared_by; head < (kv_head + 1u) * shared_by; head++) {
    let stat_base = (batch * sizes.H + head) * T;
    for (var t = first; t < T; t++) {
      let q = qkv_row(base + t * stride + head * D4);
      let dy = d_o_row(((batch * T + t) * sizes.H + head) * D4);
      let p = select(vec4f(), exp(min(dots(q, k) - lse[stat_base + t], vec4f())), vec4u(t) >= j);
      let ds = p * (dots(dy, v) - delta[stat_base + t]);
      add_outer(&dv, dy, p);
      add_outer(&dk, q, ds);
    }
  }
  scale_rows(&dk, vec4f(sizes.scale));
  write_rows(k_at, turned_back(dk, j));
  write_rows(v_at, dv);
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  make_rows(id);
  let parts = sizes.B * (sizes.H + sizes.KV_HEADS);
  store_amax(thread, (group.z * parts + sizes.B * sizes.H + group.y) * groups.x + group.x);
}
