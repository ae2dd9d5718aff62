// decay-update: decoupled weight decay before a step of AdamW.
//
//   w = w - lr wd w        in parts that decay; not where adamw-update is about to leave w as it is: the norm not finite, or m NaN
//
// group 0   0 weights f32 pack read and write · 1 m f32 pack read: as bits · 2 norm f32[L,1] read: as bits · 3 hyper f32[L,16] read
//           4 chunks u32[J,4] read: see lib/chunks; flag: decays · 5 sizes
// dispatch  [J,1,L], folded over x and y: one workgroup a chunk
// override  WORKGROUP: 1..256
// numerics  what is finite is told by bits: WGSL may assume that there is no NaN
// uses lib/hyper, lib/each-chunk

const MAGNITUDE = 0x7fffffffu;
const INFINITY = 0x7f800000u;

struct Sizes {
  // J
  chunks: u32,
}

@group(0) @binding(0) var<storage, read_write> weights: array<f32>;
@group(0) @binding(1) var<storage, read> m: array<u32>;
@group(0) @binding(2) var<storage, read> norm: array<u32>;
@group(0) @binding(3) var<storage, read> hyper: array<f32>;
@group(0) @binding(4) var<storage, read> chunks: array<u32>;
@group(0) @binding(5) var<uniform> sizes: Sizes;

fn visit(j: u32, lane: u32, start: u32, count: u32, thread: u32) {
  if (!chunk_decays(j) || (norm[lane] & MAGNITUDE) >= INFINITY) {
    return;
  }
  let decay = hyper[lane * HYPER_SIZE + LR] * hyper[lane * HYPER_SIZE + WEIGHT_DECAY];
  for (var i = thread; i < count; i += WORKGROUP) {
    let e = start + i;
    if ((m[e] & MAGNITUDE) <= INFINITY) {
      let w = weights[e];
      weights[e] = w - decay * w;
    }
  }
}
