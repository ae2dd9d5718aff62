// blocked: Y = act(alpha op(A) op(B) + bias) + residual, a tile of 16x8 outputs a thread, held in registers.
// No workgroup memory and no barrier but for STORED amax, which suits software adapters; any shape.
//
//   acc[m,n] = sum_k A[m,k] B[k,n],  A stored [M,K] (TRANSPOSE_A: [K,M]),  B stored [K,N] (TRANSPOSE_B: [N,K], QUAD 1 only)
//   u = alpha * acc + bias[n],  y[m,n] = act(u) + beside[m,n]; or y[m,n] = u act'(beside[m,n])
//
// group 0   0 a f32[L,(batch),M,K] read · 1 b f32[L,(batch),K,N] read · 2 bias f32[L,N] read
//           3 beside f32[L,batch,M,N] read: a residual, or with SLOPE what went into the activation (swiglu: [M,2N]);
//           with ACCUMULATE 2 f32[L,2] read, bound in whole vectors: first, scale
//           4 y f32[L,batch,M,N] write · 5 second write: f32[L,batch,M,N] u, for the backward pass, or f32[L,N] with COLUMN_SUMS;
//           or with STORED cast 5 more u32[L,W] write: the codes of y; or with STORED amax 5 more u32[L,P] write: the largest
//           magnitudes of P parts of y, and with STORED second-amax 3 more, in the place of beside · 6 sizes
//           a_lane, a_batch, b_lane, b_batch: elements from one lane or batch to the next, 0 where shared
//           a_first, b_first, y_first: elements before the first one of a lane; y_lane: from one lane of y to the next
//           a_row, b_row, y_row: elements from one row as stored to the next, more than it has where it is part of a larger one
//           bias, beside, second: any buffer of 4 * WIDTH bytes or more (second its own) while their flag is off
// dispatch  [ceil(N/32), ceil(M/16), L*batch]: a workgroup of 4 threads, which an adapter on the CPU runs as one vector
// template  QUAD: 4 columns a load where N, b_row and b_first are multiples of 4; else 1
//           WIDTH: 4 columns a store where N, y_row and y_first are multiples of 4; else 1
//           STORED: none, or cast, which asks for WIDTH 4 and no second result; its overrides are in lib/made-cast; or amax, which asks
//           for no second result, or second-amax, which asks for nothing beside the product; P is at least the workgroups of a lane
// override  TRANSPOSE_A, TRANSPOSE_B; HAS_BIAS, STORE_PRE, HAS_RESIDUAL, COLUMN_SUMS; ACTIVATION: 0 none, 1 gelu (tanh), 2 relu2
//           ACCUMULATE: 0 no, 1 to what y has, 2 to the sum of micro-batches, as lib/epilogue says
//           SLOPE: of 0 none, 1 gelu, 2 relu2, 3 swiglu, whose y is [M,2N]
// numerics  one f32 sum over k in ascending order, then the epilogue in the order above; gelu as in lib/activation
// uses lib/vec{{WIDTH}}, lib/activation, lib/epilogue, lib/stored-{{STORED}}, lib/matmul, lib/quad{{QUAD}}, lib/matmul-block

fn row_places(base: u32, row: u32, thread: u32) -> vec4u {
  return base + min(row + vec4u(0u, 1u, 2u, 3u), vec4u(sizes.m - 1u)) * select(sizes.a_row, 1u, TRANSPOSE_A);
}

fn four_rows(places: vec4u, a_k: u32) -> vec4f {
  let at = places + a_k;
  return vec4f(a[at.x], a[at.y], a[at.z], a[at.w]);
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) wg: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  compute_tile(wg, thread);
  tell_amax(wg, groups, thread);
}
