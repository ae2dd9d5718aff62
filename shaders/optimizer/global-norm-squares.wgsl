// global-norm-squares: sums of squares of the chunks of a pack, the first of two stages of global_norm.
//
//   partials[j*S + s] = sum over the elements of share s of chunk j of x^2     S = SHARES: TREE ? 1 : WORKGROUP
//
// group 0   0 x f32 pack read · 1 chunks u32[J,4] read: start, count, lane stride, flags · 2 partials f32[L,J*S] write · 3 sizes
// dispatch  [J,1,L], folded over x and y: one workgroup a chunk
// override  WORKGROUP: power of two, 1..256 · TREE: one sum a chunk, by barriers; else one a thread, without
// numerics  every WORKGROUP-th element in order, then a tree
// uses lib/chunks
override WORKGROUP: u32 = 64;
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

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let j = group.y * groups.x + group.x;
  if (j >= sizes.chunks) {
    return;
  }
  let start = chunk_start(j, group.z);
  let count = chunk_count(j);
  var sum = 0.0;
  for (var i = thread; i < count; i += WORKGROUP) {
    sum += x[start + i] * x[start + i];
  }
  if (!TREE) {
    partials[(group.z * sizes.chunks + j) * WORKGROUP + thread] = sum;
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
    partials[group.z * sizes.chunks + j] = sums[0];
  }
}
