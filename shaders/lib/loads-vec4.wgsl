// loads-vec4: operands as f32, 4 elements a load. N and the contiguous dimensions of A and B as stored are multiples of 4, and so is
// everything that says where a matrix or a row begins.
// uses lib/operands-vec4, lib/tiles, lib/tile-f32
fn load_a(at: Corner, row: u32, k: u32, k_end: u32) -> vec4f {
  if (row >= sizes.m || k >= k_end) {
    return vec4f();
  }
  return a[(at.lane * sizes.a_lane + at.a_base + select(row * sizes.a_row + k, k * sizes.a_row + row, TRANSPOSE_A)) / 4u];
}

fn load_b(at: Corner, column: u32, k: u32, k_end: u32) -> vec4f {
  if (column >= sizes.n || k >= k_end) {
    return vec4f();
  }
  return b[(at.lane * sizes.b_lane + at.b_base + select(k * sizes.b_row + column, column * sizes.b_row + k, TRANSPOSE_B)) / 4u];
}

// Four loads a turn, a square of 4 x 4; where k is the contiguous dimension, the square is turned on its way.
fn fill_tiles(at: Corner, k0: u32, k_end: u32, thread: u32) {
  let steps = BLOCK_K / 4u;
  for (var i = thread; i < steps * (A_QUADS + B_QUADS); i += WORKGROUP) {
    if (i < steps * A_QUADS) {
      let quad = select(i / steps, i % A_QUADS, TRANSPOSE_A);
      let k = 4u * select(i % steps, i / A_QUADS, TRANSPOSE_A);
      let row = at.row + 4u * quad;
      let down = select(1u, 0u, TRANSPOSE_A);
      let along = 1u - down;
      var square = mat4x4f(
        load_a(at, row, k0 + k, k_end),
        load_a(at, row + down, k0 + k + along, k_end),
        load_a(at, row + 2u * down, k0 + k + 2u * along, k_end),
        load_a(at, row + 3u * down, k0 + k + 3u * along, k_end),
      );
      if (!TRANSPOSE_A) {
        square = transpose(square);
      }
      a_tile[k * A_PITCH + quad] = square[0];
      a_tile[(k + 1u) * A_PITCH + quad] = square[1];
      a_tile[(k + 2u) * A_PITCH + quad] = square[2];
      a_tile[(k + 3u) * A_PITCH + quad] = square[3];
    } else {
      let rest = i - steps * A_QUADS;
      let quad = select(rest % B_QUADS, rest / steps, TRANSPOSE_B);
      let k = 4u * select(rest / B_QUADS, rest % steps, TRANSPOSE_B);
      let column = at.column + 4u * quad;
      let down = select(0u, 1u, TRANSPOSE_B);
      let along = 1u - down;
      var square = mat4x4f(
        load_b(at, column, k0 + k, k_end),
        load_b(at, column + down, k0 + k + along, k_end),
        load_b(at, column + 2u * down, k0 + k + 2u * along, k_end),
        load_b(at, column + 3u * down, k0 + k + 3u * along, k_end),
      );
      if (TRANSPOSE_B) {
        square = transpose(square);
      }
      b_tile[k * B_PITCH + quad] = square[0];
      b_tile[(k + 1u) * B_PITCH + quad] = square[1];
      b_tile[(k + 2u) * B_PITCH + quad] = square[2];
      b_tile[(k + 3u) * B_PITCH + quad] = square[3];
    }
  }
}
