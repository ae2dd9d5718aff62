// blocked-16x8: Y = act(alpha op(A) op(B) + bias) + residual, a tile of 16x8 outputs a thread, held in registers.
// No workgroup memory and no barrier, which suits software adapters; any shape (loads are clamped, stores guarded).
//
//   acc[m,n] = sum_k A[m,k] B[k,n],  A stored [M,K] (TRANSPOSE_A: [K,M]),  B stored [K,N] (TRANSPOSE_B: [N,K])
//   u = alpha * acc + bias[n],  y[m,n] = act(u) + residual[m,n]  (ACCUMULATE: y += that)
//
// group 0   0 a f32[L,(batch),M,K] read · 1 b f32[L,(batch),K,N] read · 2 bias f32[L,N] read
//           3 residual f32[L,batch,M,N] read
//           4 y f32[L,batch,M,N] read and write · 5 pre f32[L,batch,M,N] write: u, for the backward pass · 6 sizes
//           a_lane, a_batch, b_lane, b_batch: elements from one lane or batch to the next, 0 where shared; y is dense
//           bias, residual, pre: any buffer of 4 bytes or more (pre its own) while their flag is off
// dispatch  [ceil(N/(8*WORKGROUP_X)), ceil(M/(16*WORKGROUP_Y)), L*batch]
// override  WORKGROUP_X, WORKGROUP_Y: product up to 256
//           TRANSPOSE_A, TRANSPOSE_B; HAS_BIAS, STORE_PRE, HAS_RESIDUAL, ACCUMULATE; ACTIVATION: 0 none, 1 gelu (tanh), 2 relu2
// numerics  one f32 sum over k in ascending order, then the epilogue in the order above; gelu as in lib/activation
// uses lib/vec1, lib/activation
override WORKGROUP_X: u32 = 8;
override WORKGROUP_Y: u32 = 8;
override TRANSPOSE_A: bool = false;
override TRANSPOSE_B: bool = false;
override HAS_BIAS: bool = false;
override STORE_PRE: bool = false;
override ACTIVATION: u32 = 0;
override HAS_RESIDUAL: bool = false;
override ACCUMULATE: bool = false;

const TILE_M = 16u;
const TILE_N = 8u;

