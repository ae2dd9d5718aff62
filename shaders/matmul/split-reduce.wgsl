// split-reduce: adds the slices that tiled wrote with SPLITS > 1, then finishes each output as the other matmuls do.
//
//   u = alpha * sum_s partials[s,m,n] + bias[n],  y[m,n] = act(u) + beside[m,n]; or y[m,n] = u act'(beside[m,n])
//
// group 0   0 partials f32[L,batch,splits,M,N] read · 1 partial_sums f32[L,splits,N] read: with COLUMN_SUMS, sums of the columns of B
//           2 bias f32[L,N] read · 3 beside f32[L,batch,M,N] read: a residual, or with SLOPE what went into the activation (swiglu:
//           [M,2N]); with ACCUMULATE 2 f32[L,2] read, bound in whole vectors: first, scale
//           4 y f32[L,batch,M,N] write · 5 second write: f32[L,batch,M,N] u, for the backward pass, or f32[L,N] with COLUMN_SUMS · 6 sizes
//           y_first: elements of y before the first one of a lane; y_lane, y_row: from one lane or row of y to the next
//           bias, beside, second: any buffer of 4 bytes or more (second its own) while their flag is off
// dispatch  [ceil(M*N/WORKGROUP), 1, L*batch]
// override  WORKGROUP: 32..256
//           HAS_BIAS, STORE_PRE, HAS_RESIDUAL, COLUMN_SUMS; ACTIVATION: 0 none, 1 gelu (tanh), 2 relu2
//           ACCUMULATE: 0 no, 1 to what y has, 2 to the sum of micro-batches, as lib/epilogue says
//           SLOPE: of 0 none, 1 gelu, 2 relu2, 3 swiglu, whose y is [M,2N]
// numerics  one f32 sum over the slices in ascending order, then the epilogue in the order above; gelu as in lib/activation
// uses lib/vec1, lib/activation, lib/epilogue, lib/stored-none
override WORKGROUP: u32 = 64;

struct Sizes {
  m: u32,
  n: u32,
  batch: u32,
  splits: u32,
  y_first: u32,
  y_lane: u32,
  y_row: u32,
  alpha: f32,
}

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read> partial_sums: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let count = sizes.m * sizes.n;
  if (id.x >= count) {
    return;
  }
  var sum = 0.0;
  var at = id.z * sizes.splits * count + id.x;
  for (var s = 0u; s < sizes.splits; s++) {
    sum += partials[at];
    at += count;
  }
  if (COLUMN_SUMS && id.x < sizes.n) {
    var column_sum = 0.0;
    for (var s = 0u; s < sizes.splits; s++) {
      column_sum += partial_sums[(id.z * sizes.splits + s) * sizes.n + id.x];
    }
    store_second(id.z * sizes.n + id.x, column_sum);
  }
  let lane = id.z / sizes.batch;
  let row = id.x / sizes.n;
  let column = id.x - row * sizes.n;
  let index = ((id.z - lane * sizes.batch) * sizes.m + row) * sizes.y_row + column;
  finish(lane * sizes.y_lane + sizes.y_first + index, lane * sizes.n + column, sum);
}
