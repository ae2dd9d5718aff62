// told-amax: attention gives the amax of what it makes too.
// uses lib/made-amax
@group(0) @binding(7) var<storage, read_write> more: array<u32>;
