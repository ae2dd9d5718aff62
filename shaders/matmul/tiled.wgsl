// tiled: Y = act(alpha op(A) op(B) + bias) + residual through workgroup memory, 4x4 outputs a thread; for GPUs.
//
//   acc[m,n] = sum_k A[m,k] B[k,n],  A stored [M,K] (TRANSPOSE_A: [K,M]),  B stored [K,N] (TRANSPOSE_B: [N,K])
//   u = alpha * acc + bias[n],  y[m,n] = act(u) + beside[m,n]; or y[m,n] = u act'(beside[m,n])
//   SPLITS > 1: workgroup z works on slice z % SPLITS of k and writes its bare sum; split-reduce finishes
//
// group 0   0 a f32[L,(batch),M,K] read · 1 b f32[L,(batch),K,N] read, or their packed codes · 2 bias f32[L,N] read
//           3 beside f32[L,batch,M,N] read: a residual, or with SLOPE what went into the activation (swiglu: [M,2N])
//           4 y f32[L,batch,M,N] write · 5 second write: f32[L,batch,M,N] u, for the backward pass, or f32[L,N] with COLUMN_SUMS · 6 sizes
//           7 a_scales u32[L,1+n] read · 8 b_scales u32[L,1+n] read: with OPERANDS coded, as numerics/quantize-forward writes them
//           a_lane, a_batch, b_lane, b_batch: elements from one lane or batch to the next, 0 where shared
//           a_first, b_first, y_first: elements before the first one of a lane; y_lane: from one lane of y to the next
//           bias, beside, second: any buffer of 4 bytes or more (second its own) while their flag is off
//           SPLITS > 1: y f32[L,batch,SPLITS,M,N], and no flag of the epilogue is set
// dispatch  [ceil(N/(4*WORKGROUP_X)), ceil(M/(4*WORKGROUP_Y)), L*batch*SPLITS]
//           SPLITS > 1 with COLUMN_SUMS: second f32[L,SPLITS,N]
// override  WORKGROUP_X, WORKGROUP_Y: product up to 256 · BLOCK_K: depth of a tile; 16*BLOCK_K*(WORKGROUP_X+WORKGROUP_Y+2) bytes
//           of workgroup memory, up to 16384 · SPLITS: a function of M, N, K only
//           TRANSPOSE_A, TRANSPOSE_B; HAS_BIAS, STORE_PRE, HAS_RESIDUAL, COLUMN_SUMS, ACCUMULATE; ACTIVATION: 0 none, 1 gelu (tanh), 2 relu2
//           SLOPE: of 0 none, 1 gelu, 2 relu2, 3 swiglu, whose y is [M,2N]
// template  OPERANDS: f32, or coded, whose overrides are in lib/operands-coded
// numerics  one f32 sum over k in ascending order within a slice; slices are ceil(K/SPLITS) long, rounded up to BLOCK_K, the last
//           ones possibly shorter or empty; then the epilogue in the order above; gelu as in lib/activation
// uses lib/vec1, lib/activation, lib/epilogue, lib/matmul, lib/operands-{{OPERANDS}}
override WORKGROUP_X: u32 = 16;
override WORKGROUP_Y: u32 = 16;
override BLOCK_K: u32 = 16;
override SPLITS: u32 = 1;

// Tile entry [k, quad] holds 4 neighbouring rows of A, or columns of B, at one k. The odd row length keeps the writes of
// neighbouring threads, which step through k when k is the contiguous dimension, on different banks.
override A_PITCH = WORKGROUP_Y + 1u;
override B_PITCH = WORKGROUP_X + 1u;
override A_WORDS = BLOCK_K * A_PITCH;
override B_WORDS = BLOCK_K * B_PITCH;
override THREADS = WORKGROUP_X * WORKGROUP_Y;
var<workgroup> a_tile: array<vec4f, A_WORDS>;
var<workgroup> b_tile: array<vec4f, B_WORDS>;

