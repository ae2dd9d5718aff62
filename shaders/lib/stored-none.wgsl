// stored-none: a matmul stores what it makes, and a second result where it is asked for one. The other form is lib/stored-cast.
// uses lib/made-none
@group(0) @binding(5) var<storage, read_write> second: array<Vec>;

fn store_second(at: u32, value: Vec) {
  second[at] = value;
}
