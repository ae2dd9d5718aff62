// embedding-forward: the table row of each token, with that of its position added on request.
//
//   y[n,c] = table[tokens[n],c] + positions[n mod T,c]
//
// group 0   0 tokens u32[L,N] read: each below V · 1 table f32[L,V,C] read · 2 y f32[L,N,C] write
//           3 positions f32[L,T,C] read, unused unless POSITIONED
// dispatch  [ceil(N*C/WIDTH/WORKGROUP),1,L], folded over x and y: one thread a vector of y
// override  WORKGROUP: 1..256 · POSITIONED: add the positions
// template  WIDTH: 4 where it divides C, else 1
// numerics  exact, or one rounding
// uses lib/vec{{WIDTH}}
override WORKGROUP: u32 = 64;
override POSITIONED: bool = false;

struct Sizes {
  // N
  tokens: u32,
  // C / WIDTH
  columns: u32,
  // V
  vocabulary: u32,
  // T * C / WIDTH; unused unless POSITIONED
  period: u32,
}

@group(0) @binding(0) var<storage, read> tokens: array<u32>;
@group(0) @binding(1) var<storage, read> table: array<Vec>;
@group(0) @binding(2) var<storage, read_write> y: array<Vec>;
@group(0) @binding(3) var<storage, read> positions: array<Vec>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= sizes.tokens * sizes.columns) {
    return;
  }
  let n = i / sizes.columns;
  let c = i % sizes.columns;
  let token = tokens[id.z * sizes.tokens + n];
  var row = table[(id.z * sizes.vocabulary + token) * sizes.columns + c];
  if (POSITIONED) {
    row += positions[id.z * sizes.period + i % sizes.period];
  }
  y[id.z * sizes.tokens * sizes.columns + i] = row;
}
