// qk-norm-param-backward: the gradient of the gain of q or of k, one sum for each chunk of rows.
//
//   dgain[k,d] = sum over the rows r of chunk k and the heads h of first..first+J of dy[r,h,d] x[r,h,d] rstd[r,h]
//   a chunk is U of the R*J pairs (r,h), K = ceil(R*J/U)
//
// group 0   0 dy f32[L,R,H+2Hkv,D] read · 1 x f32[L,R,H+2Hkv,D] read · 2 rstds f32[L,R,H+Hkv] read · 3 dgain f32[L,K,D] write
// dispatch  [ceil(D/WIDTH/(WORKGROUP/SPLIT)),K,L]: SPLIT threads a vector of dgain
// override  WORKGROUP, SPLIT: see lib/columns
// template  WIDTH: 4 where it divides D, else 1
// numerics  f32 sums: every SPLIT-th pair of the chunk in order, then a tree
// uses lib/vec{{WIDTH}}, lib/columns
struct Sizes {
  // R
  rows: u32,
  first: u32,
  // J: H for q, Hkv for k
  counted: u32,
  // H + Hkv
  normed: u32,
  // H + 2 Hkv
  heads: u32,
  // D / WIDTH
  columns: u32,
  // U
  chunk: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<Vec>;
@group(0) @binding(1) var<storage, read> x: array<Vec>;
@group(0) @binding(2) var<storage, read> rstds: array<f32>;
@group(0) @binding(3) var<storage, read_write> dgain: array<Vec>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let columns = WORKGROUP / SPLIT;
  let c = group.x * columns + thread % columns;
  let end = min((group.y + 1) * sizes.chunk, sizes.rows * sizes.counted);
  var sum = Vec(0);
  if (c < sizes.columns) {
    for (var pair = group.y * sizes.chunk + thread / columns; pair < end; pair += SPLIT) {
      let row = group.z * sizes.rows + pair / sizes.counted;
      let h = sizes.first + pair % sizes.counted;
      let at = (row * sizes.heads + h) * sizes.columns + c;
      sum += dy[at] * (x[at] * rstds[row * sizes.normed + h]);
    }
  }
  sum = column_sum(sum, thread);
  if (c < sizes.columns && thread < columns) {
    dgain[(group.z * groups.y + group.y) * sizes.columns + c] = sum;
  }
}
