// row-tile: four rows of D4 * 4 numbers in registers, D4 <= 8. The kernel declares `const D4`; all indices are constant.
//
// rows[i][r] is numbers 4i .. 4i+3 of row r. Vector times matrix is then four dot products at once, one a row.
alias Row = array<vec4f, 8>;
alias Rows = array<mat4x4f, 8>;

// x[r] . rows[r] for one x: r = 0..3
fn dots(x: Row, rows: Rows) -> vec4f {
  var s = (x[0] * rows[0] + x[1] * rows[1]) + (x[2] * rows[2] + x[3] * rows[3]);
  if (D4 > 4u) {
    s += (x[4] * rows[4] + x[5] * rows[5]) + (x[6] * rows[6] + x[7] * rows[7]);
  }
  return s;
}

fn outer(x: vec4f, w: vec4f) -> mat4x4f {
  return mat4x4f(x * w.x, x * w.y, x * w.z, x * w.w);
}

// rows[r] += w[r] * x
fn add_outer(rows: ptr<function, Rows>, x: Row, w: vec4f) {
  (*rows)[0] += outer(x[0], w);
  (*rows)[1] += outer(x[1], w);
  (*rows)[2] += outer(x[2], w);
  (*rows)[3] += outer(x[3], w);
  if (D4 > 4u) {
    (*rows)[4] += outer(x[4], w);
    (*rows)[5] += outer(x[5], w);
    (*rows)[6] += outer(x[6], w);
    (*rows)[7] += outer(x[7], w);
  }
}

fn scale_columns(m: mat4x4f, w: vec4f) -> mat4x4f {
  return mat4x4f(m[0] * w.x, m[1] * w.y, m[2] * w.z, m[3] * w.w);
}

// rows[r] *= w[r]
fn scale_rows(rows: ptr<function, Rows>, w: vec4f) {
  (*rows)[0] = scale_columns((*rows)[0], w);
  (*rows)[1] = scale_columns((*rows)[1], w);
  (*rows)[2] = scale_columns((*rows)[2], w);
  (*rows)[3] = scale_columns((*rows)[3], w);
  if (D4 > 4u) {
    (*rows)[4] = scale_columns((*rows)[4], w);
    (*rows)[5] = scale_columns((*rows)[5], w);
    (*rows)[6] = scale_columns((*rows)[6], w);
    (*rows)[7] = scale_columns((*rows)[7], w);
  }
}


// 1 at row r, 0 elsewhere.
fn unit(r: u32) -> vec4f {
  return select(vec4f(), vec4f(1.0), vec4u(0u, 1u, 2u, 3u) == vec4u(r));
}

// Sum of w[r] * rows[r]: one row for a unit vector.
fn row_of(rows: Rows, w: vec4f) -> Row {
  var x: Row;
  x[0] = rows[0] * w;
  x[1] = rows[1] * w;
  x[2] = rows[2] * w;
  x[3] = rows[3] * w;
  if (D4 > 4u) {
    x[4] = rows[4] * w;
    x[5] = rows[5] * w;
    x[6] = rows[6] * w;
    x[7] = rows[7] * w;
  }
  return x;
}
