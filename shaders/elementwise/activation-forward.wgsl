// activation-forward: a pointwise nonlinearity.
//
//   y[i] = gelu(x[i]), relu2(x[i]) or cap tanh(x[i] / cap)
//
// group 0   0 x f32[L,S] read · 1 y f32[L,S] write
//           2 more u32[L,P] write: if MADE is amax, the largest magnitude of each of P parts of y; if it is cast, the codes of y
// dispatch  [ceil(S/WIDTH/WORKGROUP),1,L], folded over x and y: one thread a vector of y
//           [P,1,L] if FLAT is parts: one workgroup a part
// override  WORKGROUP: power of two, 1..256 · KIND: 0 gelu (tanh form), 1 relu2, 2 softcap
// template  MADE: none, amax or cast, see lib/made-* · FLAT: items or parts, see lib/flat-* · WIDTH: 4 where it divides
//           S, or with MADE amax or cast the last dimension, else 1
// numerics  see lib/activation
// uses lib/vec{{WIDTH}}, lib/activation, lib/made-{{MADE}}, lib/flat-{{FLAT}}
override KIND: u32 = 0;

struct Sizes {
  // S / WIDTH
  count: u32,
  // Vectors of y a part; only if FLAT is parts
  part: u32,
  cap: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Vec>;
@group(0) @binding(1) var<storage, read_write> y: array<Vec>;
@group(0) @binding(2) var<storage, read_write> more: array<u32>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

fn activated(x: Vec) -> Vec {
  if (KIND == 0u) {
    return gelu(x);
  }
  if (KIND == 1u) {
    return relu2(x);
  }
  return softcap(x, sizes.cap);
}

fn make(i: u32, lane: u32) {
  let at = lane * sizes.count + i;
  y[at] = kept(at, activated(x[at]));
}