struct Sizes {
  m: u32,
  n: u32,
  k: u32,
  batch: u32,
  a_lane: u32,
  a_batch: u32,
  b_lane: u32,
  b_batch: u32,
  alpha: f32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read_write> pre: array<f32>;
@group(0) @binding(6) var<uniform> sizes: Sizes;

// Writes one output: `index` is its place in y, `column` its place in bias.
fn finish(index: u32, column: u32, sum: f32) {
  var value = sizes.alpha * sum;
  if (HAS_BIAS) {
    value += bias[column];
  }
  if (STORE_PRE) {
    pre[index] = value;
  }
  if (ACTIVATION == 1u) {
    value = gelu(value);
  } else if (ACTIVATION == 2u) {
    value = relu2(value);
  }
  if (HAS_RESIDUAL) {
    value += residual[index];
  }
  if (ACCUMULATE) {
    value += y[index];
  }
  y[index] = value;
}

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(global_invocation_id) id: vec3u) {
  let row = id.y * TILE_M;
  let column = id.x * TILE_N;
  if (row >= sizes.m || column >= sizes.n) {
    return;
  }
  let lane = wg.z / sizes.batch;
  let batch = wg.z - lane * sizes.batch;
  let a_base = lane * sizes.a_lane + batch * sizes.a_batch;
  let b_base = lane * sizes.b_lane + batch * sizes.b_batch;
  let a_row = select(sizes.k, 1u, TRANSPOSE_A);
  let a_step = select(1u, sizes.m, TRANSPOSE_A);
  let b_column = select(1u, sizes.k, TRANSPOSE_B);
  let b_step = select(sizes.n, 1u, TRANSPOSE_B);
  let last_row = sizes.m - 1u;
  let last_column = sizes.n - 1u;
  let a0 = a_base + min(row + 0u, last_row) * a_row;
  let a1 = a_base + min(row + 1u, last_row) * a_row;
  let a2 = a_base + min(row + 2u, last_row) * a_row;
  let a3 = a_base + min(row + 3u, last_row) * a_row;
  let a4 = a_base + min(row + 4u, last_row) * a_row;
  let a5 = a_base + min(row + 5u, last_row) * a_row;
  let a6 = a_base + min(row + 6u, last_row) * a_row;
  let a7 = a_base + min(row + 7u, last_row) * a_row;
  let a8 = a_base + min(row + 8u, last_row) * a_row;
  let a9 = a_base + min(row + 9u, last_row) * a_row;
  let a10 = a_base + min(row + 10u, last_row) * a_row;
  let a11 = a_base + min(row + 11u, last_row) * a_row;
  let a12 = a_base + min(row + 12u, last_row) * a_row;
  let a13 = a_base + min(row + 13u, last_row) * a_row;
  let a14 = a_base + min(row + 14u, last_row) * a_row;
  let a15 = a_base + min(row + 15u, last_row) * a_row;
  let b0 = b_base + min(column + 0u, last_column) * b_column;
  let b1 = b_base + min(column + 1u, last_column) * b_column;
  let b2 = b_base + min(column + 2u, last_column) * b_column;
  let b3 = b_base + min(column + 3u, last_column) * b_column;
  let b4 = b_base + min(column + 4u, last_column) * b_column;
  let b5 = b_base + min(column + 5u, last_column) * b_column;
  let b6 = b_base + min(column + 6u, last_column) * b_column;
  let b7 = b_base + min(column + 7u, last_column) * b_column;
  var c0p = vec4f(); var c0q = vec4f();
  var c1p = vec4f(); var c1q = vec4f();
  var c2p = vec4f(); var c2q = vec4f();
  var c3p = vec4f(); var c3q = vec4f();
  var c4p = vec4f(); var c4q = vec4f();
  var c5p = vec4f(); var c5q = vec4f();
  var c6p = vec4f(); var c6q = vec4f();
  var c7p = vec4f(); var c7q = vec4f();
  var c8p = vec4f(); var c8q = vec4f();
  var c9p = vec4f(); var c9q = vec4f();
  var c10p = vec4f(); var c10q = vec4f();
  var c11p = vec4f(); var c11q = vec4f();
  var c12p = vec4f(); var c12q = vec4f();
  var c13p = vec4f(); var c13q = vec4f();
  var c14p = vec4f(); var c14q = vec4f();
  var c15p = vec4f(); var c15q = vec4f();
  for (var k = 0u; k < sizes.k; k++) {
    let a_k = k * a_step;
    let b_k = k * b_step;
    let p = vec4f(b[b0 + b_k], b[b1 + b_k], b[b2 + b_k], b[b3 + b_k]);
    let q = vec4f(b[b4 + b_k], b[b5 + b_k], b[b6 + b_k], b[b7 + b_k]);
    let x0 = a[a0 + a_k];
    c0p += x0 * p;
    c0q += x0 * q;
    let x1 = a[a1 + a_k];
    c1p += x1 * p;
    c1q += x1 * q;
    let x2 = a[a2 + a_k];
    c2p += x2 * p;
    c2q += x2 * q;
    let x3 = a[a3 + a_k];
    c3p += x3 * p;
    c3q += x3 * q;
    let x4 = a[a4 + a_k];
    c4p += x4 * p;
    c4q += x4 * q;
    let x5 = a[a5 + a_k];
    c5p += x5 * p;
    c5q += x5 * q;
    let x6 = a[a6 + a_k];
    c6p += x6 * p;
    c6q += x6 * q;
    let x7 = a[a7 + a_k];
    c7p += x7 * p;
    c7q += x7 * q;
    let x8 = a[a8 + a_k];
    c8p += x8 * p;
    c8q += x8 * q;
    let x9 = a[a9 + a_k];
    c9p += x9 * p;
    c9q += x9 * q;
    let x10 = a[a10 + a_k];
    c10p += x10 * p;
    c10q += x10 * q;
    let x11 = a[a11 + a_k];
    c11p += x11 * p;
    c11q += x11 * q;
    let x12 = a[a12 + a_k];
    c12p += x12 * p;
    c12q += x12 * q;
    let x13 = a[a13 + a_k];
    c13p += x13 * p;
    c13q += x13 * q;
    let x14 = a[a14 + a_k];
    c14p += x14 * p;
    c14q += x14 * q;
    let x15 = a[a15 + a_k];
    c15p += x15 * p;
    c15q += x15 * q;
  }
  // An array that a loop indexes, so that the epilogue is compiled once and not once an output.
  var tile = array<vec4f, 32>(
    c0p, c0q,
    c1p, c1q,
    c2p, c2q,
    c3p, c3q,
    c4p, c4q,
    c5p, c5q,
    c6p, c6q,
    c7p, c7q,
    c8p, c8q,
    c9p, c9q,
    c10p, c10q,
    c11p, c11q,
    c12p, c12q,
    c13p, c13q,
    c14p, c14q,
    c15p, c15q,
  );
  let y_base = wg.z * sizes.m;
  for (var i = 0u; i < min(TILE_M, sizes.m - row); i++) {
    for (var j = 0u; j < min(TILE_N, sizes.n - column); j++) {
      let n = column + j;
      finish((y_base + row + i) * sizes.n + n, lane * sizes.n + n, tile[i * (TILE_N / 4u) + (j >> 2u)][j & 3u]);
    }
  }
}
