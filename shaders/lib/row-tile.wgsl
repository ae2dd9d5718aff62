// row-tile: four rows of D4 * 4 numbers in registers, D4 <= 8; all indices are constant.
//
// The kernel declares `const D4`, sizes, qkv, and `fn write_part(at: u32, i: u32, x: vec4f)`, which writes numbers 4i .. 4i+3 of a row.
// rows[i][r] is numbers 4i .. 4i+3 of row r. Vector times matrix is then four dot products at once, one a row.
override WORKGROUP: u32 = 16u;

struct Sizes {
  B: u32,
  T: u32,
  H: u32,
  KV_HEADS: u32,
  scale: f32,
}

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

fn qkv_part(at: u32, i: u32) -> vec4f {
  if (i < D4) {
    return qkv[at + i];
  }
  return vec4f();
}

fn qkv_row(at: u32) -> Row {
  var x: Row;
  x[0] = qkv[at];
  x[1] = qkv_part(at, 1u);
  x[2] = qkv_part(at, 2u);
  x[3] = qkv_part(at, 3u);
  if (D4 > 4u) {
    x[4] = qkv_part(at, 4u);
    x[5] = qkv_part(at, 5u);
    x[6] = qkv_part(at, 6u);
    x[7] = qkv_part(at, 7u);
  }
  return x;
}

// A loop, because code for loads is long and slow to compile.
fn qkv_rows(at: vec4u) -> Rows {
  var rows: Rows;
  for (var r = 0u; r < 4u; r++) {
    add_outer(&rows, qkv_row(at[r]), unit(r));
  }
  return rows;
}

fn write_row(at: u32, x: Row) {
  write_part(at, 0u, x[0]);
  write_part(at, 1u, x[1]);
  write_part(at, 2u, x[2]);
  write_part(at, 3u, x[3]);
  if (D4 > 4u) {
    write_part(at, 4u, x[4]);
    write_part(at, 5u, x[5]);
    write_part(at, 6u, x[6]);
    write_part(at, 7u, x[7]);
  }
}

// Rows beyond the last are copies of it and write the same.
fn write_rows(at: vec4u, rows: Rows) {
  for (var r = 0u; r < 4u; r++) {
    write_row(at[r], row_of(rows, unit(r)));
  }
}
