// global-norm-squares: sums of squares of the chunks of a pack, the first of two stages of global_norm.
//
//   partials[j*S + s] = sum over the elements of share s of chunk j of x^2     S = SHARES: TREE ? 1 : WORKGROUP
//
// group 0   0 x f32 pack read · 1 chunks u32[J,4] read: start, count, lane stride, flags · 2 partials f32[L,J*S] write · 3 sizes
// dispatch  [J,1,L], folded over x and y: one workgroup a chunk
// override  WORKGROUP: power of two, 1..256 · TREE: one sum a chunk, by barriers; else one a thread, without
// numerics  every WORKGROUP-th element in order, then a tree
// uses lib/each-chunk
override TREE: bool = true;

struct Sizes {
  // J
  chunks: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> chunks: array<u32>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

var<workgroup> sums: array<f32, WORKGROUP>;

fn visit(j: u32, lane: u32, start: u32, count: u32, thread: u32) {
  var sum = 0.0;
  for (var i = thread; i < count; i += WORKGROUP) {
    sum += x[start + i] * x[start + i];
  }
  if (!TREE) {
    partials[(lane * sizes.chunks + j) * WORKGROUP + thread] = sum;
    return;
  }
  sums[thread] = sum;
  workgroupBarrier();
  for (var span = WORKGROUP / 2u; span > 0u; span /= 2u) {
    if (thread < span) {
      sums[thread] += sums[thread + span];
    }
    workgroupBarrier();
  }
  if (thread == 0u) {
    partials[lane * sizes.chunks + j] = sums[0];
  }
}
