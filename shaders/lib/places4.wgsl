// places4: where the numbers of a Vec of lib/vec4 lie in their row, for kernels that treat some columns apart.
fn max_of(x: Vec) -> f32 {
  return max(max(x.x, x.y), max(x.z, x.w));
}

// Columns of the numbers in Vec i of a row.
fn places(i: u32) -> vec4u {
  return 4u * i + vec4u(0u, 1u, 2u, 3u);
}

// 1 in column c, 0 elsewhere.
fn one_hot(i: u32, c: u32) -> Vec {
  return select(Vec(), Vec(1.0), places(i) == vec4u(c));
}

// x up to column last, `other` beyond.
fn keep_up_to(x: Vec, i: u32, last: u32, other: f32) -> Vec {
  return select(Vec(other), x, places(i) <= vec4u(last));
}
