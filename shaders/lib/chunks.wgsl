// chunks: the table of src/ops/pack-table.ts, which cuts a pack into chunks that lie in one part each. The kernel declares
// `chunks: array<u32>` with four words a chunk: start of lane 0, elements, elements from one lane to the next, and
// in one word a flag below the chunk's place in the lane's dense pack.
fn chunk_start(j: u32, lane: u32) -> u32 {
  return chunks[4u * j] + lane * chunks[4u * j + 2u];
}

fn chunk_count(j: u32) -> u32 {
  return chunks[4u * j + 1u];
}

// Whether weight decay acts on the chunk's part.
fn chunk_decays(j: u32) -> bool {
  return (chunks[4u * j + 3u] & 1u) != 0u;
}

// Elements of a lane's dense pack before the chunk.
fn chunk_place(j: u32) -> u32 {
  return chunks[4u * j + 3u] >> 1u;
}
