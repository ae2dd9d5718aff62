// attention-prepare: queries and keys normed and turned, into memory; values are copied. One thread a head of a row.
//
//   n[d] = x[d] rstd gain[d], rstd = 1 / sqrt(mean(x^2) + eps)                                if NORMED, else x[d]
//   y[i] = n[i] cos - n[i+D/2] sin, y[i+D/2] = n[i+D/2] cos + n[i] sin, i in 0..D/2           if TURNED, else n
//
// group 0   0 qkv f32[L,B*T,H+2Hkv,D] read · 1 qgain f32[L,D] read · 2 kgain f32[L,D] read, both unused unless NORMED
//           3 angles f32[2,T,D/2] read, unused unless TURNED · 4 prepared f32[L,B*T,H+2Hkv,D] write · 5 sizes
// dispatch  [ceil(B*T*(H+2Hkv)/WORKGROUP),1,L], folded over x and y
// override  WORKGROUP: 1..256 · NORMED · TURNED
// template  WIDTH: 4 where it divides D (D/2 if TURNED), else 1
// numerics  squares one after another
// uses lib/vec{{WIDTH}}
override WORKGROUP: u32 = 64;
override NORMED: bool = false;
override TURNED: bool = false;

struct Sizes {
  // B * T
  rows: u32,
  T: u32,
  H: u32,
  KV_HEADS: u32,
  // D / WIDTH
  DN: u32,
  eps: f32,
}

@group(0) @binding(0) var<storage, read> qkv: array<Vec>;
@group(0) @binding(1) var<storage, read> qgain: array<Vec>;
@group(0) @binding(2) var<storage, read> kgain: array<Vec>;
@group(0) @binding(3) var<storage, read> angles: array<Vec>;
@group(0) @binding(4) var<storage, read_write> prepared: array<Vec>;
@group(0) @binding(5) var<uniform> sizes: Sizes;

// x is one of q or of k, normed if NORMED.
fn normed(at: u32, key: bool, gain: u32, rstd: f32) -> Vec {
  if (!NORMED) {
    return qkv[at];
  }
  if (key) {
    return qkv[at] * rstd * kgain[gain];
  }
  return qkv[at] * rstd * qgain[gain];
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  let heads = sizes.H + 2u * sizes.KV_HEADS;
  if (i >= sizes.rows * heads) {
    return;
  }
  let DN = sizes.DN;
  let base = (id.z * sizes.rows * heads + i) * DN;
  let head = i % heads;
  if (head >= sizes.H + sizes.KV_HEADS) {
    for (var d = 0u; d < DN; d++) {
      prepared[base + d] = qkv[base + d];
    }
    return;
  }
  let key = head >= sizes.H;
  let lane = id.z * DN;
  var rstd = 1.0;
  if (NORMED) {
    var squares = 0.0;
    for (var d = 0u; d < DN; d++) {
      squares += total(qkv[base + d] * qkv[base + d]);
    }
    rstd = inverseSqrt(squares / f32(DN * WIDTH) + sizes.eps);
  }
  if (!TURNED) {
    for (var d = 0u; d < DN; d++) {
      prepared[base + d] = normed(base + d, key, lane + d, rstd);
    }
    return;
  }
  let t = i / heads % sizes.T;
  let half = DN / 2u;
  for (var d = 0u; d < half; d++) {
    let cosine = angles[t * half + d];
    let sine = angles[(sizes.T + t) * half + d];
    let low = normed(base + d, key, lane + d, rstd);
    let high = normed(base + d + half, key, lane + d + half, rstd);
    prepared[base + d] = low * cosine - high * sine;
    prepared[base + d + half] = high * cosine + low * sine;
  }
}
