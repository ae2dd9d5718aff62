// text-window-forward: the tokens before the cursor, as many as the model takes, or the first ones while there are fewer.
//
//   tokens[i] = text[max(0, cursor - T) + i]
//
// group 0   0 text u32[L,S] read · 1 cursor u32[L,4] read: cursor, seed0, seed1, draw · 2 tokens u32[L,1,T] write · 3 sizes
// dispatch  [ceil(T/WORKGROUP),1,L]
// override  WORKGROUP: 1..256
override WORKGROUP: u32 = 64;

struct Sizes {
  S: u32,
  T: u32,
}

@group(0) @binding(0) var<storage, read> text: array<u32>;
@group(0) @binding(1) var<storage, read> cursor: array<u32>;
@group(0) @binding(2) var<storage, read_write> tokens: array<u32>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= sizes.T) {
    return;
  }
  let end = cursor[4u * id.z];
  tokens[id.z * sizes.T + id.x] = text[id.z * sizes.S + max(end, sizes.T) - sizes.T + id.x];
}
