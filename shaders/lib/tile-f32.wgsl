// tile-f32: lib/tiles keeps the operands as f32, and their products add up to what is stored.
alias Quad = vec4f;

fn scaled(lane: u32, sum: vec4f) -> vec4f {
  return sum;
}

fn columns_scaled(lane: u32, sum: vec4f) -> vec4f {
  return sum;
}
