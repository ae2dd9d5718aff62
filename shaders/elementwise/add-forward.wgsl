// add-forward: a sum whose second term repeats: another tensor, a bias, or the rows of a position table.
//
//   y[i] = a[i] + b[i mod P]
//
// group 0   0 a f32[L,S] read · 1 b f32[L,P] read · 2 y f32[L,S] write
//           3 more u32[L,Q] write: if MADE is amax, the largest magnitude of each of Q parts of y; if it is cast, the codes of y
// dispatch  [ceil(S/WIDTH/WORKGROUP),1,L], folded over x and y: one thread a vector of y
//           [Q,1,L] if FLAT is parts: one workgroup a part
// override  WORKGROUP: power of two, 1..256
// template  MADE: none, amax or cast, see lib/made-* · FLAT: items or parts, see lib/flat-* · WIDTH: 4 where it divides
//           P, or with MADE amax or cast the last dimension, else 1
// uses lib/vec{{WIDTH}}, lib/made-{{MADE}}, lib/flat-{{FLAT}}

struct Sizes {
  // S / WIDTH
  count: u32,
  // Vectors of y a part; only if FLAT is parts
  part: u32,
  // P / WIDTH; divides count
  period: u32,
}

@group(0) @binding(0) var<storage, read> a: array<Vec>;
@group(0) @binding(1) var<storage, read> b: array<Vec>;
@group(0) @binding(2) var<storage, read_write> y: array<Vec>;
@group(0) @binding(3) var<storage, read_write> more: array<u32>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

fn make(i: u32, lane: u32) {
  let at = lane * sizes.count + i;
  y[at] = kept(at, a[at] + b[lane * sizes.period + i % sizes.period]);
}
