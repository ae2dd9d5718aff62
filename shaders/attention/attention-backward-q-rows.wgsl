// attention-backward-q-rows: attention-backward-q for adapters that punish barriers; one thread keeps four query rows in registers.
//
//   p[t,j] = exp(scale * q[t] . k[j] - lse[t])     dp[t,j] = do[t] . v[j]     delta[t] = do[t] . o[t]
//   ds[t,j] = p[t,j] * (dp[t,j] - delta[t])        dq[t] = scale * sum_j ds[t,j] * k[j]
//
// group 0   0 qkv f32[L,B,T,(H+2Hkv)*D] read · 1 o f32[L,B,T,H*D] read · 2 d_o f32[L,B,T,H*D] read · 3 lse f32[L,B,H,T] read
//           4 dqkv f32[L,B,T,(H+2Hkv)*D] write: the part of q · 5 delta f32[L,B,H,T] write: read again by attention-backward-kv-rows
//           6 angles f32[2,T,D/2] read, unused unless TURNED
//           7 more u32[L,B*(H+Hkv)*ceil(T/(4*WORKGROUP))] write: with TOLD amax, the first B*H*.. parts, the largest magnitude that each
//           workgroup makes · 8 sizes
// dispatch  [ceil(ceil(T/4)/WORKGROUP), B*H, L]
// template  D4: D / 4, 1..8 · TOLD: none or amax, see lib/told-*
// override  WORKGROUP: a power of two up to 256 · TURNED: turns dq back, see lib/row-turn
// numerics  a probability is at most 1: a score made again may be above lse by rounding, which huge scores make large
//           one key after another
// uses lib/vec4, lib/row-backward, lib/row-turn, lib/told-{{TOLD}}

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(1) var<storage, read> o: array<vec4f>;
@group(0) @binding(2) var<storage, read> d_o: array<vec4f>;
@group(0) @binding(3) var<storage, read> lse: array<f32>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> delta: array<f32>;
@group(0) @binding(6) var<storage, read> angles: array<vec4f>;
@group(0) @binding(8) var<uniform> sizes: Sizes;

const D4 = {{D4}}u;

// A loop, because code for loads is long and slow to compile.
fn d_o_rows(at: vec4u) -> Rows {
  var rows: Rows;
  for (var r = 0u; r < 4u; r++) {
    add_outer(&rows, d_o_row(at[r]), unit(r));
  }
  return rows;
}

// o . do of one row
fn row_delta(at: u32) -> f32 {
  var sum = 0.0;
  for (var i = 0u; i < D4; i++) {
    sum += dot(o[at + i], d_o[at + i]);
  }
  return sum;
}

// Threads past the last row make nothing.
fn make_rows(id: vec3u) {
  let T = sizes.T;
  let first = 4u * id.x;
  if (first >= T) {
    return;
  }
  let t = min(first + vec4u(0u, 1u, 2u, 3u), vec4u(T - 1u));
  let batch = id.z * sizes.B + id.y / sizes.H;
  let head = id.y % sizes.H;
  let kv_head = head / (sizes.H / sizes.KV_HEADS);
  let stride = (sizes.H + 2u * sizes.KV_HEADS) * D4;
  let base = batch * T * stride;
  let k_base = base + (sizes.H + kv_head) * D4;
  let to_v = sizes.KV_HEADS * D4;

  let q_at = base + t * stride + head * D4;
  var q = qkv_rows(q_at);
  scale_rows(&q, vec4f(sizes.scale));
  let o_at = ((batch * T + t) * sizes.H + head) * D4;
  let dy = d_o_rows(o_at);
  let deltas = vec4f(row_delta(o_at.x), row_delta(o_at.y), row_delta(o_at.z), row_delta(o_at.w));
  let stat_at = (batch * sizes.H + head) * T + t;
  let stats = vec4f(lse[stat_at.x], lse[stat_at.y], lse[stat_at.z], lse[stat_at.w]);
  var dq: Rows;
  for (var j = 0u; j <= t.w; j++) {
    let at = k_base + j * stride;
    let k = qkv_row(at);
    let p = select(vec4f(), exp(min(dots(k, q) - stats, vec4f())), vec4u(j) <= t);
    let ds = p * (dots(qkv_row(at + to_v), dy) - deltas);
    add_outer(&dq, k, ds);
  }
  scale_rows(&dq, vec4f(sizes.scale));
  write_rows(q_at, turned_back(dq, t));
  delta[stat_at.x] = deltas.x;
  delta[stat_at.y] = deltas.y;
  delta[stat_at.z] = deltas.z;
  delta[stat_at.w] = deltas.w;
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
  store_amax(thread, (group.z * parts + group.y) * groups.x + group.x);
}
