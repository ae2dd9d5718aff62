// quad4: four neighbouring columns of B as stored, their number and b_row a multiple of 4. Comes with lib/vec4 and lib/matmul.

// Where the columns from `column` on start, in units of 4; beyond the last ones, they again.
fn quad_places(base: u32, column: u32) -> u32 {
  return (base + min(column, sizes.n - 4u)) >> 2u;
}

fn quad(place: u32, k: u32) -> vec4f {
  return b[place + k * (sizes.b_row >> 2u)];
}

fn part(quad: vec4f, j: u32) -> Vec {
  return quad;
}
