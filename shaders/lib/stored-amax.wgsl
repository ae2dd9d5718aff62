// stored-amax: a matmul tells the amax of what it stores, in the place of a second result.
// uses lib/made-amax, lib/beside
@group(0) @binding(5) var<storage, read_write> more: array<u32>;

fn store_second(at: u32, value: Vec) {}
