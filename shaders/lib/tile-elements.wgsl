// tile-elements: fills the tiles of lib/tiles an element a load, for operands of any shape.
fn load_a(at: Corner, row: u32, k: u32, k_end: u32) -> f32 {
  if (row >= sizes.m || k >= k_end) {
    return 0.0;
  }
  return a_at(at.lane, at.a_base + select(row * sizes.a_row + k, k * sizes.a_row + row, TRANSPOSE_A));
}

fn load_b(at: Corner, column: u32, k: u32, k_end: u32) -> f32 {
  if (column >= sizes.n || k >= k_end) {
    return 0.0;
  }
  return b_at(at.lane, at.b_base + select(k * sizes.b_row + column, column * sizes.b_row + k, TRANSPOSE_B));
}

// Neighbouring threads read neighbouring addresses: along k where k is contiguous, along rows or columns where they are.
fn fill_tiles(at: Corner, k0: u32, k_end: u32, thread: u32) {
  for (var i = thread; i < BLOCK_K * A_QUADS; i += WORKGROUP) {
    let quad = select(i / BLOCK_K, i % A_QUADS, TRANSPOSE_A);
    let k = select(i % BLOCK_K, i / A_QUADS, TRANSPOSE_A);
    let row = at.row + 4u * quad;
    a_tile[k * A_PITCH + quad] = Quad(vec4f(
      load_a(at, row, k0 + k, k_end),
      load_a(at, row + 1u, k0 + k, k_end),
      load_a(at, row + 2u, k0 + k, k_end),
      load_a(at, row + 3u, k0 + k, k_end),
    ));
  }
  for (var i = thread; i < BLOCK_K * B_QUADS; i += WORKGROUP) {
    let quad = select(i % B_QUADS, i / BLOCK_K, TRANSPOSE_B);
    let k = select(i / B_QUADS, i % BLOCK_K, TRANSPOSE_B);
    let column = at.column + 4u * quad;
    b_tile[k * B_PITCH + quad] = Quad(vec4f(
      load_b(at, column, k0 + k, k_end),
      load_b(at, column + 1u, k0 + k, k_end),
      load_b(at, column + 2u, k0 + k, k_end),
      load_b(at, column + 3u, k0 + k, k_end),
    ));
  }
}
