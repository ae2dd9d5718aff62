// attention-forward-rows: attention-forward for adapters that punish barriers; one thread keeps four query rows in registers.
//
//   s[t,j] = scale * q[t] . k[j]      p = softmax of s[t, 0..t]      o[t] = sum_j p[t,j] * v[j]      lse[t] = log sum_j exp s[t,j]
//
// group 0   0 qkv f32[L,B,T,(H+2Hkv)*D] read · 1 o f32[L,B,T,H*D] write · 2 lse f32[L,B,H,T] write · 3 sizes
//           7 more u32[L,B*H*ceil(T/(4*WORKGROUP))] write: with TOLD amax, the largest magnitude of what each workgroup makes of o
// dispatch  [ceil(ceil(T/4)/WORKGROUP), B*H, L]
// template  D4: D / 4, 1..8 · TOLD: none or amax, see lib/told-*
// override  WORKGROUP: a power of two up to 256
// numerics  online softmax in key order, two keys at a time
// uses lib/vec4, lib/row-tile, lib/told-{{TOLD}}

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> o: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

const D4 = {{D4}}u;
const LOWEST = -3.4e38;

fn write_part(at: u32, i: u32, x: vec4f) {
  if (i < D4) {
    o[at + i] = kept(at + i, x);
  }
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

  var q = qkv_rows(base + t * stride + head * D4);
  scale_rows(&q, vec4f(sizes.scale));
  var acc: Rows;
  var largest = vec4f(LOWEST);
  var sum = vec4f();
  for (var j = 0u; j <= t.w; j += 2u) {
    let a = k_base + j * stride;
    let b = k_base + min(j + 1u, T - 1u) * stride;
    let sa = select(vec4f(LOWEST), dots(qkv_row(a), q), vec4u(j) <= t);
    let sb = select(vec4f(LOWEST), dots(qkv_row(b), q), vec4u(j + 1u) <= t);
    let top = max(largest, max(sa, sb));
    let shrink = exp(largest - top);
    let pa = exp(sa - top);
    let pb = exp(sb - top);
    largest = top;
    sum = sum * shrink + (pa + pb);
    scale_rows(&acc, shrink);
    add_outer(&acc, qkv_row(a + to_v), pa);
    add_outer(&acc, qkv_row(b + to_v), pb);
  }
  scale_rows(&acc, 1.0 / sum);
  write_rows(((batch * T + t) * sizes.H + head) * D4, acc);
  let stats = largest + log(sum);
  let lse_at = (batch * sizes.H + head) * T + t;
  lse[lse_at.x] = stats.x;
  lse[lse_at.y] = stats.y;
  lse[lse_at.z] = stats.z;
  lse[lse_at.w] = stats.w;
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  make_rows(id);
  store_amax(thread, (group.z * groups.y + group.y) * groups.x + group.x);
}
