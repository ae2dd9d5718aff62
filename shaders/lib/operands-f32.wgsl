// operands-f32: the operands of a matmul as f32. Comes with lib/matmul.
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;

fn a_at(lane: u32, place: u32) -> f32 {
  return a[lane * sizes.a_lane + place];
}

fn b_at(lane: u32, place: u32) -> f32 {
  return b[lane * sizes.b_lane + place];
}
