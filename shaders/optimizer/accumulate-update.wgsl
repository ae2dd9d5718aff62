// accumulate-update: adds the gradients of a micro-batch to those of the step.
//
//   acc = (first ? 0 : acc) + scale * grads     micro = first, scale
//
// group 0   0 grads f32 pack read · 1 acc f32 pack read and write · 2 micro f32[L,2] read
//           3 chunks u32[J,4] read: start, count, lane stride, flags, of grads · 4 sizes
//           5 targets u32[J] read: start in acc, which may have more parts than grads
// dispatch  [J,1,L], folded over x and y: one workgroup a chunk
// override  WORKGROUP: 1..256
// numerics  what acc held before the first micro-batch does not matter, NaN included
// uses lib/each-chunk

struct Sizes {
  // J
  chunks: u32,
}

@group(0) @binding(0) var<storage, read> grads: array<f32>;
@group(0) @binding(1) var<storage, read_write> acc: array<f32>;
@group(0) @binding(2) var<storage, read> micro: array<f32>;
@group(0) @binding(3) var<storage, read> chunks: array<u32>;
@group(0) @binding(4) var<uniform> sizes: Sizes;
@group(0) @binding(5) var<storage, read> targets: array<u32>;

fn visit(j: u32, lane: u32, start: u32, count: u32, thread: u32) {
  let is_first = micro[2u * lane] != 0.0;
  let scale = micro[2u * lane + 1u];
  let target_start = targets[j] + lane * chunks[4u * j + 2u];
  for (var i = thread; i < count; i += WORKGROUP) {
    let g = scale * grads[start + i];
    if (is_first) {
      acc[target_start + i] = g;
    } else {
      acc[target_start + i] += g;
    }
  }
}
