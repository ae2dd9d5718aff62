// qk: what queries and keys go through before attention, and their gradients on the way back.
//
//   normed[d] = x[d] rstd gain[d], rstd = 1 / sqrt(mean(x^2) + eps)                              if NORMED
//   turned[i] = n[i] cos - n[i+D/2] sin, turned[i+D/2] = n[i+D/2] cos + n[i] sin, i in 0..D/2    if TURNED
//
// Comes after lib/vec1 or lib/vec4. The kernel declares DN, sizes, and qgain, kgain and angles as arrays of Vec (angles f32[2,T,D/2]:
// cosines, then sines, of each position).
// `key` chooses kgain, `lane` is where its lane begins in both gains, t is a position.
override WORKGROUP: u32 = 64u;
override TILE: u32 = 16u;
override NORMED: bool = false;
override TURNED: bool = false;

struct Sizes {
  B: u32,
  T: u32,
  H: u32,
  KV_HEADS: u32,
  scale: f32,
  eps: f32,
}

// Of heads that have pairs; 1 for the one that has none.
const HALF = max(DN / 2u, 1u);
alias Head = array<Vec, DN>;

// Rows of a tile, and what lies beside them.
var<workgroup> tile: array<Vec, TILE * DN>;
var<workgroup> side: array<Vec, TILE * DN>;
var<workgroup> rstds: array<f32, TILE>;

fn gain_at(key: bool, at: u32) -> Vec {
  if (key) {
    return kgain[at];
  }
  return qgain[at];
}

fn rstd_of(x: ptr<function, Head>) -> f32 {
  var squares = 0.0;
  for (var d = 0u; d < DN; d++) {
    squares += total((*x)[d] * (*x)[d]);
  }
  return inverseSqrt(squares / f32(DN * WIDTH) + sizes.eps);
}

// A row in registers, in place.
fn prepare(x: ptr<function, Head>, key: bool, lane: u32, t: u32) {
  if (NORMED) {
    let rstd = rstd_of(x);
    for (var d = 0u; d < DN; d++) {
      (*x)[d] *= rstd * gain_at(key, lane + d);
    }
  }
  if (TURNED) {
    turn(x, t, 1.0);
  }
}

// Turned on by 1, back by -1.
fn turn(x: ptr<function, Head>, t: u32, way: f32) {
  for (var d = 0u; d < HALF; d++) {
    let cosine = angles[t * HALF + d];
    let sine = way * angles[(sizes.T + t) * HALF + d];
    let low = (*x)[d];
    let high = (*x)[d + HALF];
    (*x)[d] = low * cosine - high * sine;
    (*x)[d + HALF] = high * cosine + low * sine;
  }
}

// The gradient dx of a prepared row becomes that of the row x as it was; x becomes what the row adds to the gradient of its gain.
fn prepare_backward(dx: ptr<function, Head>, x: ptr<function, Head>, key: bool, lane: u32, t: u32) {
  if (TURNED) {
    turn(dx, t, -1.0);
  }
  if (NORMED) {
    let rstd = rstd_of(x);
    var along = 0.0;
    for (var d = 0u; d < DN; d++) {
      along += total((*dx)[d] * gain_at(key, lane + d) * ((*x)[d] * rstd));
    }
    let mean = along / f32(DN * WIDTH);
    for (var d = 0u; d < DN; d++) {
      let xhat = (*x)[d] * rstd;
      let dy = (*dx)[d];
      (*dx)[d] = rstd * (dy * gain_at(key, lane + d) - xhat * mean);
      (*x)[d] = dy * xhat;
    }
  }
}

// The first `count` rows of tile, of the positions from `first` on, in place. All threads make the call; barriers come before and after.
fn prepare_tile(thread: u32, count: u32, key: bool, lane: u32, first: u32) {
  workgroupBarrier();
  if (NORMED) {
    for (var r = thread; r < count; r += WORKGROUP) {
      var squares = 0.0;
      for (var d = 0u; d < DN; d++) {
        squares += total(tile[r * DN + d] * tile[r * DN + d]);
      }
      rstds[r] = inverseSqrt(squares / f32(DN * WIDTH) + sizes.eps);
    }
    workgroupBarrier();
  }
  if (TURNED) {
    for (var i = thread; i < count * HALF; i += WORKGROUP) {
      let r = i / HALF;
      let d = i % HALF;
      let at = r * DN + d;
      let cosine = angles[(first + r) * HALF + d];
      let sine = angles[(sizes.T + first + r) * HALF + d];
      var low = tile[at];
      var high = tile[at + HALF];
      if (NORMED) {
        low *= rstds[r] * gain_at(key, lane + d);
        high *= rstds[r] * gain_at(key, lane + d + HALF);
      }
      tile[at] = low * cosine - high * sine;
      tile[at + HALF] = high * cosine + low * sine;
    }
    workgroupBarrier();
  } else if (NORMED) {
    for (var i = thread; i < count * DN; i += WORKGROUP) {
      tile[i] *= rstds[i / DN] * gain_at(key, lane + i % DN);
    }
    workgroupBarrier();
  }
}

// Sums of x over all threads, in their order, into the first row of `side`. All threads make the call, behind a barrier; sum d is the
// business of thread d % WORKGROUP alone.
fn sum_gains(x: ptr<function, Head>, thread: u32) {
  for (var d = thread; d < DN; d += WORKGROUP) {
    side[d] = Vec(0);
  }
  for (var start = 0u; start < WORKGROUP; start += TILE) {
    if (thread >= start && thread < start + TILE) {
      for (var d = 0u; d < DN; d++) {
        tile[(thread - start) * DN + d] = (*x)[d];
      }
    }
    workgroupBarrier();
    let count = min(TILE, WORKGROUP - start);
    for (var d = thread; d < DN; d += WORKGROUP) {
      for (var r = 0u; r < count; r++) {
        side[d] += tile[r * DN + d];
      }
    }
    workgroupBarrier();
  }
}
