// tiled-8x8: as tiled, with 8x8 outputs a thread: twice the products for each load from workgroup memory, in four times the registers.
//
//   acc[m,n] = sum_k A[m,k] B[k,n],  A stored [M,K] (TRANSPOSE_A: [K,M]),  B stored [K,N] (TRANSPOSE_B: [N,K])
//   u = alpha * acc + bias[n],  y[m,n] = act(u) + beside[m,n]; or y[m,n] = u act'(beside[m,n])
//
// group 0   0 a f32[L,(batch),M,K] read · 1 b f32[L,(batch),K,N] read, or their packed codes · 2 bias f32[L,N] read
//           3 beside f32[L,batch,M,N] read: a residual, or with SLOPE what went into the activation (swiglu: [M,2N]);
//           with ACCUMULATE 2 f32[L,2] read, bound in whole vectors: first, scale
//           4 y f32[L,batch,M,N] write · 5 second write: f32[L,batch,M,N] u, for the backward pass, or f32[L,N] with COLUMN_SUMS;
//           or with STORED cast 5 more u32[L,W] write: the codes of y; or with STORED amax 5 more u32[L,P] write: the largest
//           magnitudes of P parts of y, and with STORED second-amax 3 more, in the place of beside · 6 sizes
//           7 a_scales u32[L,1+n] read · 8 b_scales u32[L,1+n] read: with LOADS coded or f16, as numerics/quantize-forward writes them
//           a_lane, a_batch, b_lane, b_batch: elements from one lane or batch to the next, 0 where shared
//           a_first, b_first, y_first: elements before the first one of a lane; y_lane: from one lane of y to the next
//           a_row, b_row, y_row: elements from one row as stored to the next, more than it has where it is part of a larger one
//           bias, beside, second: any buffer of 4 * WIDTH bytes or more (second its own) while their flag is off
// dispatch  [ceil(N/(8*WORKGROUP_X)), ceil(M/(8*WORKGROUP_Y)), L*batch]
// override  WORKGROUP_X, WORKGROUP_Y: product up to 256 · BLOCK_K: depth of a tile, a multiple of 4;
//           32*BLOCK_K*(WORKGROUP_X+WORKGROUP_Y+1) bytes of workgroup memory, up to 16384
//           TRANSPOSE_A, TRANSPOSE_B; HAS_BIAS, STORE_PRE, HAS_RESIDUAL, COLUMN_SUMS; ACTIVATION: 0 none, 1 gelu (tanh), 2 relu2
//           ACCUMULATE: 0 no, 1 to what y has, 2 to the sum of micro-batches, as lib/epilogue says
//           SLOPE: of 0 none, 1 gelu, 2 relu2, 3 swiglu, whose y is [M,2N]
// template  LOADS: f32, or coded, whose overrides are in lib/operands-coded, or vec4: 4 elements of f32 a load, where N, the
//           contiguous dimensions of A and B as stored, and a_row, b_row, a_first, b_first are multiples of 4;
//           or f16: coded, with the overrides of lib/tile-f16 too, in half the workgroup memory
//           WIDTH: 4 columns a store where N, y_row and y_first are multiples of 4; else 1
//           STORED: none, or cast, which asks for WIDTH 4 and no second result; its overrides are in lib/made-cast; or amax, which asks
//           for no second result, or second-amax, which asks for nothing beside the product; P is at least the workgroups of a lane
// needs     with LOADS f16 the feature shader-f16
// numerics  one f32 sum over k in ascending order; with LOADS f16 its terms have no scales: it is multiplied by that of A, then
//           that of B; then the epilogue in the order above; gelu as in lib/activation
// uses lib/loads-{{LOADS}}, lib/vec{{WIDTH}}, lib/activation, lib/epilogue, lib/stored-{{STORED}}, lib/matmul
const QUADS = 2u;

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y)
fn main(
  @builtin(workgroup_id) wg: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let lane = wg.z / sizes.batch;
  let batch = wg.z - lane * sizes.batch;
  let at = Corner(
    lane,
    sizes.a_first + batch * sizes.a_batch,
    sizes.b_first + batch * sizes.b_batch,
    wg.y * WORKGROUP_Y * 8u,
    wg.x * WORKGROUP_X * 8u,
  );

  // Names of their own and no array: these stay in registers.
  var c0p = vec4f(); var c0q = vec4f();
  var c1p = vec4f(); var c1q = vec4f();
  var c2p = vec4f(); var c2q = vec4f();
  var c3p = vec4f(); var c3q = vec4f();
  var c4p = vec4f(); var c4q = vec4f();
  var c5p = vec4f(); var c5q = vec4f();
  var c6p = vec4f(); var c6q = vec4f();
  var c7p = vec4f(); var c7q = vec4f();
  var sum_p = vec4f(); var sum_q = vec4f();
  // Workgroups below the first rows have the same columns.
  let sums_columns = COLUMN_SUMS && wg.y == 0u;
  for (var k0 = 0u; k0 < sizes.k; k0 += BLOCK_K) {
    fill_tiles(at, k0, sizes.k, thread);
    workgroupBarrier();
    // A thread's halves are half a tile apart, so that neighbours read neighbouring entries.
    for (var k = 0u; k < BLOCK_K; k++) {
      let u = vec4f(a_tile[k * A_PITCH + local.y]);
      let v = vec4f(a_tile[k * A_PITCH + local.y + WORKGROUP_Y]);
      let p = vec4f(b_tile[k * B_PITCH + local.x]);
      let q = vec4f(b_tile[k * B_PITCH + local.x + WORKGROUP_X]);
      c0p += u.x * p;
      c0q += u.x * q;
      c1p += u.y * p;
      c1q += u.y * q;
      c2p += u.z * p;
      c2q += u.z * q;
      c3p += u.w * p;
      c3q += u.w * q;
      c4p += v.x * p;
      c4q += v.x * q;
      c5p += v.y * p;
      c5q += v.y * q;
      c6p += v.z * p;
      c6q += v.z * q;
      c7p += v.w * p;
      c7q += v.w * q;
    }
    if (sums_columns && local.y == 0u) {
      for (var k = 0u; k < BLOCK_K; k++) {
        sum_p += vec4f(b_tile[k * B_PITCH + local.x]);
        sum_q += vec4f(b_tile[k * B_PITCH + local.x + WORKGROUP_X]);
      }
    }
    workgroupBarrier();
  }

  let width = sizes.n / WIDTH;
  let y_width = sizes.y_row / WIDTH;
  let y_base = (lane * sizes.y_lane + sizes.y_first) / WIDTH + batch * sizes.m * y_width;
  // Arrays that loops index, so that the epilogue is compiled once and not once an output.
  var sums = array<vec4f, 2>(sum_p, sum_q);
  var tile = array<vec4f, 16>(c0p, c0q, c1p, c1q, c2p, c2q, c3p, c3q, c4p, c4q, c5p, c5q, c6p, c6q, c7p, c7q);
  // Bounds that the sizes have a part in, so that no compiler writes the epilogue out for every turn.
  for (var half = 0u; half < min(2u, sizes.n); half++) {
    let first = (at.column + 4u * (local.x + half * WORKGROUP_X)) / WIDTH;
    for (var j = 0u; j < min(4u / WIDTH, width - min(first, width)); j++) {
      if (sums_columns && local.y == 0u) {
        store_second(lane * width + first + j, part(columns_scaled(lane, sums[half]), j));
      }
      for (var i = 0u; i < min(8u, sizes.m); i++) {
        let row = at.row + 4u * (local.y + i / 4u * WORKGROUP_Y) + i % 4u;
        if (row < sizes.m) {
          finish(y_base + row * y_width + first + j, lane * width + first + j, part(scaled(lane, tile[2u * i + half]), j));
        }
      }
    }
  }
  tell_amax(wg, groups, thread);
}
