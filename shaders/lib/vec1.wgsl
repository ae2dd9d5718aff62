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
