// beside: what a matmul reads beside its product: a residual, what went into an activation, or the scale of a sum over micro-batches.
@group(0) @binding(3) var<storage, read> beside: array<Vec>;

fn beside_at(i: u32) -> Vec {
  return beside[i];
}
