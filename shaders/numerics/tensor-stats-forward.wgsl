// tensor-stats-forward: counts the elements of parts of x: zeros, non-finite ones, and the others by their exponents.
//
//   y[p] = zeros, non-finite, largest finite magnitude as bits, then BINS counts of floor(log2 |x|), the first of FIRST, the ends clamped
//   part p is i = p ceil(S/P) .. (p+1) ceil(S/P)
//
// group 0   0 x u32[L,S] read: bits of f32 · 1 y u32[L,P,3+BINS] write · 2 sizes
// dispatch  [P,1,L]: one workgroup a part
// override  WORKGROUP: 1..256 · BINS: at most 96 · FIRST
// numerics  u32 arithmetic only; the order does not matter
override WORKGROUP: u32 = 64;
override BINS: u32 = 96;
override FIRST: i32 = -72;

const MAX_WORDS = 99u;
const HEAD = 3u;

struct Sizes {
  count: u32,
  // P
  partials: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

var<workgroup> words: array<atomic<u32>, MAX_WORDS>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  for (var w = thread; w < HEAD + BINS; w += WORKGROUP) {
    atomicStore(&words[w], 0u);
  }
  workgroupBarrier();
  let base = group.z * sizes.count;
  let part = (sizes.count + sizes.partials - 1u) / sizes.partials;
  let end = min((group.x + 1u) * part, sizes.count);
  var zeros = 0u;
  var strays = 0u;
  var largest = 0u;
  for (var i = group.x * part + thread; i < end; i += WORKGROUP) {
    let magnitude = x[base + i] & 0x7fffffffu;
    if (magnitude == 0u) {
      zeros++;
    } else if (magnitude >= 0x7f800000u) {
      strays++;
    } else {
      largest = max(largest, magnitude);
      let bin = clamp(i32(magnitude >> 23u) - 127 - FIRST, 0, i32(BINS) - 1);
      atomicAdd(&words[HEAD + u32(bin)], 1u);
    }
  }
  atomicAdd(&words[0], zeros);
  atomicAdd(&words[1], strays);
  atomicMax(&words[2], largest);
  workgroupBarrier();
  let place = (group.z * sizes.partials + group.x) * (HEAD + BINS);
  for (var w = thread; w < HEAD + BINS; w += WORKGROUP) {
    y[place + w] = atomicLoad(&words[w]);
  }
}
