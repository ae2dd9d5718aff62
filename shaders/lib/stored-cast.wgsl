// stored-cast: a matmul casts what it makes as it stores it, to codes that take the place of a second result.
// uses lib/made-cast, lib/beside
@group(0) @binding(5) var<storage, read_write> more: array<u32>;

fn store_second(at: u32, value: Vec) {}
