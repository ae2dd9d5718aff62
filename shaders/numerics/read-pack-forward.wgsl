// read-pack-forward: the tensors of a pack one after another, without the space between them.
//
//   y[places[j] + i] = x[start(j) + i] for the elements i of chunk j
//
// group 0   0 x u32 pack read: words of any kind · 1 chunks u32[J,4] read: start, count, lane stride, flags
//           2 places u32[J] read: of chunks in y · 3 y u32[L,S] write · 4 sizes
// dispatch  [J,1,L], folded over x and y: one workgroup a chunk
// override  WORKGROUP: 1..256
// uses lib/chunks
override WORKGROUP: u32 = 64;

struct Sizes {
  // J
  chunks: u32,
  // S
  count: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> chunks: array<u32>;
@group(0) @binding(2) var<storage, read> places: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<u32>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

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
  let place = group.z * sizes.count + places[j];
  for (var i = thread; i < count; i += WORKGROUP) {
    y[place + i] = x[start + i];
  }
}
