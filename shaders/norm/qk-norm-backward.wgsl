// qk-norm-backward: the gradient of qk-norm-forward in x.
//
//   dx[r,h,d] = rstd[r,h] (w - xhat mean_d(w xhat))     w = dy gain, xhat = x rstd; for the heads of q and k
//   dx[r,h,d] = dy[r,h,d]                               for the heads of v
//
// group 0   0 dy f32[L,R,H+2Hkv,D] read · 1 x f32[L,R,H+2Hkv,D] read · 2 qgain f32[L,D] read · 3 kgain f32[L,D] read
//           4 rstds f32[L,R,H+Hkv] read · 5 dx f32[L,R,H+2Hkv,D] write
// dispatch  [ceil(R*(H+2Hkv)/(WORKGROUP/TEAM)),1,L], folded over x and y: TEAM threads a head of a row
// override  WORKGROUP, TEAM: see lib/reduce
// template  WIDTH: 4 where it divides D, else 1
// numerics  f32 sums: every TEAM-th vector in order, then a tree
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
}

@group(0) @binding(0) var<storage, read> dy: array<Vec>;
@group(0) @binding(1) var<storage, read> x: array<Vec>;
@group(0) @binding(2) var<storage, read> qgain: array<Vec>;
@group(0) @binding(3) var<storage, read> kgain: array<Vec>;
@group(0) @binding(4) var<storage, read> rstds: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<Vec>;
@group(0) @binding(6) var<uniform> sizes: Sizes;

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
  let lane = group.z * sizes.columns;
  var rstd = 1.0;
  var along = Vec(0);
  if (inside && h < sizes.normed) {
    rstd = rstds[row * sizes.normed + h];
    for (var d = member; d < sizes.columns; d += TEAM) {
      along += dy[base + d] * gain_at(h, lane + d) * (x[base + d] * rstd);
    }
  }
  let mean = team_sum(total(along), thread) / f32(sizes.columns * WIDTH);
  if (!inside) {
    return;
  }
  for (var d = member; d < sizes.columns; d += TEAM) {
    var value = dy[base + d];
    if (h < sizes.normed) {
      value = rstd * (value * gain_at(h, lane + d) - x[base + d] * rstd * mean);
    }
    dx[base + d] = value;
  }
}

fn gain_at(h: u32, at: u32) -> Vec {
  if (h < sizes.queries) {
    return qgain[at];
  }
  return kgain[at];
}
