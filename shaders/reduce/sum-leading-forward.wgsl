// sum-leading-forward: column sums of a matrix, one sum for each chunk of its rows.
//
//   y[k,c] = sum over r in kU..min((k+1)U, R) of x[r,c]     U rows a chunk, K = ceil(R/U) chunks
//
// group 0   0 x f32[L,R,N] read · 1 y f32[L,K,N] write
// dispatch  [ceil(N/WIDTH/(WORKGROUP/SPLIT)),K,L]: SPLIT threads a vector of y
// override  WORKGROUP, SPLIT: see lib/columns
// template  WIDTH: 4 where it divides N, else 1
// numerics  f32 sums: every SPLIT-th row of the chunk in order, then a tree
// uses lib/vec{{WIDTH}}, lib/columns
struct Sizes {
  // R
  rows: u32,
  // N / WIDTH
  columns: u32,
  // U
  chunk: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Vec>;
@group(0) @binding(1) var<storage, read_write> y: array<Vec>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let columns = WORKGROUP / SPLIT;
  let c = group.x * columns + thread % columns;
  let end = min((group.y + 1) * sizes.chunk, sizes.rows);
  var sum = Vec(0);
  if (c < sizes.columns) {
    for (var r = group.y * sizes.chunk + thread / columns; r < end; r += SPLIT) {
      sum += x[(group.z * sizes.rows + r) * sizes.columns + c];
    }
  }
  sum = column_sum(sum, thread);
  if (c < sizes.columns && thread < columns) {
    y[(group.z * groups.y + group.y) * sizes.columns + c] = sum;
  }
}
