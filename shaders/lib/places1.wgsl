// places1: the functions of lib/places4 for a Vec of lib/vec1.
fn max_of(x: Vec) -> f32 {
  return x;
}

// 1 in column c, 0 elsewhere.
fn one_hot(i: u32, c: u32) -> Vec {
  return select(0.0, 1.0, i == c);
}

// x up to column last, `other` beyond.
fn keep_up_to(x: Vec, i: u32, last: u32, other: f32) -> Vec {
  return select(other, x, i <= last);
}
