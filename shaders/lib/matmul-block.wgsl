// matmul-block: a tile of 16x8 outputs a thread, held in registers. Comes after lib/matmul and lib/quad1 or lib/quad4.
//
// The kernel says how rows of A are loaded, four at a time: row_places gives where they are, four_rows one value of each.
const TILE_M = 16u;
const TILE_N = 8u;
const WORKGROUP = 4u;

// Computes and stores the tile of one thread. Every thread of a workgroup has the same rows; loads are clamped, stores guarded.
fn compute_tile(wg: vec3u, thread: u32) {
  let row = wg.y * TILE_M;
  let column = (wg.x * WORKGROUP + thread) * TILE_N;
  let lane = wg.z / sizes.batch;
  let batch = wg.z - lane * sizes.batch;
  let a_base = lane * sizes.a_lane + sizes.a_first + batch * sizes.a_batch;
  let b_base = lane * sizes.b_lane + sizes.b_first + batch * sizes.b_batch;
  let a_step = select(1u, sizes.a_row, TRANSPOSE_A);
  let a0 = row_places(a_base, row + 0u, thread);
  let a1 = row_places(a_base, row + 4u, thread);
  let a2 = row_places(a_base, row + 8u, thread);
  let a3 = row_places(a_base, row + 12u, thread);
  let b0 = quad_places(b_base, column + 0u);
  let b1 = quad_places(b_base, column + 4u);
  // Names of their own and no array: an adapter that compiles what it is given keeps them in registers.
  var c0p = vec4f(); var c0q = vec4f();
  var c1p = vec4f(); var c1q = vec4f();
  var c2p = vec4f(); var c2q = vec4f();
  var c3p = vec4f(); var c3q = vec4f();
  var c4p = vec4f(); var c4q = vec4f();
  var c5p = vec4f(); var c5q = vec4f();
  var c6p = vec4f(); var c6q = vec4f();
  var c7p = vec4f(); var c7q = vec4f();
  var c8p = vec4f(); var c8q = vec4f();
  var c9p = vec4f(); var c9q = vec4f();
  var c10p = vec4f(); var c10q = vec4f();
  var c11p = vec4f(); var c11q = vec4f();
  var c12p = vec4f(); var c12q = vec4f();
  var c13p = vec4f(); var c13q = vec4f();
  var c14p = vec4f(); var c14q = vec4f();
  var c15p = vec4f(); var c15q = vec4f();
  var sum_p = vec4f(); var sum_q = vec4f();
  for (var k = 0u; k < sizes.k; k++) {
    let p = quad(b0, k);
    let q = quad(b1, k);
    if (COLUMN_SUMS) {
      sum_p += p;
      sum_q += q;
    }
    let a_k = k * a_step;
    let x0 = four_rows(a0, a_k);
    c0p += x0.x * p;
    c0q += x0.x * q;
    c1p += x0.y * p;
    c1q += x0.y * q;
    c2p += x0.z * p;
    c2q += x0.z * q;
    c3p += x0.w * p;
    c3q += x0.w * q;
    let x1 = four_rows(a1, a_k);
    c4p += x1.x * p;
    c4q += x1.x * q;
    c5p += x1.y * p;
    c5q += x1.y * q;
    c6p += x1.z * p;
    c6q += x1.z * q;
    c7p += x1.w * p;
    c7q += x1.w * q;
    let x2 = four_rows(a2, a_k);
    c8p += x2.x * p;
    c8q += x2.x * q;
    c9p += x2.y * p;
    c9q += x2.y * q;
    c10p += x2.z * p;
    c10q += x2.z * q;
    c11p += x2.w * p;
    c11q += x2.w * q;
    let x3 = four_rows(a3, a_k);
    c12p += x3.x * p;
    c12q += x3.x * q;
    c13p += x3.y * p;
    c13q += x3.y * q;
    c14p += x3.z * p;
    c14q += x3.z * q;
    c15p += x3.w * p;
    c15q += x3.w * q;
  }
  // An array that a loop indexes, so that the epilogue is compiled once and not once an output.
  var tile = array<vec4f, 32>(
    c0p, c0q, c1p, c1q, c2p, c2q, c3p, c3q,
    c4p, c4q, c5p, c5q, c6p, c6q, c7p, c7q,
    c8p, c8q, c9p, c9q, c10p, c10q, c11p, c11q,
    c12p, c12q, c13p, c13q, c14p, c14q, c15p, c15q,
  );
  let width = sizes.n / WIDTH;
  let first = min(column / WIDTH, width);
  if (COLUMN_SUMS && row == 0u) {
    var sums = array<vec4f, 2>(sum_p, sum_q);
    for (var j = 0u; j < min(TILE_N / WIDTH, width - first); j++) {
      store_second(lane * width + first + j, part(sums[j * WIDTH / 4u], j));
    }
  }
  let y_width = sizes.y_row / WIDTH;
  let y_base = (lane * sizes.y_lane + sizes.y_first) / WIDTH + (batch * sizes.m + row) * y_width;
  for (var i = 0u; i < min(TILE_M, sizes.m - row); i++) {
    for (var j = 0u; j < min(TILE_N / WIDTH, width - first); j++) {
      let sum = part(tile[i * 2u + j * WIDTH / 4u], j);
      finish(y_base + i * y_width + first + j, lane * width + first + j, sum);
    }
  }
}
