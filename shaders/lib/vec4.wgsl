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
