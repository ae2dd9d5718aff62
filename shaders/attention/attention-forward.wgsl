// attention-forward: causal attention without the T x T matrix, of queries and keys that are normed and turned on the way in where
// flags say so (lib/qk); one thread a query row, keys and values by way of workgroup memory.
//
//   s[t,j] = scale * q[t] . k[j]      p = softmax of s[t, 0..t]      o[t] = sum_j p[t,j] * v[j]      lse[t] = log sum_j exp s[t,j]
//   of prepared q and k
//
// group 0   0 qkv f32[L,B,T,(H+2Hkv)*D] read · 1 qgain f32[L,D] read · 2 kgain f32[L,D] read, both unused unless NORMED
//           3 angles f32[2,T,D/2] read, unused unless TURNED · 4 o f32[L,B,T,H*D] write · 5 lse f32[L,B,H,T] write · 6 sizes
//           7 more u32[L,B*H*ceil(T/WORKGROUP)] write: with TOLD amax, the largest magnitude of what each workgroup makes of o
// dispatch  [ceil(T/WORKGROUP), B*H, L]
// template  WIDTH: 4 where it divides D (D/2 if TURNED), else 1 · DN: D / WIDTH · TOLD: none or amax, see lib/told-*
// override  WORKGROUP: query rows, a power of two up to 256 · TILE: keys a tile; 8 * TILE * D + 4 * TILE bytes of workgroup memory
//           NORMED, TURNED: see lib/qk
// numerics  online softmax, one key after another: the order is the same for any WORKGROUP and TILE
// uses lib/vec{{WIDTH}}, lib/qk, lib/told-{{TOLD}}

@group(0) @binding(0) var<storage, read> qkv: array<Vec>;
@group(0) @binding(1) var<storage, read> qgain: array<Vec>;
@group(0) @binding(2) var<storage, read> kgain: array<Vec>;
@group(0) @binding(3) var<storage, read> angles: array<Vec>;
@group(0) @binding(4) var<storage, read_write> o: array<Vec>;
@group(0) @binding(5) var<storage, read_write> lse: array<f32>;
@group(0) @binding(6) var<uniform> sizes: Sizes;

const DN = {{DN}}u;
const LOWEST = -3.4e38;

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
  var acc: Head;
  let q_at = base + t * stride + head * DN;
  for (var d = 0u; d < DN; d++) {
    q[d] = qkv[q_at + d];
  }
  prepare(&q, false, lane, t);
  for (var d = 0u; d < DN; d++) {
    q[d] *= sizes.scale;
  }
  var largest = LOWEST;
  var sum = 0.0;
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
      for (var d = 0u; d < DN; d++) {
        s += total(q[d] * tile[j * DN + d]);
      }
      if (s > largest) {
        let shrink = exp(largest - s);
        largest = s;
        sum *= shrink;
        for (var d = 0u; d < DN; d++) {
          acc[d] *= shrink;
        }
      }
      let p = exp(s - largest);
      sum += p;
      for (var d = 0u; d < DN; d++) {
        acc[d] += p * side[j * DN + d];
      }
    }
    workgroupBarrier();
  }
  if (row < T) {
    let o_at = ((batch * T + t) * sizes.H + head) * DN;
    for (var d = 0u; d < DN; d++) {
      o[o_at + d] = kept(o_at + d, acc[d] / sum);
    }
    lse[(batch * sizes.H + head) * T + t] = largest + log(sum);
  }
  store_amax(thread, (group.z * groups.y + group.y) * groups.x + group.x);
}
