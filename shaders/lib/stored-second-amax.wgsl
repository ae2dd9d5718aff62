// stored-second-amax: a matmul has a second result and tells the amax of the first, in the place of what is read beside the product.
// uses lib/made-amax, lib/second
@group(0) @binding(3) var<storage, read_write> more: array<u32>;

fn beside_at(i: u32) -> Vec {
  return Vec(0);
}
