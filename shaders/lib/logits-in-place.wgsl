// logits-in-place: logits that their gradient takes the place of. Comes after lib/vec1 or lib/vec4.
@group(0) @binding(0) var<storage, read_write> logits: array<Vec>;

fn put_gradient(at: u32, value: Vec) {
  logits[at] = value;
}
