// activation-backward: the gradient through a pointwise nonlinearity, from what went into it.
//
//   dx[i] = dy[i] f'(x[i])
//
// group 0   0 dy f32[L,S] read · 1 x f32[L,S] read · 2 dx f32[L,S] write
//           3 more u32[L,P] write: if MADE is amax, the largest magnitude of each of P parts of dx; if it is cast, the codes of dx
// dispatch  [ceil(S/WIDTH/WORKGROUP),1,L], folded over x and y: one thread a vector of dx
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
  // Vectors of dx a part; only if FLAT is parts
  part: u32,
  cap: f32,
}

@group(0) @binding(0) var<storage, read> dy: array<Vec>;
@group(0) @binding(1) var<storage, read> x: array<Vec>;
@group(0) @binding(2) var<storage, read_write> dx: array<Vec>;
@group(0) @binding(3) var<storage, read_write> more: array<u32>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

fn slope(x: Vec) -> Vec {
  if (KIND == 0u) {
    return gelu_slope(x);
  }
  if (KIND == 1u) {
    return relu2_slope(x);
  }
  return softcap_slope(x, sizes.cap);
}

fn make(i: u32, lane: u32) {
  let at = lane * sizes.count + i;
  dx[at] = kept(at, dy[at] * slope(x[at]));
}
