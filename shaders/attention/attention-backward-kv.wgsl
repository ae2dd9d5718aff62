// attention-backward-kv: gradient of causal attention with respect to keys and values; queries and keys are normed and turned on the way
// in where flags say so (lib/qk); one thread a key.
//
//   p[t,j] = exp(scale * q[t] . k[j] - lse[t])     ds[t,j] = p[t,j] * (do[t] . v[j] - delta[t])
//   dv[j] = sum_t p[t,j] * do[t]                   dk[j] = scale * sum_t ds[t,j] * q[t]       over the heads that share k and v
//   of prepared q and k; then dk back through what prepared k
//
// group 0   0 qkv f32[L,B,T,(H+2Hkv)*D] read · 1 d_o f32[L,B,T,H*D] read · 2 stats f32[L,B,H,T,2] read: lse, delta
//           3 qgain f32[L,D] read · 4 kgain f32[L,D] read, both unused unless NORMED · 5 angles f32[2,T,D/2] read, unused unless TURNED
//           6 dqkv f32[L,B,T,(H+2Hkv)*D] write: the parts of k and v · 7 sums f32[L,B*Hkv,ceil(T/WORKGROUP),D] write, unused unless
//           NORMED: what each workgroup adds to the gradient of kgain; or with TOLD amax, which is not NORMED, 7 more
//           u32[L,B*(H+Hkv)*ceil(T/WORKGROUP)] write: the last B*Hkv*.. parts, the largest magnitude that each workgroup makes · 8 sizes
// dispatch  [ceil(T/WORKGROUP), B*Hkv, L]
// template  WIDTH: 4 where it divides D (D/2 if TURNED), else 1 · DN: D / WIDTH · TOLD: none or amax, see lib/gain-sums-*
// override  WORKGROUP: keys, a power of two up to 256 · TILE: query rows a tile; 8 * TILE * D + 12 * TILE bytes of workgroup memory
//           NORMED, TURNED: see lib/qk
// numerics  a probability is at most 1: a score made again may be above lse by rounding, which huge scores make large
//           heads of the group in order, one query row after another, sums over keys in their order: the same for any TILE
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

var<workgroup> stat_tile: array<vec2f, TILE>;

// Tiles are of queries, with gradients of o beside them.
@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
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
  let lane = group.z * DN;

  var k: Head;
  var v: Head;
  var dk: Head;
  var dv: Head;
  for (var d = 0u; d < DN; d++) {
    k[d] = qkv[k_at + d];
    v[d] = qkv[v_at + d];
  }
  prepare(&k, true, lane, j);
  for (var d = 0u; d < DN; d++) {
    k[d] *= sizes.scale;
  }
  for (var head = kv_head * shared_by; head < (kv_head + 1u) * shared_by; head++) {
    let stat_base = (batch * sizes.H + head) * T;
    for (var start = first; start < T; start += TILE) {
      let count = min(TILE, T - start);
      for (var i = thread; i < count * DN; i += WORKGROUP) {
        let t = start + i / DN;
        tile[i] = qkv[base + t * stride + head * DN + i % DN];
        side[i] = d_o[((batch * T + t) * sizes.H + head) * DN + i % DN];
      }
      for (var i = thread; i < count; i += WORKGROUP) {
        stat_tile[i] = stats[stat_base + start + i];
      }
      prepare_tile(thread, count, false, lane, start);
      for (var i = max(start, j) - start; i < count; i++) {
        var s = 0.0;
        var dp = 0.0;
        for (var d = 0u; d < DN; d++) {
          s += total(tile[i * DN + d] * k[d]);
          dp += total(side[i * DN + d] * v[d]);
        }
        let p = exp(min(s - stat_tile[i].x, 0.0));
        let ds = p * (dp - stat_tile[i].y);
        for (var d = 0u; d < DN; d++) {
          dv[d] += p * side[i * DN + d];
          dk[d] += ds * tile[i * DN + d];
        }
      }
      workgroupBarrier();
    }
  }
  for (var d = 0u; d < DN; d++) {
    dk[d] *= sizes.scale;
    k[d] = qkv[k_at + d];
  }
  prepare_backward(&dk, &k, true, lane, j);
  if (first + thread < T) {
    for (var d = 0u; d < DN; d++) {
      dqkv[k_at + d] = kept(k_at + d, dk[d]);
      dqkv[v_at + d] = kept(v_at + d, dv[d]);
    }
  } else {
    k = Head();
  }
  if (NORMED) {
    sum_gains(&k, thread);
    for (var d = thread; d < DN; d += WORKGROUP) {
      store_sum(((group.z * groups.y + group.y) * groups.x + group.x) * DN + d, side[d]);
    }
  }
  let parts = sizes.B * (sizes.H + sizes.KV_HEADS);
  store_amax(thread, (group.z * parts + sizes.B * sizes.H + group.y) * groups.x + group.x);
}
