// matmul: sizes and bindings of the kernels that multiply two matrices. Comes after lib/epilogue and lib/stored-*, with the operands.
override TRANSPOSE_A: bool = false;
override TRANSPOSE_B: bool = false;

struct Sizes {
  m: u32,
  n: u32,
  k: u32,
  batch: u32,
  a_lane: u32,
  a_batch: u32,
  b_lane: u32,
  b_batch: u32,
  a_row: u32,
  b_row: u32,
  y_row: u32,
  a_first: u32,
  b_first: u32,
  y_first: u32,
  y_lane: u32,
  alpha: f32,
  // Partial maxima a lane, where an amax is told.
  parts: u32,
}

// Every thread of the workgroup must make the call, after its last store, where STORED is amax: the parts of a lane are shared out among
// the workgroups that have made it, none of which may be left without one.
fn tell_amax(wg: vec3u, groups: vec3u, thread: u32) {
  let lane = wg.z / sizes.batch;
  let first = ((wg.z - lane * sizes.batch) * groups.y + wg.y) * groups.x + wg.x;
  spread_amax(thread, lane * sizes.parts + first, sizes.batch * groups.y * groups.x, (lane + 1u) * sizes.parts);
}

@group(0) @binding(2) var<storage, read> bias: array<Vec>;
@group(0) @binding(4) var<storage, read_write> y: array<Vec>;
@group(0) @binding(6) var<uniform> sizes: Sizes;
