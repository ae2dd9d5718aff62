// swiglu-forward: the gated unit of an MLP, gate and up-projection side by side in one row.
//
//   y[r,f] = silu(x[r,f]) x[r,F+f]     silu(g) = g sigmoid(g)
//
// group 0   0 x f32[L,R,2F] read · 1 y f32[L,R,F] write
//           2 more u32[L,P] write: if MADE is amax, the largest magnitude of each of P parts of y; if it is cast, the codes of y
// dispatch  [ceil(R*F/WIDTH/WORKGROUP),1,L], folded over x and y: one thread a vector of y
//           [P,1,L] if FLAT is parts: one workgroup a part
// override  WORKGROUP: power of two, 1..256
// template  MADE: none, amax or cast, see lib/made-* · FLAT: items or parts, see lib/flat-* · WIDTH: 4 where it divides F, else 1
// numerics  see lib/activation
// uses lib/vec{{WIDTH}}, lib/activation, lib/made-{{MADE}}, lib/flat-{{FLAT}}

struct Sizes {
  // R * F / WIDTH
  count: u32,
  // Vectors of y a part; only if FLAT is parts
  part: u32,
  // F / WIDTH
  columns: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Vec>;
@group(0) @binding(1) var<storage, read_write> y: array<Vec>;
@group(0) @binding(2) var<storage, read_write> more: array<u32>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

fn make(i: u32, lane: u32) {
  let at = lane * sizes.count + i;
  // Row r of x begins at 2rF: one F past where row r of y does, for every row before it.
  let start = at + (lane * (sizes.count / sizes.columns) + i / sizes.columns) * sizes.columns;
  let gate = x[start];
  y[at] = kept(at, gate * sigmoid(gate, decay(gate)) * x[start + sizes.columns]);
}
