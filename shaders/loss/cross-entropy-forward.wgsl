// cross-entropy-forward: losses of rows of logits with z-loss, and with GRADIENT also the gradient of their scaled sum.
//
//   lse[n] = log sum_v exp z[n,v]     nll[n] = lse[n] - z[n,target]     losses[n] = nll[n] + c lse[n]^2     c = hyper[Z_LOSS]
//   dz[n,v] = scale * ((1 + 2 c lse[n]) exp(z[n,v] - lse[n]) - [v = target])
//
// group 0   0 logits f32[L,R,V] read, with LOGITS in-place read and write: rows FIRST .. FIRST + R of N · 1 targets u32[L,N] read · 2 hyper f32[L,16] read · 3 losses f32[L,N] write
//           4 lse f32[L,N] write · 5 nll f32[L,N] write · 6 dlogits f32[L,R,V] write, unused unless GRADIENT, not there in place · 7 sizes
//           8 more u32[L,P] write: if MADE is amax, the largest magnitude of each of P parts of dlogits; if it is cast, their codes
// dispatch  [P,1,L], folded over x and y, but not with MADE amax, which has P <= 256: P = ceil(R/U), TEAM threads a row
// override  WORKGROUP, TEAM: see lib/reduce · GRADIENT: write dlogits
// template  MADE: none, amax or cast, see lib/made-*; none in place · WIDTH: 4 where it divides V, else 1 · LOGITS: apart, or in-place, where the gradient overwrites the logits
// numerics  shifted by the largest logit; every TEAM-th vector in order, then a tree; nll = log(sum) - (z[target] - largest), so that
//           a large offset costs no digits
// source    z-loss: Chowdhery et al. 2022 (PaLM), section 5
// uses lib/vec{{WIDTH}}, lib/places{{WIDTH}}, lib/reduce, lib/hyper, lib/made-{{MADE}}, lib/logits-{{LOGITS}}, lib/team-rows
override GRADIENT: bool = false;

struct Sizes {
  // R
  rows: u32,
  // U: rows a workgroup has
  part: u32,
  // N
  targets: u32,
  // FIRST
  first: u32,
  // V / WIDTH
  columns: u32,
  scale: f32,
}

@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read> hyper: array<f32>;
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;
@group(0) @binding(5) var<storage, read_write> nll: array<f32>;
@group(0) @binding(7) var<uniform> sizes: Sizes;
@group(0) @binding(8) var<storage, read_write> more: array<u32>;

const LOWEST = -3.4e38;

// Row `at` of the logits of all lanes. Not `inside`, it only takes part in the barriers.
fn make_row(at: u32, lane: u32, inside: bool, thread: u32) {
  let row = lane * sizes.targets + sizes.first + (at - lane * sizes.rows);
  let base = at * sizes.columns;
  let member = thread % TEAM;
  var tops = Vec(LOWEST);
  for (var c = member; c < sizes.columns; c += TEAM) {
    tops = max(tops, logits[base + c]);
  }
  let largest = team_max(max_of(tops), thread);
  let target_column = targets[row];
  var sums = Vec();
  var picked = Vec();
  for (var c = member; c < sizes.columns; c += TEAM) {
    let shifted = logits[base + c] - largest;
    sums += exp(shifted);
    picked = select(picked, shifted, one_hot(c, target_column) == Vec(1.0));
  }
  let both = team_sum2(vec2f(total(sums), total(picked)), thread);
  if (!inside) {
    return;
  }
  let log_sum = log(both.x);
  let row_lse = largest + log_sum;
  let z_loss = hyper[lane * HYPER_SIZE + Z_LOSS];
  if (member == 0u) {
    let row_nll = log_sum - both.y;
    nll[row] = row_nll;
    lse[row] = row_lse;
    losses[row] = row_nll + z_loss * row_lse * row_lse;
  }
  if (GRADIENT) {
    let pull = (1.0 + 2.0 * z_loss * row_lse) / both.x;
    for (var c = member; c < sizes.columns; c += TEAM) {
      put_gradient(base + c, sizes.scale * (pull * exp(logits[base + c] - largest) - one_hot(c, target_column)));
    }
  }
}
