// add-forward: a sum whose second term repeats: another tensor, a bias, or the rows of a position table.
//
//   y[i] = a[i] + b[i mod P]
//
// group 0   0 a f32[L,S] read · 1 b f32[L,P] read · 2 y f32[L,S] write
// dispatch  [ceil(S/WIDTH/WORKGROUP),1,L], folded over x and y: one thread a vector of y
// override  WORKGROUP: 1..256
// template  WIDTH: 4 where it divides P, else 1
// uses lib/vec{{WIDTH}}
override WORKGROUP: u32 = 64;

struct Sizes {
  // S / WIDTH
  count: u32,
  // P / WIDTH; divides count
  period: u32,
}

@group(0) @binding(0) var<storage, read> a: array<Vec>;
@group(0) @binding(1) var<storage, read> b: array<Vec>;
@group(0) @binding(2) var<storage, read_write> y: array<Vec>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= sizes.count) {
    return;
  }
  let at = id.z * sizes.count + i;
  y[at] = a[at] + b[id.z * sizes.period + i % sizes.period];
}
