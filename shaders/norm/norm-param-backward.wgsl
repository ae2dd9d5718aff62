// norm-param-backward: the gradients of a norm's gain and bias, one sum for each chunk of rows.
//
//   dgain[k,c] = sum over the rows r of chunk k of dy[r,c] (x[r,c] - mean[r]) rstd[r]     U rows a chunk, K = ceil(R/U)
//   dbias[k,c] = the same sum of dy[r,c]
//
// group 0   0 dy f32[L,R,C] read · 1 x f32[L,R,C] read · 2 stats f32[L,R,2] read: mean, rstd
//           3 dgain f32[L,K,C] write · 4 dbias f32[L,K,C] write, unused unless BIASED
// dispatch  [ceil(C/WIDTH/(WORKGROUP/SPLIT)),K,L]: SPLIT threads a vector of columns
// override  WORKGROUP, SPLIT: see lib/columns · BIASED: write dbias
// template  WIDTH: 4 where it divides C, else 1
// numerics  f32 sums: every SPLIT-th row of the chunk in order, then a tree
// uses lib/vec{{WIDTH}}, lib/columns
override BIASED: bool = true;

struct Sizes {
  // R
  rows: u32,
  // C / WIDTH
  columns: u32,
  // U
  chunk: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<Vec>;
@group(0) @binding(1) var<storage, read> x: array<Vec>;
@group(0) @binding(2) var<storage, read> stats: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> dgain: array<Vec>;
@group(0) @binding(4) var<storage, read_write> dbias: array<Vec>;
@group(0) @binding(5) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let columns = WORKGROUP / SPLIT;
  let c = group.x * columns + thread % columns;
  let end = min((group.y + 1) * sizes.chunk, sizes.rows);
  var gain_sum = Vec(0);
  var bias_sum = Vec(0);
  if (c < sizes.columns) {
    for (var r = group.y * sizes.chunk + thread / columns; r < end; r += SPLIT) {
      let row = group.z * sizes.rows + r;
      let at = row * sizes.columns + c;
      gain_sum += dy[at] * ((x[at] - stats[row].x) * stats[row].y);
      bias_sum += dy[at];
    }
  }
  gain_sum = column_sum(gain_sum, thread);
  if (BIASED) {
    bias_sum = column_sum(bias_sum, thread);
  }
  if (c >= sizes.columns || thread >= columns) {
    return;
  }
  let to = (group.z * groups.y + group.y) * sizes.columns + c;
  dgain[to] = gain_sum;
  if (BIASED) {
    dbias[to] = bias_sum;
  }
}
