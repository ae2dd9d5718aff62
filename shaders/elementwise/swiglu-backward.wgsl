// swiglu-backward: the gradient of swiglu-forward.
//
//   dx[r,F+f] = dy[r,f] silu(g)                        g = x[r,f], u = x[r,F+f], s = sigmoid(g)
//   dx[r,f]   = dy[r,f] u s (1 + g (1 - s))
//
// group 0   0 dy f32[L,R,F] read · 1 x f32[L,R,2F] read · 2 dx f32[L,R,2F] write
//           3 more u32[L,P] write: if MADE is amax, the largest magnitude of each of P parts of dx; if it is cast, the codes of dx
// dispatch  [ceil(R*F/WIDTH/WORKGROUP),1,L], folded over x and y: one thread a vector of dy
//           [P,1,L] if FLAT is parts: one workgroup a part
// override  WORKGROUP: power of two, 1..256
// template  MADE: none, amax or cast, see lib/made-* · FLAT: items or parts, see lib/flat-* · WIDTH: 4 where it divides F, else 1
// numerics  see lib/activation; 1 - s comes from the exponential, it does not cancel
// uses lib/vec{{WIDTH}}, lib/activation, lib/made-{{MADE}}, lib/flat-{{FLAT}}

struct Sizes {
  // R * F / WIDTH
  count: u32,
  // Vectors of dy a part; only if FLAT is parts
  part: u32,
  // F / WIDTH
  columns: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<Vec>;
@group(0) @binding(1) var<storage, read> x: array<Vec>;
@group(0) @binding(2) var<storage, read_write> dx: array<Vec>;
@group(0) @binding(3) var<storage, read_write> more: array<u32>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

fn make(i: u32, lane: u32) {
  let at = lane * sizes.count + i;
  let start = at + (lane * (sizes.count / sizes.columns) + i / sizes.columns) * sizes.columns;
  let gate = x[start];
  let e = decay(gate);
  let s = sigmoid(gate, e);
  dx[start] = kept(start, dy[at] * x[start + sizes.columns] * s * (1 + gate * sigmoid(-gate, e)));
  dx[start + sizes.columns] = kept(start + sizes.columns, dy[at] * gate * s);
}
