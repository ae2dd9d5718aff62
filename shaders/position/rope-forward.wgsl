// rope-forward: turns the leading heads of each row by angles that grow with the position; copies the rest.
//
//   y[i]     = x[i] cos - x[i+D/2] sin          i in 0..D/2 within a head
//   y[i+D/2] = x[i+D/2] cos + x[i] sin          angle of position t: t base^(-2i/D)
//
// group 0   0 x f32[L,B,T,W] read · 1 angles f32[2,T,D/2] read: cosines, then sines · 2 y f32[L,B,T,W] write
// dispatch  [ceil(B*T*W/WIDTH/WORKGROUP),1,L], folded over x and y: one thread a vector of y
// override  WORKGROUP: 1..256 · INVERSE: turns back, which is also the gradient
// template  WIDTH: 4 where it divides D/2, else 1
// numerics  the angles are f64 on the host: WGSL promises nothing for sin and cos outside -pi..pi
// uses lib/vec{{WIDTH}}
override WORKGROUP: u32 = 64;
override INVERSE: bool = false;

struct Sizes {
  // B * T * W / WIDTH
  count: u32,
  // T
  context: u32,
  // W / WIDTH
  columns: u32,
  // The columns that turn, / WIDTH: those of the leading heads
  turning: u32,
  // D / 2 / WIDTH
  half: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Vec>;
@group(0) @binding(1) var<storage, read> angles: array<Vec>;
@group(0) @binding(2) var<storage, read_write> y: array<Vec>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= sizes.count) {
    return;
  }
  let at = id.z * sizes.count + i;
  let c = i % sizes.columns;
  if (c >= sizes.turning) {
    y[at] = x[at];
    return;
  }
  let t = i / sizes.columns % sizes.context;
  let d = c % (2 * sizes.half);
  let angle = t * sizes.half + d % sizes.half;
  let cosine = angles[angle];
  let sine = angles[sizes.context * sizes.half + angle];
  let lower = d < sizes.half;
  let partner = x[select(at - sizes.half, at + sizes.half, lower)];
  y[at] = x[at] * cosine + select(sine, -sine, lower != INVERSE) * partner;
}
