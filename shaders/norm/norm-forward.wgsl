// norm-forward: layernorm or rmsnorm of each row; on request of the sum of two rows, which is written too.
//
//   x[r,c] = x[r,c] + addend[r,c], sum[r,c] = x[r,c]          first, if SUMMED
//   y[r,c] = (x[r,c] - mean[r]) rstd[r] gain[c] + bias[c]     layernorm: rstd = 1 / sqrt(mean((x - mean)^2) + eps)
//   y[r,c] = x[r,c] rstd[r] gain[c] + bias[c]                 rmsnorm:   rstd = 1 / sqrt(mean(x^2) + eps)
//
// group 0   0 x f32[L,R,C] read · 1 gain f32[L,C] read · 2 bias f32[L,C] read, unused unless BIASED · 3 y f32[L,R,C] write
//           4 stats f32[L,R,2] write: mean (0 for rmsnorm), rstd
//           5 addend f32[L,R,C] read, 6 sum f32[L,R,C] write, both unused unless SUMMED
//           7 more u32[L,P] write: if MADE is amax, the largest magnitude of each of P parts of y; if it is cast, the codes of y
// dispatch  [P,1,L], folded over x and y, but not with MADE amax, which has P <= 256: P = ceil(R/U), TEAM threads a row
// override  WORKGROUP, TEAM: see lib/reduce · CENTRED: layernorm · BIASED: add the bias
//           SUMMED: norm the sum of x and addend
// template  MADE: none, amax or cast, see lib/made-* · WIDTH: 4 where it divides C, else 1
// numerics  two passes, the first over x - x[r,0], so that a large offset costs no digits
//           f32 sums: every TEAM-th vector in order, then a tree; squares overflow beyond |x| of 1e19
// uses lib/vec{{WIDTH}}, lib/reduce, lib/made-{{MADE}}, lib/team-rows
override CENTRED: bool = true;
override BIASED: bool = true;
override SUMMED: bool = false;

struct Sizes {
  // R
  rows: u32,
  // U: rows a workgroup has
  part: u32,
  // C / WIDTH
  columns: u32,
  eps: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Vec>;
@group(0) @binding(1) var<storage, read> gain: array<Vec>;
@group(0) @binding(2) var<storage, read> bias: array<Vec>;
@group(0) @binding(3) var<storage, read_write> y: array<Vec>;
@group(0) @binding(4) var<storage, read_write> stats: array<vec2f>;
@group(0) @binding(5) var<storage, read> addend: array<Vec>;
@group(0) @binding(6) var<storage, read_write> sum: array<Vec>;
@group(0) @binding(7) var<storage, read_write> more: array<u32>;
@group(0) @binding(8) var<uniform> sizes: Sizes;

fn x_at(i: u32) -> Vec {
  if (SUMMED) {
    return x[i] + addend[i];
  }
  return x[i];
}

// Norms a row. Not `inside`, it only takes part in the barriers.
fn make_row(row: u32, lane: u32, inside: bool, thread: u32) {
  let base = row * sizes.columns;
  let member = thread % TEAM;
  let count = f32(sizes.columns * WIDTH);
  var mean = 0.0;
  if (CENTRED) {
    let origin = head(x_at(base));
    var offsets = Vec(0);
    for (var c = member; c < sizes.columns; c += TEAM) {
      offsets += x_at(base + c) - origin;
    }
    mean = origin + team_sum(total(offsets), thread) / count;
  }
  var squares = Vec(0);
  for (var c = member; c < sizes.columns; c += TEAM) {
    let centred = x_at(base + c) - mean;
    squares += centred * centred;
  }
  let rstd = inverseSqrt(team_sum(total(squares), thread) / count + sizes.eps);
  if (inside) {
    for (var c = member; c < sizes.columns; c += TEAM) {
      let raw = x_at(base + c);
      var value = (raw - mean) * rstd * gain[lane * sizes.columns + c];
      if (BIASED) {
        value += bias[lane * sizes.columns + c];
      }
      y[base + c] = kept(base + c, value);
      if (SUMMED) {
        sum[base + c] = raw;
      }
    }
    if (member == 0u) {
      stats[row] = vec2f(mean, rstd);
    }
  }
}
