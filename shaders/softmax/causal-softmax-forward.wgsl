// causal-softmax-forward: softmax of row t of the scores over columns 0..t; zeros beyond.
//
//   p[r,c] = exp(s[r,c] - max) / sum_{c <= t} exp(s[r,c] - max), t = r mod T
//
// group 0   0 scores f32[L,B,H,T,T] read · 1 p f32[L,B,H,T,T] write · 2 sizes
// dispatch  [ceil(B*H*T/(WORKGROUP/TEAM)),1,L], folded over x and y: TEAM threads a row
// override  WORKGROUP, TEAM: see lib/reduce
// template  WIDTH: 4 where it divides T, else 1
// numerics  shifted by the largest score of the row; every TEAM-th vector in order, then a tree
// uses lib/vec{{WIDTH}}, lib/places{{WIDTH}}, lib/reduce

struct Sizes {
  // B * H * T
  rows: u32,
  T: u32,
}

@group(0) @binding(0) var<storage, read> scores: array<Vec>;
@group(0) @binding(1) var<storage, read_write> p: array<Vec>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

const LOWEST = -3.4e38;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let unit = (group.y * groups.x + group.x) * (WORKGROUP / TEAM) + thread / TEAM;
  // Teams past the end take part in the barriers of the last row, and write nothing.
  let row = min(unit, sizes.rows - 1u);
  let t = row % sizes.T;
  let columns = sizes.T / WIDTH;
  let base = (group.z * sizes.rows + row) * columns;
  let member = thread % TEAM;
  let used = t / WIDTH + 1u;
  var largest = LOWEST;
  for (var c = member; c < used; c += TEAM) {
    largest = max(largest, max_of(keep_up_to(scores[base + c], c, t, LOWEST)));
  }
  largest = team_max(largest, thread);
  var sum = 0.0;
  for (var c = member; c < used; c += TEAM) {
    sum += total(keep_up_to(exp(scores[base + c] - largest), c, t, 0.0));
  }
  let inverse = 1.0 / team_sum(sum, thread);
  if (unit >= sizes.rows) {
    return;
  }
  for (var c = member; c < columns; c += TEAM) {
    var value = Vec();
    if (c < used) {
      value = keep_up_to(exp(scores[base + c] - largest) * inverse, c, t, 0.0);
    }
    p[base + c] = value;
  }
}
