// tile-f16: lib/tiles keeps codes as f16, which holds each of their numbers, and sums are multiplied by the scales of the tensors. Comes with
// lib/f16, and with lib/operands-coded, whose A_SCALING and B_SCALING are 0.
//
// An adapter that took f16 subnormals for 0 would be found out by the check of its kernels: the codes that this is made on have some.
override A_SCALED: bool = false;
override B_SCALED: bool = false;
alias Quad = vec4h;

// A sum of products, by the scale of A, then by that of B.
fn scaled(lane: u32, sum: vec4f) -> vec4f {
  if (!A_SCALED) {
    return columns_scaled(lane, sum);
  }
  return columns_scaled(lane, sum * bitcast<f32>(a_scales[lane]));
}

// A sum of elements of B.
fn columns_scaled(lane: u32, sum: vec4f) -> vec4f {
  if (!B_SCALED) {
    return sum;
  }
  return sum * bitcast<f32>(b_scales[lane]);
}
