// softmax-backward: gradient of a row's softmax; where p is 0, as above the diagonal, so is ds.
//
//   ds[r,c] = p[r,c] * (dp[r,c] - sum_k dp[r,k] p[r,k])
//
// group 0   0 dp f32[L,B,H,T,T] read · 1 p f32[L,B,H,T,T] read · 2 ds f32[L,B,H,T,T] write · 3 sizes
// dispatch  [ceil(B*H*T/(WORKGROUP/TEAM)),1,L], folded over x and y: TEAM threads a row
// override  WORKGROUP, TEAM: see lib/reduce
// template  WIDTH: 4 where it divides T, else 1
// numerics  every TEAM-th vector in order, then a tree
// uses lib/vec{{WIDTH}}, lib/reduce

struct Sizes {
  // B * H * T
  rows: u32,
  T: u32,
}

@group(0) @binding(0) var<storage, read> dp: array<Vec>;
@group(0) @binding(1) var<storage, read> p: array<Vec>;
@group(0) @binding(2) var<storage, read_write> ds: array<Vec>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let unit = (group.y * groups.x + group.x) * (WORKGROUP / TEAM) + thread / TEAM;
  // Teams past the end take part in the barriers of the last row, and write nothing.
  let row = min(unit, sizes.rows - 1u);
  let columns = sizes.T / WIDTH;
  let base = (group.z * sizes.rows + row) * columns;
  let member = thread % TEAM;
  // p is 0 beyond the diagonal.
  let used = row % sizes.T / WIDTH + 1u;
  var products = Vec();
  for (var c = member; c < used; c += TEAM) {
    products += dp[base + c] * p[base + c];
  }
  let mean = team_sum(total(products), thread);
  if (unit >= sizes.rows) {
    return;
  }
  for (var c = member; c < columns; c += TEAM) {
    var value = Vec();
    if (c < used) {
      value = p[base + c] * (dp[base + c] - mean);
    }
    ds[base + c] = value;
  }
}
