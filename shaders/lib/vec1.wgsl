// vec1: the element type of kernels over rows whose length is not a multiple of 4.
alias Vec = f32;
const WIDTH = 1u;

// Sum of the components, in a fixed order.
fn total(v: Vec) -> f32 {
  return v;
}

fn head(v: Vec) -> f32 {
  return v;
}

// The largest magnitude of the components, as bits; those from `limit` on count as 0.
fn magnitude_below(v: Vec, limit: u32) -> u32 {
  let magnitude = bitcast<u32>(v) & 0x7fffffffu;
  return select(0u, magnitude, magnitude < limit);
}

// Number j of four neighbours.
fn part(quad: vec4f, j: u32) -> Vec {
  return quad[j & 3u];
}
