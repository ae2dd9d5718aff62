// logits-apart: logits that are read, and a gradient beside them. Comes after lib/made-*.
@group(0) @binding(0) var<storage, read> logits: array<Vec>;
@group(0) @binding(6) var<storage, read_write> dlogits: array<Vec>;

fn put_gradient(at: u32, value: Vec) {
  dlogits[at] = kept(at, value);
}
