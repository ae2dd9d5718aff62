// tiles: the parts of A and B that a workgroup works on, in workgroup memory. Comes with lib/matmul and one of lib/loads-*,
// which says by lib/tile-f32 or -f16 what a Quad is.
//
// The kernel says QUADS: how often 4 rows and 4 columns each thread has.
override WORKGROUP_X: u32 = 16;
override WORKGROUP_Y: u32 = 16;
override BLOCK_K: u32 = 16;

// Tile entry [k, quad] holds 4 neighbouring rows of A, or columns of B, at one k. The odd row length keeps the writes of
// neighbouring threads, which step through k when k is the contiguous dimension, on different banks.
override A_QUADS = WORKGROUP_Y * QUADS;
override B_QUADS = WORKGROUP_X * QUADS;
override A_PITCH = A_QUADS + 1u;
override B_PITCH = B_QUADS + 1u;
override A_WORDS = BLOCK_K * A_PITCH;
override B_WORDS = BLOCK_K * B_PITCH;
override WORKGROUP = WORKGROUP_X * WORKGROUP_Y;
var<workgroup> a_tile: array<Quad, A_WORDS>;
var<workgroup> b_tile: array<Quad, B_WORDS>;

// Where a workgroup's tiles begin: its lane, the first elements of its matrices, its first row and column.
struct Corner {
  lane: u32,
  a_base: u32,
  b_base: u32,
  row: u32,
  column: u32,
}
