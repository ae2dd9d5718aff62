// vec4: the element type of kernels over rows whose length is a multiple of 4.
alias Vec = vec4f;
const WIDTH = 4u;

// Sum of the components, in a fixed order.
fn total(v: Vec) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}

fn head(v: Vec) -> f32 {
  return v.x;
}

// The largest magnitude of the components, as bits; those from `limit` on count as 0.
fn magnitude_below(v: Vec, limit: u32) -> u32 {
  let magnitudes = bitcast<vec4u>(v) & vec4u(0x7fffffffu);
  let counted = select(vec4u(), magnitudes, magnitudes < vec4u(limit));
  return max(max(counted.x, counted.y), max(counted.z, counted.w));
}

// Four neighbours are one Vec, number 0.
fn part(quad: vec4f, j: u32) -> Vec {
  return quad;
}
