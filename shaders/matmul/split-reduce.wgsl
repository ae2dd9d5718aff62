// split-reduce: adds the slices that tiled wrote with SPLITS > 1, then finishes each output as the other matmuls do.
//
//   u = alpha * sum_s partials[s,m,n] + bias[n],  y[m,n] = act(u) + residual[m,n]
//
// group 0   0 partials f32[L,batch,splits,M,N] read · 1 bias f32[L,N] read · 2 residual f32[L,batch,M,N] read
//           3 y f32[L,batch,M,N] write · 4 pre f32[L,batch,M,N] write: u, for the backward pass · 5 sizes
//           bias, residual, pre: any buffer of 4 bytes or more (pre its own) while their flag is off
// dispatch  [ceil(M*N/WORKGROUP), 1, L*batch]
// override  WORKGROUP: 32..256
//           HAS_BIAS, STORE_PRE, HAS_RESIDUAL; ACTIVATION: 0 none, 1 gelu (tanh), 2 relu2
// numerics  one f32 sum over the slices in ascending order, then the epilogue in the order above; gelu as in lib/activation
// uses lib/vec1, lib/activation, lib/epilogue
override WORKGROUP: u32 = 64;

struct Sizes {
  m: u32,
  n: u32,
  batch: u32,
  splits: u32,
  alpha: f32,
}

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read> residual: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> pre: array<f32>;
@group(0) @binding(5) var<uniform> sizes: Sizes;

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
  finish(id.z * count + id.x, id.z / sizes.batch * sizes.n + id.x % sizes.n, sum);
}
