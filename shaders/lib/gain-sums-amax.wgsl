// gain-sums-amax: the backward pass of attention without gains gives the amax of what it makes in the place of their sums: eight bindings
// are all that every adapter has.
// uses lib/told-amax
fn store_sum(at: u32, value: Vec) {}
