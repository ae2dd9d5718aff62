// tiled: Y = act(alpha op(A) op(B) + bias) + residual through workgroup memory, 4x4 outputs a thread; for GPUs.
//
//   acc[m,n] = sum_k A[m,k] B[k,n],  A stored [M,K] (TRANSPOSE_A: [K,M]),  B stored [K,N] (TRANSPOSE_B: [N,K])
//   u = alpha * acc + bias[n],  y[m,n] = act(u) + beside[m,n]; or y[m,n] = u act'(beside[m,n])
//   SPLITS > 1: workgroup z works on slice z % SPLITS of k and writes its bare sum; split-reduce finishes
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
//           SPLITS > 1: y f32[L,batch,SPLITS,M,N], and no flag of the epilogue is set
// dispatch  [ceil(N/(4*WORKGROUP_X)), ceil(M/(4*WORKGROUP_Y)), L*batch*SPLITS]
//           SPLITS > 1 with COLUMN_SUMS: second f32[L,SPLITS,N]
// override  WORKGROUP_X, WORKGROUP_Y: product up to 256 · BLOCK_K: depth of a tile, a multiple of 4;
//           16*BLOCK_K*(WORKGROUP_X+WORKGROUP_Y+2) bytes of workgroup memory, up to 16384 · SPLITS: a function of M, N, K only
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
// numerics  one f32 sum over k in ascending order within a slice; slices are ceil(K/SPLITS) long, rounded up to BLOCK_K, the last
//           ones possibly shorter or empty; with LOADS f16 its terms have no scales: it is multiplied by that of A, then that of B;
//           then the epilogue in the order above; gelu as in lib/activation
// uses lib/loads-{{LOADS}}, lib/vec{{WIDTH}}, lib/activation, lib/epilogue, lib/stored-{{STORED}}, lib/matmul
override SPLITS: u32 = 1;
const QUADS = 1u;

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y)
fn main(
  @builtin(workgroup_id) wg: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let matrix = wg.z / SPLITS;
  let lane = matrix / sizes.batch;
  let batch = matrix - lane * sizes.batch;
  let at = Corner(
    lane,
    sizes.a_first + batch * sizes.a_batch,
    sizes.b_first + batch * sizes.b_batch,
    wg.y * WORKGROUP_Y * 4u,
    wg.x * WORKGROUP_X * 4u,
  );
  let slice = ((sizes.k + SPLITS - 1u) / SPLITS + BLOCK_K - 1u) / BLOCK_K * BLOCK_K;
  let k_begin = (wg.z - matrix * SPLITS) * slice;
  let k_end = min(sizes.k, k_begin + slice);

  var c0 = vec4f();
  var c1 = vec4f();
  var c2 = vec4f();
  var c3 = vec4f();
  var column_sums = vec4f();
  // Workgroups below the first rows have the same columns.
  let sums_columns = COLUMN_SUMS && wg.y == 0u;
  for (var k0 = k_begin; k0 < k_end; k0 += BLOCK_K) {
    fill_tiles(at, k0, k_end, thread);
    workgroupBarrier();
    for (var k = 0u; k < BLOCK_K; k++) {
      let p = vec4f(a_tile[k * A_PITCH + local.y]);
      let q = vec4f(b_tile[k * B_PITCH + local.x]);
      c0 += p.x * q;
      c1 += p.y * q;
      c2 += p.z * q;
      c3 += p.w * q;
    }
    if (sums_columns && local.y == 0u) {
      for (var k = 0u; k < BLOCK_K; k++) {
        column_sums += vec4f(b_tile[k * B_PITCH + local.x]);
      }
    }
    workgroupBarrier();
  }

  let row = at.row + 4u * local.y;
  let column = at.column + 4u * local.x;
  if (row < sizes.m && column < sizes.n) {
    let width = sizes.n / WIDTH;
    let first = column / WIDTH;
    let parts = min(4u / WIDTH, width - first);
    if (sums_columns && local.y == 0u) {
      for (var j = 0u; j < parts; j++) {
        store_second(wg.z * width + first + j, part(columns_scaled(lane, column_sums), j));
      }
    }
    let y_width = sizes.y_row / WIDTH;
    let y_base = (lane * sizes.y_lane + sizes.y_first) / WIDTH + batch * sizes.m * y_width;
    // An array that a loop indexes, so that the epilogue is compiled once and not once an output.
    var tile = array<vec4f, 4>(c0, c1, c2, c3);
    for (var i = 0u; i < min(4u, sizes.m - row); i++) {
      for (var j = 0u; j < parts; j++) {
        let sum = part(scaled(lane, tile[i]), j);
        if (SPLITS > 1u) {
          y[(wg.z * sizes.m + row + i) * width + first + j] = sum;
        } else {
          finish(y_base + (row + i) * y_width + first + j, lane * width + first + j, sum);
        }
      }
    }
  }
  tell_amax(wg, groups, thread);
}
