// gain-sums-none: the backward pass of attention gives what it adds to the gradient of a gain. The other form is lib/gain-sums-amax.
// uses lib/made-none
@group(0) @binding(7) var<storage, read_write> sums: array<Vec>;

fn store_sum(at: u32, value: Vec) {
  sums[at] = value;
}
