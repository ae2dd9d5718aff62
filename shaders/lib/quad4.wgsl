// quad4: four neighbouring columns of B as stored, their number and b_row a multiple of 4. Comes with lib/matmul.
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;

// Where the columns from `column` on start, in units of 4; beyond the last ones, they again.
fn quad_places(base: u32, column: u32) -> u32 {
  return (base + min(column, sizes.n - 4u)) >> 2u;
}

fn quad(place: u32, k: u32) -> vec4f {
  return b[place + k * (sizes.b_row >> 2u)];
}
