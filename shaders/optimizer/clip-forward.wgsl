// clip-forward: all gradients, scaled down where their global norm is above the clip.
//
//   y = grads * min(1, clip / (norm + 1e-6))              clip = 0: y = grads
//
// group 0   0 grads f32 pack read · 1 y f32 pack write · 2 norm f32[L,1] read · 3 hyper f32[L,16] read
//           4 chunks u32[J,4] read: see lib/chunks · 5 sizes
// dispatch  [J,1,L], folded over x and y: one workgroup a chunk
// override  WORKGROUP: 1..256
// source    as PyTorch's clip_grad_norm_
// uses lib/hyper, lib/each-chunk

struct Sizes {
  // J
  chunks: u32,
}

@group(0) @binding(0) var<storage, read> grads: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read> norm: array<f32>;
@group(0) @binding(3) var<storage, read> hyper: array<f32>;
@group(0) @binding(4) var<storage, read> chunks: array<u32>;
@group(0) @binding(5) var<uniform> sizes: Sizes;

fn visit(j: u32, lane: u32, start: u32, count: u32, thread: u32) {
  let clip = hyper[lane * HYPER_SIZE + CLIP];
  var factor = 1.0;
  if (clip > 0.0) {
    factor = min(1.0, clip / (norm[lane] + 1e-6));
  }
  for (var i = thread; i < count; i += WORKGROUP) {
    y[start + i] = grads[start + i] * factor;
  }
}