fn load_a(lane: u32, base: u32, row: u32, k: u32, k_end: u32) -> f32 {
  if (row >= sizes.m || k >= k_end) {
    return 0.0;
  }
  return a_at(lane, base + select(row * sizes.k + k, k * sizes.m + row, TRANSPOSE_A));
}

fn load_b(lane: u32, base: u32, column: u32, k: u32, k_end: u32) -> f32 {
  if (column >= sizes.n || k >= k_end) {
    return 0.0;
  }
  return b_at(lane, base + select(k * sizes.n + column, column * sizes.k + k, TRANSPOSE_B));
}

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y)
fn main(
  @builtin(workgroup_id) wg: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let matrix = wg.z / SPLITS;
  let lane = matrix / sizes.batch;
  let batch = matrix - lane * sizes.batch;
  let a_base = sizes.a_first + batch * sizes.a_batch;
  let b_base = sizes.b_first + batch * sizes.b_batch;
  let first_row = wg.y * WORKGROUP_Y * 4u;
  let first_column = wg.x * WORKGROUP_X * 4u;
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
    // Neighbouring threads read neighbouring addresses: along k where k is contiguous, along rows or columns where they are.
    for (var i = thread; i < BLOCK_K * WORKGROUP_Y; i += THREADS) {
      let quad = select(i / BLOCK_K, i % WORKGROUP_Y, TRANSPOSE_A);
      let k = select(i % BLOCK_K, i / WORKGROUP_Y, TRANSPOSE_A);
      let row = first_row + 4u * quad;
      a_tile[k * A_PITCH + quad] = vec4f(
        load_a(lane, a_base, row, k0 + k, k_end),
        load_a(lane, a_base, row + 1u, k0 + k, k_end),
        load_a(lane, a_base, row + 2u, k0 + k, k_end),
        load_a(lane, a_base, row + 3u, k0 + k, k_end),
      );
    }
    for (var i = thread; i < BLOCK_K * WORKGROUP_X; i += THREADS) {
      let quad = select(i % WORKGROUP_X, i / BLOCK_K, TRANSPOSE_B);
      let k = select(i / WORKGROUP_X, i % BLOCK_K, TRANSPOSE_B);
      let column = first_column + 4u * quad;
      b_tile[k * B_PITCH + quad] = vec4f(
        load_b(lane, b_base, column, k0 + k, k_end),
        load_b(lane, b_base, column + 1u, k0 + k, k_end),
        load_b(lane, b_base, column + 2u, k0 + k, k_end),
        load_b(lane, b_base, column + 3u, k0 + k, k_end),
      );
    }
    workgroupBarrier();
    for (var k = 0u; k < BLOCK_K; k++) {
      let p = a_tile[k * A_PITCH + local.y];
      let q = b_tile[k * B_PITCH + local.x];
      c0 += p.x * q;
      c1 += p.y * q;
      c2 += p.z * q;
      c3 += p.w * q;
    }
    if (sums_columns && local.y == 0u) {
      for (var k = 0u; k < BLOCK_K; k++) {
        column_sums += b_tile[k * B_PITCH + local.x];
      }
    }
    workgroupBarrier();
  }

  let row = first_row + 4u * local.y;
  let column = first_column + 4u * local.x;
  if (row >= sizes.m || column >= sizes.n) {
    return;
  }
  if (sums_columns && local.y == 0u) {
    for (var j = 0u; j < min(4u, sizes.n - column); j++) {
      second[wg.z * sizes.n + column + j] = column_sums[j];
    }
  }
  let y_base = lane * sizes.y_lane + sizes.y_first + batch * sizes.m * sizes.n;
  // An array that a loop indexes, so that the epilogue is compiled once and not once an output.
  var tile = array<vec4f, 4>(c0, c1, c2, c3);
  for (var i = 0u; i < min(4u, sizes.m - row); i++) {
    for (var j = 0u; j < min(4u, sizes.n - column); j++) {
      if (SPLITS > 1u) {
        y[(wg.z * sizes.m + row + i) * sizes.n + column + j] = tile[i][j];
      } else {
        finish(y_base + (row + i) * sizes.n + column + j, lane * sizes.n + column + j, tile[i][j]);
      }
    }
  }
}
