// second: the second result of a matmul.
@group(0) @binding(5) var<storage, read_write> second: array<Vec>;

fn store_second(at: u32, value: Vec) {
  second[at] = value;
}
