// cast-error-forward: what a cast did to parts of x, from its codes and from what these stand for.
//
//   over the finite elements of part p, i = p ceil(S/P) .. (p+1) ceil(S/P):
//   counts[p] = x != 0 and value = 0 · |x| beyond the largest code by more than half a step, or value not finite · value not finite
//   sums[p]   = sum (x/2^e)^2 · sum ((x - value)/2^e)^2 where the value is finite     e: exponent of the largest finite x, -126..126
//
// group 0   0 x u32[L,S] read: bits of f32 · 1 stats u32[L,STATS] read: of tensor-stats-join · 2 codes u32[L,W] read
//           3 values u32[L,S] read: bits of f32 · 4 counts u32[L,P,3] write · 5 sums f32[L,P,2] write · 6 sizes
// dispatch  [P,1,L]: one workgroup a part
// override  WORKGROUP, TEAM: equal; see lib/reduce · PER_WORD: codes a word, 1, 2, 4 or 8 · SIGN_SHIFT: bits of a code's magnitude
//           MAX_MAGNITUDE: of the largest code · LIMIT: what is half a step beyond that code, divided by it
// numerics  f32 sums: every WORKGROUP-th element in order, then a tree
// uses lib/reduce
override PER_WORD: u32 = 4;
override SIGN_SHIFT: u32 = 7;
override MAX_MAGNITUDE: u32 = 126;
override LIMIT: f32 = 1.0357143;

const F32_INFINITY = 0x7f800000u;

struct Sizes {
  count: u32,
  // P
  partials: u32,
  // Words of `stats` a lane.
  stats: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> stats: array<u32>;
@group(0) @binding(2) var<storage, read> codes: array<u32>;
@group(0) @binding(3) var<storage, read> values: array<u32>;
@group(0) @binding(4) var<storage, read_write> counts: array<u32>;
@group(0) @binding(5) var<storage, read_write> sums: array<f32>;
@group(0) @binding(6) var<uniform> sizes: Sizes;

var<workgroup> totals: array<atomic<u32>, 3>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  if (thread < 3u) {
    atomicStore(&totals[thread], 0u);
  }
  workgroupBarrier();
  let base = group.z * sizes.count;
  let part = (sizes.count + sizes.partials - 1u) / sizes.partials;
  let end = min((group.x + 1u) * part, sizes.count);
  let code_words = (sizes.count + PER_WORD - 1u) / PER_WORD;
  let factor = bitcast<f32>((254u - clamp(stats[group.z * sizes.stats + 2u] >> 23u, 1u, 253u)) << 23u);
  var under = 0u;
  var over = 0u;
  var lost = 0u;
  var squares = vec2f();
  for (var i = group.x * part + thread; i < end; i += WORKGROUP) {
    let word = x[base + i];
    let magnitude = word & 0x7fffffffu;
    if (magnitude >= F32_INFINITY) {
      continue;
    }
    let value = values[base + i];
    let value_magnitude = value & 0x7fffffffu;
    let scaled = bitcast<f32>(word) * factor;
    if (value_magnitude >= F32_INFINITY) {
      over++;
      lost++;
      squares.x += scaled * scaled;
      continue;
    }
    let error = scaled - bitcast<f32>(value) * factor;
    squares += vec2f(scaled * scaled, error * error);
    under += u32(magnitude != 0u && value_magnitude == 0u);
    let code = codes[group.z * code_words + i / PER_WORD] >> ((32u / PER_WORD) * (i % PER_WORD));
    let is_top = (code & ((1u << SIGN_SHIFT) - 1u)) == MAX_MAGNITUDE;
    over += u32(is_top && magnitude > bitcast<u32>(bitcast<f32>(value_magnitude) * LIMIT));
  }
  atomicAdd(&totals[0], under);
  atomicAdd(&totals[1], over);
  atomicAdd(&totals[2], lost);
  let sum = team_sum2(squares, thread);
  workgroupBarrier();
  if (thread == 0u) {
    let place = group.z * sizes.partials + group.x;
    for (var w = 0u; w < 3u; w++) {
      counts[3u * place + w] = atomicLoad(&totals[w]);
    }
    sums[2u * place] = sum.x;
    sums[2u * place + 1u] = sum.y;
  }
}
