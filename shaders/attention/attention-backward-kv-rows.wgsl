// attention-backward-kv-rows: attention-backward-kv for adapters that punish barriers; one thread keeps four keys in registers.
//
//   p[t,j] = exp(scale * q[t] . k[j] - lse[t])     ds[t,j] = p[t,j] * (do[t] . v[j] - delta[t])
//   dv[j] = sum_t p[t,j] * do[t]                   dk[j] = scale * sum_t ds[t,j] * q[t]       over the heads that share k and v
//
// group 0   0 qkv f32[L,B,T,(H+2Hkv)*D] read · 1 d_o f32[L,B,T,H*D] read · 2 lse f32[L,B,H,T] read · 3 delta f32[L,B,H,T] read
//           4 dqkv f32[L,B,T,(H+2Hkv)*D] write: the parts of k and v
//           5 angles f32[2,T,D/2] read, unused unless TURNED · 6 sizes
// dispatch  [ceil(ceil(T/4)/WORKGROUP), B*Hkv, L]
// template  D4: D / 4, 1..8
// override  WORKGROUP: 1..256 · TURNED: turns dk back, see lib/row-turn
// numerics  a probability is at most 1: a score made again may be above lse by rounding, which huge scores make large
//           heads of the group in order, one query row after another
// uses lib/row-tile, lib/row-turn

struct Sizes {
  B: u32,
  T: u32,
  H: u32,
  KV_HEADS: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(1) var<storage, read> d_o: array<vec4f>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read> delta: array<f32>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<vec4f>;
@group(0) @binding(5) var<storage, read> angles: array<vec4f>;
@group(0) @binding(6) var<uniform> sizes: Sizes;

override WORKGROUP: u32 = 16u;

const D4 = {{D4}}u;

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

fn d_o_part(at: u32, i: u32) -> vec4f {
  if (i < D4) {
    return d_o[at + i];
  }
  return vec4f();
}

fn d_o_row(at: u32) -> Row {
  var x: Row;
  x[0] = d_o[at];
  x[1] = d_o_part(at, 1u);
  x[2] = d_o_part(at, 2u);
  x[3] = d_o_part(at, 3u);
  if (D4 > 4u) {
    x[4] = d_o_part(at, 4u);
    x[5] = d_o_part(at, 5u);
    x[6] = d_o_part(at, 6u);
    x[7] = d_o_part(at, 7u);
  }
  return x;
}

// A loop, because code for loads is long and slow to compile.
fn write_part(at: u32, i: u32, x: vec4f) {
  if (i < D4) {
    dqkv[at + i] = x;
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
