// split-reduce: adds the slices that tiled wrote with SPLITS > 1, then finishes each output as the other matmuls do.
//
//   u = alpha * sum_s partials[s,m,n] + bias[n],  y[m,n] = act(u) + beside[m,n]; or y[m,n] = u act'(beside[m,n])
//
// group 0   0 partials f32[L,batch,splits,M,N] read · 1 bias f32[L,N] read · 2 beside f32[L,batch,M,N] read: a residual, or with SLOPE what went into the activation (swiglu: [M,2N])
//           3 y f32[L,batch,M,N] write · 4 second write: f32[L,batch,M,N] u, for the backward pass, or f32[L,N] with COLUMN_SUMS · 5 sizes
//           6 partial_sums f32[L,splits,N] read: with COLUMN_SUMS, sums of the columns of B
//           bias, beside, second: any buffer of 4 bytes or more (second its own) while their flag is off
// dispatch  [ceil(M*N/WORKGROUP), 1, L*batch]
// override  WORKGROUP: 32..256
//           HAS_BIAS, STORE_PRE, HAS_RESIDUAL, COLUMN_SUMS, ACCUMULATE; ACTIVATION: 0 none, 1 gelu (tanh), 2 relu2
//           SLOPE: of 0 none, 1 gelu, 2 relu2, 3 swiglu, whose y is [M,2N]
// numerics  one f32 sum over the slices in ascending order, then the epilogue in the order above; gelu as in lib/activation
// uses lib/vec1, lib/activation, lib/epilogue
override WORKGROUP: u32 = 64;

struct Sizes {
  m: u32,
  n: u32,
  batch: u32,
  splits: u32,
  y_first: u32,
  y_lane: u32,
  alpha: f32,
}

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read> beside: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> second: array<f32>;
@group(0) @binding(5) var<uniform> sizes: Sizes;
@group(0) @binding(6) var<storage, read> partial_sums: array<f32>;

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
    second[id.z * sizes.n + id.x] = column_sum;
  }
  let lane = id.z / sizes.batch;
  finish(lane * sizes.y_lane + sizes.y_first + (id.z - lane * sizes.batch) * count + id.x, lane * sizes.n + id.x % sizes.n, sum);
}
