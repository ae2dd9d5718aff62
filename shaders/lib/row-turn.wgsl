// row-turn: turns rows of lib/row-tile back by the angles of their positions, where rotary positions turned what they are gradients of.
//
// Comes after lib/row-tile, for heads of a multiple of 8 numbers. The kernel declares `angles: array<vec4f>`, f32[2,T,D/2] (cosines, then
// sines), and sizes.T.
override TURNED: bool = false;

const HALF = max(D4 / 2u, 1u);

fn turn_pair(x: ptr<function, Row>, t: u32, i: u32) {
  if (i < HALF) {
    let cosine = angles[t * HALF + i];
    let sine = angles[(sizes.T + t) * HALF + i];
    let low = (*x)[i];
    let high = (*x)[i + HALF];
    (*x)[i] = low * cosine + high * sine;
    (*x)[i + HALF] = high * cosine - low * sine;
  }
}

fn turned_back(rows: Rows, t: vec4u) -> Rows {
  if (!TURNED) {
    return rows;
  }
  var turned: Rows;
  for (var r = 0u; r < 4u; r++) {
    var x = row_of(rows, unit(r));
    turn_pair(&x, t[r], 0u);
    turn_pair(&x, t[r], 1u);
    if (D4 > 4u) {
      turn_pair(&x, t[r], 2u);
      turn_pair(&x, t[r], 3u);
    }
    add_outer(&turned, x, unit(r));
  }
  return turned;
}
