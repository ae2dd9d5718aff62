// adamw-update: one step of AdamW over all parameters, after clipping by the global norm.
//
//   g = grads * min(1, clip / (norm + 1e-6))              CLIPS; clip = 0: not clipped
//   m = beta1 m + (1 - beta1) g     v = beta2 v + (1 - beta2) g^2
//   w = w - lr wd w                                       DECAYS, in parts that decay
//   w = w - lr (m c1) / (sqrt(v c2) + eps)                c1 = 1/(1 - beta1^t), c2 = 1/(1 - beta2^t)
//   w = decode(encode(w))                                 ROUND: as optimizer/round-state-update does without a scale
//
//   A norm that is not finite halts its lane: w and v stay as they are and m becomes NaN; an element whose m is NaN never moves again.
//
// group 0   0 grads f32 pack read · 1 weights f32 pack read and write · 2 m f32 pack read and write: as bits
//           3 v f32 pack read and write · 4 norm f32[L,1] read: as bits · 5 hyper f32[L,16] read
//           6 chunks u32[J,4] read: see lib/chunks; flag: decays · 7 sizes
//           8 draw u32[L,2] read, unused unless rounding is stochastic
// dispatch  [J,1,L], folded over x and y: one workgroup a chunk
// override  WORKGROUP: 1..256 · CLIPS, DECAYS, ROUND · ROUNDING: 0 nearest even, 1 toward zero, 2 stochastic · SATURATE
//           lib/format: the format
// numerics  what is finite is told by bits: WGSL may assume that there is no NaN
// source    Loshchilov and Hutter 2019, algorithm 2, with lr for both terms as in PyTorch; clipping as PyTorch's clip_grad_norm_
// uses lib/philox, lib/format, lib/hyper, lib/each-chunk
override CLIPS: bool = true;
override DECAYS: bool = true;
override ROUND: bool = false;
override ROUNDING: u32 = 0;
override SATURATE: bool = true;

const MAGNITUDE = 0x7fffffffu;
const INFINITY = 0x7f800000u;
const HALTED = 0x7fc00000u;

struct Sizes {
  // J
  chunks: u32,
  tensor: u32,
  stream: u32,
}

@group(0) @binding(0) var<storage, read> grads: array<f32>;
@group(0) @binding(1) var<storage, read_write> weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> m: array<u32>;
@group(0) @binding(3) var<storage, read_write> v: array<f32>;
@group(0) @binding(4) var<storage, read> norm: array<u32>;
@group(0) @binding(5) var<storage, read> hyper: array<f32>;
@group(0) @binding(6) var<storage, read> chunks: array<u32>;
@group(0) @binding(7) var<uniform> sizes: Sizes;
@group(0) @binding(8) var<storage, read> draw: array<u32>;

fn visit(j: u32, lane: u32, start: u32, count: u32, thread: u32) {
  if ((norm[lane] & MAGNITUDE) >= INFINITY) {
    for (var i = thread; i < count; i += WORKGROUP) {
      m[start + i] = HALTED;
    }
    return;
  }
  let at = lane * HYPER_SIZE;
  let lr = hyper[at + LR];
  let beta1 = hyper[at + BETA1];
  let beta2 = hyper[at + BETA2];
  let eps = hyper[at + EPS];
  let correction1 = hyper[at + CORRECTION1];
  let correction2 = hyper[at + CORRECTION2];
  let clip = hyper[at + CLIP];
  var factor = 1.0;
  if (CLIPS && clip > 0.0) {
    factor = min(1.0, clip / (bitcast<f32>(norm[lane]) + 1e-6));
  }
  var decay = 0.0;
  if (DECAYS && chunk_decays(j)) {
    decay = lr * hyper[at + WEIGHT_DECAY];
  }
  let format = the_format();
  for (var i = thread; i < count; i += WORKGROUP) {
    let e = start + i;
    let before = m[e];
    if ((before & MAGNITUDE) > INFINITY) {
      continue;
    }
    let g = grads[e] * factor;
    let next_m = beta1 * bitcast<f32>(before) + (1.0 - beta1) * g;
    let next_v = beta2 * v[e] + (1.0 - beta2) * g * g;
    m[e] = bitcast<u32>(next_m);
    v[e] = next_v;
    let w = weights[e];
    let next_w = w - decay * w - lr * (next_m * correction1) / (sqrt(next_v * correction2) + eps);
    if (!ROUND) {
      weights[e] = next_w;
      continue;
    }
    var random = 0u;
    if (ROUNDING == CAST_STOCHASTIC) {
      let drawn = chunk_place(j) + i;
      let counter = vec4u(drawn >> 2u, 0u, sizes.tensor, draw[2u * lane + 1u]);
      random = philox(counter, vec2u(draw[2u * lane], sizes.stream))[drawn & 3u];
    }
    let word = bitcast<u32>(next_w);
    let code = cast_encode(word, format, ROUNDING, SATURATE, random);
    weights[e] = bitcast<f32>(select(cast_decode(code, format), word, (word & MAGNITUDE) > INFINITY));
  }
}
