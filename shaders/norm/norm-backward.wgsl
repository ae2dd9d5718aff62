// norm-backward: the gradient of norm-forward in x, with another gradient of x added on request.
//
//   dx[r,c] = rstd[r] (w - mean_c(w) - xhat mean_c(w xhat)) + addend[r,c]     w = dy gain, xhat = (x - mean) rstd
//   rmsnorm has no mean_c(w)
//
// group 0   0 dy f32[L,R,C] read · 1 x f32[L,R,C] read · 2 gain f32[L,C] read · 3 stats f32[L,R,2] read: mean, rstd
//           4 addend f32[L,R,C] read, unused unless ADDEND · 5 dx f32[L,R,C] write
//           6 more u32[L,P] write: if MADE is amax, the largest magnitude of each of P parts of dx; if it is cast, the codes of dx
// dispatch  [P,1,L], folded over x and y, but not with MADE amax, which has P <= 256: P = ceil(R/U), TEAM threads a row
// override  WORKGROUP, TEAM: see lib/reduce · CENTRED: layernorm · ADDEND: add the addend
// template  MADE: none, amax or cast, see lib/made-* · WIDTH: 4 where it divides C, else 1
// numerics  f32 sums: every TEAM-th vector in order, then a tree
// uses lib/vec{{WIDTH}}, lib/reduce, lib/made-{{MADE}}, lib/team-rows
override CENTRED: bool = true;
override ADDEND: bool = false;

struct Sizes {
  // R
  rows: u32,
  // U: rows a workgroup has
  part: u32,
  // C / WIDTH
  columns: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<Vec>;
@group(0) @binding(1) var<storage, read> x: array<Vec>;
@group(0) @binding(2) var<storage, read> gain: array<Vec>;
@group(0) @binding(3) var<storage, read> stats: array<vec2f>;
@group(0) @binding(4) var<storage, read> addend: array<Vec>;
@group(0) @binding(5) var<storage, read_write> dx: array<Vec>;
@group(0) @binding(6) var<storage, read_write> more: array<u32>;
@group(0) @binding(7) var<uniform> sizes: Sizes;

// The gradient of a row. Not `inside`, it only takes part in the barriers.
fn make_row(row: u32, lane: u32, inside: bool, thread: u32) {
  let base = row * sizes.columns;
  let member = thread % TEAM;
  let mean = stats[row].x;
  let rstd = stats[row].y;
  var plain = Vec(0);
  var along = Vec(0);
  for (var c = member; c < sizes.columns; c += TEAM) {
    let w = dy[base + c] * gain[lane * sizes.columns + c];
    plain += w;
    along += w * ((x[base + c] - mean) * rstd);
  }
  var means = vec2f(0);
  if (CENTRED) {
    means = team_sum2(vec2f(total(plain), total(along)), thread);
  } else {
    means.y = team_sum(total(along), thread);
  }
  means /= f32(sizes.columns * WIDTH);
  if (inside) {
    for (var c = member; c < sizes.columns; c += TEAM) {
      let xhat = (x[base + c] - mean) * rstd;
      var value = rstd * (dy[base + c] * gain[lane * sizes.columns + c] - means.x - xhat * means.y);
      if (ADDEND) {
        value += addend[base + c];
      }
      dx[base + c] = kept(base + c, value);
    }
  }
}
