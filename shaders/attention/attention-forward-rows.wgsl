// attention-forward-rows: attention-forward for adapters that punish barriers; one thread keeps four query rows in registers.
//
//   s[t,j] = scale * q[t] . k[j]      p = softmax of s[t, 0..t]      o[t] = sum_j p[t,j] * v[j]      lse[t] = log sum_j exp s[t,j]
//
// group 0   0 qkv f32[L,B,T,(H+2Hkv)*D] read · 1 o f32[L,B,T,H*D] write · 2 lse f32[L,B,H,T] write · 3 sizes
// dispatch  [ceil(ceil(T/4)/WORKGROUP), B*H, L]
// template  D4: D / 4, 1..8
// override  WORKGROUP: 1..256
// numerics  online softmax in key order, two keys at a time
// uses lib/row-tile

struct Sizes {
  B: u32,
  T: u32,
  H: u32,
  KV_HEADS: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> o: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

override WORKGROUP: u32 = 16u;

const D4 = {{D4}}u;
const LOWEST = -3.4e38;

fn qkv_part(at: u32, i: u32) -> vec4f {
  if (i < D4) {
    return qkv[at + i];
  }
  return vec4f();
}

fn qkv_row(at: u32) -> Row {
  var x: Row;
  x[0] = qkv[at];
  x[1] = qkv_part(at, 1u);
  x[2] = qkv_part(at, 2u);
  x[3] = qkv_part(at, 3u);
  if (D4 > 4u) {
    x[4] = qkv_part(at, 4u);
    x[5] = qkv_part(at, 5u);
    x[6] = qkv_part(at, 6u);
    x[7] = qkv_part(at, 7u);
  }
  return x;
}

// A loop, because code for loads is long and slow to compile.
fn qkv_rows(at: vec4u) -> Rows {
  var rows: Rows;
  for (var r = 0u; r < 4u; r++) {
    add_outer(&rows, qkv_row(at[r]), unit(r));
  }
  return rows;
}

fn write_part(at: u32, i: u32, x: vec4f) {
  if (i < D4) {
    o[at + i] = x;
  }
}

fn write_row(at: u32, x: Row) {
  write_part(at, 0u, x[0]);
  write_part(at, 1u, x[1]);
  write_part(at, 2u, x[2]);
  write_part(at, 3u, x[3]);
  if (D4 > 4u) {
    write_part(at, 4u, x[4]);
    write_part(at, 5u, x[5]);
    write_part(at, 6u, x[6]);
    write_part(at, 7u, x[7]);
  }
}

// Rows beyond the last are copies of it and write the same.
fn write_rows(at: vec4u, rows: Rows) {
  for (var r = 0u; r < 4u; r++) {
    write_row(at[r], row_of(rows, unit(r)));
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
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
