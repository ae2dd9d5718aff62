// attention-finish: takes the gradients of prepared queries and keys back through attention-prepare, in place. One thread a head of a chunk
// of rows.
//
//   w = dn gain, xhat = x rstd, dx = rstd (w - xhat mean(w xhat)), where dn is dy turned back     if NORMED
//   qsums, ksums = sum over the rows of the chunk of dn xhat
//
// group 0   0 qkv f32[L,B*T,H+2Hkv,D] read · 1 qgain f32[L,D] read · 2 kgain f32[L,D] read
//           3 angles f32[2,T,D/2] read, unused unless TURNED · 4 dqkv f32[L,B*T,H+2Hkv,D] read and written: the parts of q and k
//           5 qsums f32[L,K,H,D] write · 6 ksums f32[L,K,Hkv,D] write · 7 sizes. qkv, gains and sums are unused unless NORMED
// dispatch  [ceil(K*(H+Hkv)/WORKGROUP),1,L], folded over x and y: K = ceil(B*T/U) chunks of U rows
// override  WORKGROUP: 1..256 · NORMED · TURNED
// template  WIDTH: 4 where it divides D (D/2 if TURNED), else 1
// numerics  rows of a chunk in order
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
  // U
  chunk: u32,
}

@group(0) @binding(0) var<storage, read> qkv: array<Vec>;
@group(0) @binding(1) var<storage, read> qgain: array<Vec>;
@group(0) @binding(2) var<storage, read> kgain: array<Vec>;
@group(0) @binding(3) var<storage, read> angles: array<Vec>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<Vec>;
@group(0) @binding(5) var<storage, read_write> qsums: array<Vec>;
@group(0) @binding(6) var<storage, read_write> ksums: array<Vec>;
@group(0) @binding(7) var<uniform> sizes: Sizes;

fn gain_at(key: bool, at: u32) -> Vec {
  if (key) {
    return kgain[at];
  }
  return qgain[at];
}

fn add_to_sum(key: bool, at: u32, value: Vec, fresh: bool) {
  if (key) {
    ksums[at] = select(ksums[at], Vec(0), fresh) + value;
  } else {
    qsums[at] = select(qsums[at], Vec(0), fresh) + value;
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  let DN = sizes.DN;
  let heads = sizes.H + 2u * sizes.KV_HEADS;
  let prepared = sizes.H + sizes.KV_HEADS;
  let chunks = (sizes.rows + sizes.chunk - 1u) / sizes.chunk;
  if (i >= chunks * prepared) {
    return;
  }
  let chunk = i / prepared;
  let head = i % prepared;
  let key = head >= sizes.H;
  let lane = id.z * DN;
  let start = chunk * sizes.chunk;
  let end = min(start + sizes.chunk, sizes.rows);
  let to = select(
    ((id.z * chunks + chunk) * sizes.H + head) * DN,
    ((id.z * chunks + chunk) * sizes.KV_HEADS + head - sizes.H) * DN,
    key,
  );
  for (var r = start; r < end; r++) {
    let base = ((id.z * sizes.rows + r) * heads + head) * DN;
    if (TURNED) {
      let half = DN / 2u;
      let t = r % sizes.T;
      for (var d = 0u; d < half; d++) {
        let cosine = angles[t * half + d];
        let sine = angles[(sizes.T + t) * half + d];
        let low = dqkv[base + d];
        let high = dqkv[base + d + half];
        dqkv[base + d] = low * cosine + high * sine;
        dqkv[base + d + half] = high * cosine - low * sine;
      }
    }
    if (NORMED) {
      var squares = Vec(0);
      var along = Vec(0);
      for (var d = 0u; d < DN; d++) {
        let x = qkv[base + d];
        squares += x * x;
        along += dqkv[base + d] * gain_at(key, lane + d) * x;
      }
      let rstd = inverseSqrt(total(squares) / f32(DN * WIDTH) + sizes.eps);
      let mean = total(along) * rstd / f32(DN * WIDTH);
      for (var d = 0u; d < DN; d++) {
        let xhat = qkv[base + d] * rstd;
        let dn = dqkv[base + d];
        add_to_sum(key, to + d, dn * xhat, r == start);
        dqkv[base + d] = rstd * (dn * gain_at(key, lane + d) - xhat * mean);
      }
    }
  }
}
