// row-backward: the memory of the backward pass for lib/row-tile: gradients of outputs are read, those of queries, keys or values written.
//
// The kernel declares d_o and dqkv. lib/told-* says what is kept of a value.
// uses lib/row-tile
fn d_o_part(at: u32, i: u32) -> vec4f {
  if (i < D4) {
    return d_o[at + i];
  }
  return vec4f();
}

fn d_o_row(at: u32) -> Row {
  var x: Row;
  x[0] = d_o[at];
  x[1] = d_o_part(at, 1u);
  x[2] = d_o_part(at, 2u);
  x[3] = d_o_part(at, 3u);
  if (D4 > 4u) {
    x[4] = d_o_part(at, 4u);
    x[5] = d_o_part(at, 5u);
    x[6] = d_o_part(at, 6u);
    x[7] = d_o_part(at, 7u);
  }
  return x;
}

fn write_part(at: u32, i: u32, x: vec4f) {
  if (i < D4) {
    dqkv[at + i] = kept(at + i, x);
  }
}
