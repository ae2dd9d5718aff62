// attention-backward-q: gradient of causal attention with respect to the queries, which are normed and turned on the way in where flags
// say so (lib/qk); one thread a query row.
//
//   p[t,j] = exp(scale * q[t] . k[j] - lse[t])     dp[t,j] = do[t] . v[j]     delta[t] = do[t] . o[t]
//   ds[t,j] = p[t,j] * (dp[t,j] - delta[t])        dq[t] = scale * sum_j ds[t,j] * k[j]
//   of prepared q and k; then dq back through what prepared q
//
// group 0   0 qkv f32[L,B,T,(H+2Hkv)*D] read · 1 d_o f32[L,B,T,H*D] read · 2 stats f32[L,B,H,T,2] read: lse, delta
//           3 qgain f32[L,D] read · 4 kgain f32[L,D] read, both unused unless NORMED · 5 angles f32[2,T,D/2] read, unused unless TURNED
//           6 dqkv f32[L,B,T,(H+2Hkv)*D] write: the part of q · 7 sums f32[L,B*H,ceil(T/WORKGROUP),D] write, unused unless NORMED: what
//           each workgroup adds to the gradient of qgain; or with TOLD amax, which is not NORMED, 7 more
//           u32[L,B*(H+Hkv)*ceil(T/WORKGROUP)] write: the first B*H*.. parts, the largest magnitude that each workgroup makes · 8 sizes
// dispatch  [ceil(T/WORKGROUP), B*H, L]
// template  WIDTH: 4 where it divides D (D/2 if TURNED), else 1 · DN: D / WIDTH · TOLD: none or amax, see lib/gain-sums-*
// override  WORKGROUP: query rows, a power of two up to 256 · TILE: keys a tile; 8 * TILE * D + 4 * TILE bytes of workgroup memory
//           NORMED, TURNED: see lib/qk
// numerics  a probability is at most 1: a score made again may be above lse by rounding, which huge scores make large
//           one key after another, sums over queries in their order: the same for any TILE
// uses lib/vec{{WIDTH}}, lib/qk, lib/gain-sums-{{TOLD}}

@group(0) @binding(0) var<storage, read> qkv: array<Vec>;
@group(0) @binding(1) var<storage, read> d_o: array<Vec>;
@group(0) @binding(2) var<storage, read> stats: array<vec2f>;
@group(0) @binding(3) var<storage, read> qgain: array<Vec>;
@group(0) @binding(4) var<storage, read> kgain: array<Vec>;
@group(0) @binding(5) var<storage, read> angles: array<Vec>;
@group(0) @binding(6) var<storage, read_write> dqkv: array<Vec>;
@group(0) @binding(8) var<uniform> sizes: Sizes;

const DN = {{DN}}u;

// Tiles are of keys, with values beside them.
@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
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
  let lane = group.z * DN;

  var q: Head;
  var dy: Head;
  var dq: Head;
  let q_at = base + t * stride + head * DN;
  let o_at = ((batch * T + t) * sizes.H + head) * DN;
  for (var d = 0u; d < DN; d++) {
    q[d] = qkv[q_at + d];
    dy[d] = d_o[o_at + d];
  }
  prepare(&q, false, lane, t);
  for (var d = 0u; d < DN; d++) {
    q[d] *= sizes.scale;
  }
  let stat = stats[(batch * sizes.H + head) * T + t];
  let end = min((group.x + 1u) * WORKGROUP, T);
  for (var start = 0u; start < end; start += TILE) {
    let count = min(TILE, end - start);
    for (var i = thread; i < count * DN; i += WORKGROUP) {
      let at = k_base + (start + i / DN) * stride + i % DN;
      tile[i] = qkv[at];
      side[i] = qkv[at + to_v];
    }
    prepare_tile(thread, count, true, lane, start);
    for (var j = 0u; j < count && start + j <= t; j++) {
      var s = 0.0;
      var dp = 0.0;
      for (var d = 0u; d < DN; d++) {
        s += total(q[d] * tile[j * DN + d]);
        dp += total(dy[d] * side[j * DN + d]);
      }
      let ds = exp(min(s - stat.x, 0.0)) * (dp - stat.y);
      for (var d = 0u; d < DN; d++) {
        dq[d] += ds * tile[j * DN + d];
      }
    }
    workgroupBarrier();
  }
  for (var d = 0u; d < DN; d++) {
    dq[d] *= sizes.scale;
    q[d] = qkv[q_at + d];
  }
  prepare_backward(&dq, &q, false, lane, t);
  if (row < T) {
    for (var d = 0u; d < DN; d++) {
      dqkv[q_at + d] = kept(q_at + d, dq[d]);
    }
  } else {
    q = Head();
  }
  if (NORMED) {
    sum_gains(&q, thread);
    for (var d = thread; d < DN; d += WORKGROUP) {
      store_sum(((group.z * groups.y + group.y) * groups.x + group.x) * DN + d, side[d]);
    }
  }
  let parts = sizes.B * (sizes.H + sizes.KV_HEADS);
  store_amax(thread, (group.z * parts + group.y) * groups.x + group.x);
}
