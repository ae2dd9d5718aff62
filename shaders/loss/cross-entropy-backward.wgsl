// cross-entropy-backward: gradient of cross-entropy-forward's losses with respect to the logits.
//
//   dz[n,v] = dlosses[n] * ((1 + 2 c lse[n]) exp(z[n,v] - lse[n]) - [v = target])     c = hyper[Z_LOSS]
//
// group 0   0 logits f32[L,N,V] read · 1 targets u32[L,N] read · 2 lse f32[L,N] read · 3 hyper f32[L,16] read
//           4 dlosses f32[L,N] read · 5 dlogits f32[L,N,V] write · 6 sizes
//           7 more u32[L,P] write: if MADE is amax, the largest magnitude of each of P parts of dlogits; if it is cast, their codes
// dispatch  [ceil(N*V/WIDTH/WORKGROUP),1,L], folded over x and y: one thread a vector of dlogits
//           [P,1,L] if FLAT is parts: one workgroup a part
// override  WORKGROUP: power of two, 1..256
// template  MADE: none, amax or cast, see lib/made-* · FLAT: items or parts, see lib/flat-* · WIDTH: 4 where it divides V, else 1
// numerics  a rounding error of lse is one of every probability: an offset of 1000 costs 4 digits
// uses lib/vec{{WIDTH}}, lib/places{{WIDTH}}, lib/hyper, lib/made-{{MADE}}, lib/flat-{{FLAT}}

struct Sizes {
  // N * V / WIDTH
  count: u32,
  // Vectors of dlogits a part; only if FLAT is parts
  part: u32,
  // V / WIDTH
  columns: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<Vec>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read> hyper: array<f32>;
@group(0) @binding(4) var<storage, read> dlosses: array<f32>;
@group(0) @binding(5) var<storage, read_write> dlogits: array<Vec>;
@group(0) @binding(6) var<uniform> sizes: Sizes;
@group(0) @binding(7) var<storage, read_write> more: array<u32>;

fn make(i: u32, lane: u32) {
  let at = lane * sizes.count + i;
  let row = at / sizes.columns;
  let pull = 1.0 + 2.0 * hyper[lane * HYPER_SIZE + Z_LOSS] * lse[row];
  let p = exp(logits[at] - lse[row]);
  dlogits[at] = kept(at, dlosses[row] * (pull * p - one_hot(i % sizes.columns, targets[row])));
}
