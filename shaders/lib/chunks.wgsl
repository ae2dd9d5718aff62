// chunks: the table of src/ops/pack-table.ts, which cuts a pack into chunks that lie in one part each. The kernel declares
// `chunks: array<u32>` with four words a chunk: start of lane 0, elements, elements from one lane to the next, flags.
const DECAY_FLAG = 1u;

fn chunk_start(j: u32, lane: u32) -> u32 {
  return chunks[4u * j] + lane * chunks[4u * j + 2u];
}

fn chunk_count(j: u32) -> u32 {
  return chunks[4u * j + 1u];
}

fn chunk_flags(j: u32) -> u32 {
  return chunks[4u * j + 3u];
}
