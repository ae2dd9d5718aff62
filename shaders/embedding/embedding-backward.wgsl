// embedding-backward: the gradient of the table, each row the sum over the positions that hold its token.
//
//   dtable[v,c] = sum over i in starts[v]..starts[v+1] of dy[order[i],c]
//
// group 0   0 dy f32[L,N,C] read · 1 order u32[L,N] read: positions sorted by token · 2 starts u32[L,V+1] read
//           3 dtable f32[L,V,C] write: every row, zeros for a token that does not occur
// dispatch  [ceil(V*C/WIDTH/(WORKGROUP/SPLIT)),1,L], folded over x and y: SPLIT threads a vector of dtable
// override  WORKGROUP, SPLIT: see lib/columns
// template  WIDTH: 4 where it divides C, else 1
// numerics  f32 sums: every SPLIT-th position in the order of `order`, then a tree
// uses lib/vec{{WIDTH}}, lib/columns
struct Sizes {
  // N
  tokens: u32,
  // C / WIDTH
  columns: u32,
  // V
  vocabulary: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<Vec>;
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> starts: array<u32>;
@group(0) @binding(3) var<storage, read_write> dtable: array<Vec>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let columns = WORKGROUP / SPLIT;
  let o = (group.y * groups.x + group.x) * columns + thread % columns;
  let inside = o < sizes.vocabulary * sizes.columns;
  let lane = group.z * sizes.tokens;
  var sum = Vec(0);
  if (inside) {
    let v = group.z * (sizes.vocabulary + 1) + o / sizes.columns;
    let c = o % sizes.columns;
    for (var i = starts[v] + thread / columns; i < starts[v + 1]; i += SPLIT) {
      sum += dy[(lane + order[lane + i]) * sizes.columns + c];
    }
  }
  sum = column_sum(sum, thread);
  if (inside && thread < columns) {
    dtable[group.z * sizes.vocabulary * sizes.columns + o] = sum;
  }
}
