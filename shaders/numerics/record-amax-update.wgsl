// record-amax-update: puts the amax of a micro-batch into the histories of delayed scaling.
//
//   h = history[t, step % length]     h = first ? a : max(h, a)     a = max_p amaxes[t,p]
//   step = floor(draw[1] / micro_batches), first = the first micro-batch of its step
//
// group 0   0 amaxes u32 pack read: bits of f32 · 1 history f32 pack read and write: as bits · 2 draw u32[L,2] read
//           3 tensors u32[N,5] read: start and length of the history; start, number and lane stride of partial amaxes · 4 sizes
// dispatch  [N,1,L], folded over x and y: one workgroup a tensor
// override  WORKGROUP: power of two, 1..256
// numerics  compared as u32: NaN is above Inf, and Inf above all numbers
// uses lib/amax

struct Sizes {
  // N
  tensors: u32,
  micro_batches: u32,
}

@group(0) @binding(0) var<storage, read> amaxes: array<u32>;
@group(0) @binding(1) var<storage, read_write> history: array<u32>;
@group(0) @binding(2) var<storage, read> draw: array<u32>;
@group(0) @binding(3) var<storage, read> tensors: array<u32>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  // Groups past the end take part in the barriers of the last tensor.
  let place = group.y * groups.x + group.x;
  let t = 5u * min(place, sizes.tensors - 1u);
  let start = tensors[t + 2u] + group.z * tensors[t + 4u];
  var amax = 0u;
  for (var p = thread; p < tensors[t + 3u]; p += WORKGROUP) {
    amax = max(amax, amaxes[start + p]);
  }
  amax = team_amax(amax, thread, WORKGROUP);
  if (place >= sizes.tensors || thread > 0u) {
    return;
  }
  let length = tensors[t + 1u];
  let counter = draw[2u * group.z + 1u];
  let at = tensors[t] + group.z * length + (counter / sizes.micro_batches) % length;
  if (counter % sizes.micro_batches != 0u) {
    amax = max(amax, history[at]);
  }
  history[at] = amax;
}
