// quad1: four neighbouring columns of B, of any stride and number. Comes with lib/matmul.
// uses lib/operands-f32

// Where the columns from `column` on start; beyond the last one, it again.
fn quad_places(base: u32, column: u32) -> vec4u {
  return base + min(column + vec4u(0u, 1u, 2u, 3u), vec4u(sizes.n - 1u)) * select(1u, sizes.b_row, TRANSPOSE_B);
}

fn quad(places: vec4u, k: u32) -> vec4f {
  let at = places + k * select(sizes.b_row, 1u, TRANSPOSE_B);
  return vec4f(b[at.x], b[at.y], b[at.z], b[at.w]);
}
