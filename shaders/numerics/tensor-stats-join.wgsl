// tensor-stats-join: adds up what tensor-stats-forward counted in the parts of a tensor.
//
//   y[w] = sum_p parts[p,w], the largest for w = 2
//
// group 0   0 parts u32[L,P,W] read · 1 y u32[L,W] write · 2 sizes
// dispatch  [ceil(W/WORKGROUP),1,L]: one thread a word
// override  WORKGROUP: 1..256
// numerics  u32 arithmetic only
override WORKGROUP: u32 = 64;

struct Sizes {
  // P
  partials: u32,
  // W
  words: u32,
}

@group(0) @binding(0) var<storage, read> parts: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let w = id.x;
  if (w >= sizes.words) {
    return;
  }
  var total = 0u;
  for (var p = 0u; p < sizes.partials; p++) {
    let word = parts[(id.z * sizes.partials + p) * sizes.words + w];
    total = select(total + word, max(total, word), w == 2u);
  }
  y[id.z * sizes.words + w] = total;
}
