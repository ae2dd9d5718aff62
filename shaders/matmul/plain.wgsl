// plain: Y = act(alpha op(A) op(B) + bias) + residual, one output a thread; the form every other variant is held against.
//
//   acc[m,n] = sum_k A[m,k] B[k,n],  A stored [M,K] (TRANSPOSE_A: [K,M]),  B stored [K,N] (TRANSPOSE_B: [N,K])
//   u = alpha * acc + bias[n],  y[m,n] = act(u) + beside[m,n]; or y[m,n] = u act'(beside[m,n])
//
// group 0   0 a f32[L,(batch),M,K] read · 1 b f32[L,(batch),K,N] read, or their packed codes · 2 bias f32[L,N] read
//           3 beside f32[L,batch,M,N] read: a residual, or with SLOPE what went into the activation (swiglu: [M,2N]);
//           with ACCUMULATE 2 f32[L,2] read, bound in whole vectors: first, scale
//           4 y f32[L,batch,M,N] write · 5 second write: f32[L,batch,M,N] u, for the backward pass, or f32[L,N] with COLUMN_SUMS · 6 sizes
//           7 a_scales u32[L,1+n] read · 8 b_scales u32[L,1+n] read: with OPERANDS coded, as numerics/quantize-forward writes them
//           a_lane, a_batch, b_lane, b_batch: elements from one lane or batch to the next, 0 where shared
//           a_first, b_first, y_first: elements before the first one of a lane; y_lane: from one lane of y to the next
//           a_row, b_row, y_row: elements from one row as stored to the next, more than it has where it is part of a larger one
//           bias, beside, second: any buffer of 4 bytes or more (second its own) while their flag is off
// dispatch  [ceil(N/WORKGROUP_X), ceil(M/WORKGROUP_Y), L*batch]
// override  WORKGROUP_X, WORKGROUP_Y: product up to 256
//           TRANSPOSE_A, TRANSPOSE_B; HAS_BIAS, STORE_PRE, HAS_RESIDUAL, COLUMN_SUMS; ACTIVATION: 0 none, 1 gelu (tanh), 2 relu2
//           ACCUMULATE: 0 no, 1 to what y has, 2 to the sum of micro-batches, as lib/epilogue says
//           SLOPE: of 0 none, 1 gelu, 2 relu2, 3 swiglu, whose y is [M,2N]
// template  OPERANDS: f32, or coded, whose overrides are in lib/operands-coded
// numerics  one f32 sum over k in ascending order, then the epilogue in the order above; gelu as in lib/activation
// uses lib/vec1, lib/activation, lib/epilogue, lib/stored-none, lib/matmul, lib/operands-{{OPERANDS}}
override WORKGROUP_X: u32 = 8;
override WORKGROUP_Y: u32 = 8;

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(global_invocation_id) id: vec3u) {
  let column = id.x;
  let row = id.y;
  if (row >= sizes.m || column >= sizes.n) {
    return;
  }
  let lane = wg.z / sizes.batch;
  let batch = wg.z - lane * sizes.batch;
  let a_base = sizes.a_first + batch * sizes.a_batch;
  let b_base = sizes.b_first + batch * sizes.b_batch;
  let a_row = select(sizes.a_row, 1u, TRANSPOSE_A);
  let a_step = select(1u, sizes.a_row, TRANSPOSE_A);
  let b_column = select(1u, sizes.b_row, TRANSPOSE_B);
  let b_step = select(sizes.b_row, 1u, TRANSPOSE_B);
  var a_place = a_base + row * a_row;
  var b_place = b_base + column * b_column;
  var sum = 0.0;
  var column_sum = 0.0;
  for (var k = 0u; k < sizes.k; k++) {
    let right = b_at(lane, b_place);
    sum += a_at(lane, a_place) * right;
    column_sum += right;
    a_place += a_step;
    b_place += b_step;
  }
  if (COLUMN_SUMS && row == 0u) {
    store_second(lane * sizes.n + column, column_sum);
  }
  finish(lane * sizes.y_lane + sizes.y_first + (batch * sizes.m + row) * sizes.y_row + column, lane * sizes.n + column, sum);
}
