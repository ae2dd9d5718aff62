// record-amax-update: puts the amax of a micro-batch into the histories of delayed scaling.
//
//   h = history[t, step % length]     h = first ? a : max(h, a)     a = max_p amaxes[t,p]
//   step = floor(draw[1] / micro_batches), first = the first micro-batch of its step
//
// group 0   0 amaxes u32 pack read: bits of f32 · 1 history f32 pack read and write: as bits · 2 draw u32[L,2] read
//           3 tensors u32[N,4] read: start and length of the history, start and number of partial amaxes · 4 sizes
// dispatch  [ceil(N/WORKGROUP),1,L], folded over x and y: one thread a tensor
// override  WORKGROUP: 1..256
// numerics  compared as u32: NaN is above Inf, and Inf above all numbers
override WORKGROUP: u32 = 64;

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
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let t = id.y * groups.x * WORKGROUP + id.x;
  if (t >= sizes.tensors) {
    return;
  }
  let length = tensors[4u * t + 1u];
  let partials = tensors[4u * t + 3u];
  let start = tensors[4u * t + 2u] + id.z * partials;
  var amax = 0u;
  for (var p = 0u; p < partials; p++) {
    amax = max(amax, amaxes[start + p]);
  }
  let counter = draw[2u * id.z + 1u];
  let at = tensors[4u * t] + id.z * length + (counter / sizes.micro_batches) % length;
  if (counter % sizes.micro_batches != 0u) {
    amax = max(amax, history[at]);
  }
  history[at] = amax;
}
