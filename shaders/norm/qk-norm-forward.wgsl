// qk-norm-forward: rmsnorm of every head of q and of k, over its D columns; v is copied.
//
//   y[r,h,d] = x[r,h,d] rstd[r,h] gain[d]     rstd = 1 / sqrt(mean_d(x^2) + eps); gain is qgain for h < H, kgain for h < H+Hkv
//   y[r,h,d] = x[r,h,d]                       for the remaining Hkv heads
//
// group 0   0 x f32[L,R,H+2Hkv,D] read · 1 qgain f32[L,D] read · 2 kgain f32[L,D] read · 3 y f32[L,R,H+2Hkv,D] write
//           4 rstds f32[L,R,H+Hkv] write
// dispatch  [ceil(R*(H+2Hkv)/(WORKGROUP/TEAM)),1,L], folded over x and y: TEAM threads a head of a row
// override  WORKGROUP, TEAM: see lib/reduce
// template  WIDTH: 4 where it divides D, else 1
// numerics  f32 sums: every TEAM-th vector in order, then a tree; squares overflow beyond |x| of 1e19
// uses lib/vec{{WIDTH}}, lib/reduce
struct Sizes {
  // R
  rows: u32,
  // H
  queries: u32,
  // H + Hkv
  normed: u32,
  // H + 2 Hkv
  heads: u32,
  // D / WIDTH
  columns: u32,
  eps: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Vec>;
@group(0) @binding(1) var<storage, read> qgain: array<Vec>;
@group(0) @binding(2) var<storage, read> kgain: array<Vec>;
@group(0) @binding(3) var<storage, read_write> y: array<Vec>;
@group(0) @binding(4) var<storage, read_write> rstds: array<f32>;
@group(0) @binding(5) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let unit = (group.y * groups.x + group.x) * (WORKGROUP / TEAM) + thread / TEAM;
  let inside = unit < sizes.rows * sizes.heads;
  let member = thread % TEAM;
  let row = group.z * sizes.rows + unit / sizes.heads;
  let h = unit % sizes.heads;
  let base = (row * sizes.heads + h) * sizes.columns;
  var squares = Vec(0);
  if (inside && h < sizes.normed) {
    for (var d = member; d < sizes.columns; d += TEAM) {
      squares += x[base + d] * x[base + d];
    }
  }
  let rstd = inverseSqrt(team_sum(total(squares), thread) / f32(sizes.columns * WIDTH) + sizes.eps);
  if (!inside) {
    return;
  }
  let lane = group.z * sizes.columns;
  for (var d = member; d < sizes.columns; d += TEAM) {
    var value = x[base + d];
    if (h < sizes.queries) {
      value *= rstd * qgain[lane + d];
    } else if (h < sizes.normed) {
      value *= rstd * kgain[lane + d];
    }
    y[base + d] = value;
  }
  if (member == 0u && h < sizes.normed) {
    rstds[row * sizes.normed + h] = rstd;
  }
}
