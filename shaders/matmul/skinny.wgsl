// skinny: Y = act(alpha op(A) op(B) + bias) + residual where M or N is below 8: the threads of a workgroup share out the sum over k; for GPUs.
//
//   acc[m,n] = sum_k A[m,k] B[k,n],  A stored [M,K] (TRANSPOSE_A: [K,M]),  B stored [K,N] (TRANSPOSE_B: [N,K])
//   u = alpha * acc + bias[n],  y[m,n] = act(u) + beside[m,n]; or y[m,n] = u act'(beside[m,n])
//   LONG_A: N < 8, and a thread has a row of A with all columns of B; else M < 8, and it has a column of B with all rows of A
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
// dispatch  [ceil(N/(WORKGROUP/SPLIT)), 1, L*batch], with LONG_A M for N
// override  WORKGROUP: 32..256, and SPLIT: threads that share a sum; both powers of two, 64*WORKGROUP bytes of workgroup memory
//           LONG_A; TRANSPOSE_A, TRANSPOSE_B; HAS_BIAS, STORE_PRE, HAS_RESIDUAL, COLUMN_SUMS; ACTIVATION: 0 none, 1 gelu (tanh), 2 relu2
//           ACCUMULATE: 0 no, 1 to what y has, 2 to the sum of micro-batches, as lib/epilogue says
//           SLOPE: of 0 none, 1 gelu, 2 relu2, 3 swiglu, whose y is [M,2N]
// template  OPERANDS: f32, or coded, whose overrides are in lib/operands-coded
// numerics  SPLIT f32 sums, each over every SPLITth k in ascending order, added in a fixed tree; then the epilogue in the order above;
//           gelu as in lib/activation
// uses lib/vec1, lib/activation, lib/epilogue, lib/stored-none, lib/matmul, lib/operands-{{OPERANDS}}
override WORKGROUP: u32 = 64;
override SPLIT: u32 = 8;
override LONG_A: bool = false;

override ACROSS = WORKGROUP / SPLIT;
// Of each thread, by its slice of k and its place across: sums for the short side, then the sum of a column of B.
override WORDS = 2u * WORKGROUP;
var<workgroup> sums: array<vec4f, WORDS>;
var<workgroup> column_sums: array<vec4f, WORDS>;

// Four rows of A or columns of B from the `j`th on, at one k; beyond the last one, it again.
fn four_of_a(lane: u32, base: u32, step: u32, j: u32) -> vec4f {
  let rows = base + min(j + vec4u(0u, 1u, 2u, 3u), vec4u(sizes.m - 1u)) * step;
  return vec4f(a_at(lane, rows.x), a_at(lane, rows.y), a_at(lane, rows.z), a_at(lane, rows.w));
}

fn four_of_b(lane: u32, base: u32, step: u32, j: u32) -> vec4f {
  let columns = base + min(j + vec4u(0u, 1u, 2u, 3u), vec4u(sizes.n - 1u)) * step;
  return vec4f(b_at(lane, columns.x), b_at(lane, columns.y), b_at(lane, columns.z), b_at(lane, columns.w));
}

fn add_slices(slice: u32, place: u32) {
  for (var span = SPLIT / 2u; span > 0u; span /= 2u) {
    workgroupBarrier();
    if (slice < span) {
      let other = place + 2u * span * ACROSS;
      sums[place] += sums[other];
      sums[place + 1u] += sums[other + 1u];
      if (COLUMN_SUMS) {
        column_sums[place] += column_sums[other];
        column_sums[place + 1u] += column_sums[other + 1u];
      }
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) thread: u32) {
  let lane = wg.z / sizes.batch;
  let batch = wg.z - lane * sizes.batch;
  let a_base = sizes.a_first + batch * sizes.a_batch;
  let b_base = sizes.b_first + batch * sizes.b_batch;
  let a_row = select(sizes.a_row, 1u, TRANSPOSE_A);
  let a_step = select(1u, sizes.a_row, TRANSPOSE_A);
  let b_column = select(1u, sizes.b_row, TRANSPOSE_B);
  let b_step = select(sizes.b_row, 1u, TRANSPOSE_B);
  // Neighbouring threads read neighbouring addresses of the long operand: along k where k is contiguous, else across.
  let along_k = select(TRANSPOSE_B, !TRANSPOSE_A, LONG_A);
  let slice = select(thread / ACROSS, thread % SPLIT, along_k);
  let across = select(thread % ACROSS, thread / SPLIT, along_k);
  let long_size = select(sizes.n, sizes.m, LONG_A);
  let short_size = select(sizes.m, sizes.n, LONG_A);
  // Loads are clamped, stores are guarded: every thread comes to the barriers.
  let at = wg.x * ACROSS + across;
  let long_at = min(at, long_size - 1u);

  // Names of their own and no arrays: these stay in registers.
  var sum_p = vec4f();
  var sum_q = vec4f();
  var column_p = vec4f();
  var column_q = vec4f();
  for (var k = slice; k < sizes.k; k += SPLIT) {
    var p = vec4f();
    var q = vec4f();
    if (LONG_A) {
      let at_k = b_base + k * b_step;
      let x = a_at(lane, a_base + long_at * a_row + k * a_step);
      p = four_of_b(lane, at_k, b_column, 0u);
      sum_p += x * p;
      if (short_size > 4u) {
        q = four_of_b(lane, at_k, b_column, 4u);
        sum_q += x * q;
      }
      column_p += p;
      column_q += q;
    } else {
      let at_k = a_base + k * a_step;
      let x = b_at(lane, b_base + long_at * b_column + k * b_step);
      sum_p += x * four_of_a(lane, at_k, a_row, 0u);
      if (short_size > 4u) {
        sum_q += x * four_of_a(lane, at_k, a_row, 4u);
      }
      column_p.x += x;
    }
  }
  let place = 2u * (slice * ACROSS + across);
  sums[place] = sum_p;
  sums[place + 1u] = sum_q;
  if (COLUMN_SUMS) {
    column_sums[place] = column_p;
    column_sums[place + 1u] = column_q;
  }
  add_slices(slice, place);
  workgroupBarrier();
  if (at >= long_size) {
    return;
  }
  // The threads of a sum share out its stores too.
  for (var j = slice; j < short_size; j += SPLIT) {
    let row = select(j, at, LONG_A);
    let column = select(at, j, LONG_A);
    let first = 2u * across;
    if (COLUMN_SUMS && row == 0u) {
      store_second(lane * sizes.n + column, column_sums[first + select(0u, j / 4u, LONG_A)][select(0u, j % 4u, LONG_A)]);
    }
    let index = lane * sizes.y_lane + sizes.y_first + (batch * sizes.m + row) * sizes.y_row + column;
    finish(index, lane * sizes.n + column, sums[first + j / 4u][j % 4u]);
  }
}
