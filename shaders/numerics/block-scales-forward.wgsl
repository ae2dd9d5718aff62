// block-scales-forward: the scales of a matrix that is cast in blocks, packed and as numbers.
//
//   scales[1 + block] = code of block_scale(max |x[block]|)     blocks[block] = (the scale, what its elements are multiplied by)
//
// group 0   0 x u32[L,R,C] read: bits of f32 · 1 amax u32[L,Q] read, P of them: of the finite elements; KIND 1 only
//           2 scales u32[L,1+n] write: bits of the f32 beside the scales, then codes of 8 bits, four a word, or bits of f32
//           3 blocks u32[L,R/ROWS,C/COLUMNS,2] write: bits of f32 · 4 sizes
// dispatch  [ceil(n/(WORKGROUP/TEAM)),1,L], folded over x and y: one team a word of scales
// override  WORKGROUP: power of two, 1..256 · TEAM: power of two, threads that share a block; 1 leaves out all barriers
//           KIND: 0 E8M0, 1 E4M3 beside an f32 of the tensor, 2 f32 · ROWS, COLUMNS: of a block
//           lib/format: the elements' format
// numerics  u32 arithmetic only; equal in every bit to src/numerics/blocks.ts
// uses lib/philox, lib/format, lib/cast-scales, lib/amax
override TEAM: u32 = 8;
override KIND: u32 = 0;
override ROWS: u32 = 1;
override COLUMNS: u32 = 32;

struct Sizes {
  blocks: u32,
  // C
  columns: u32,
  // P, and where they begin among Q words of a lane
  partials: u32,
  amax_first: u32,
  amax_lane: u32,
  // Bits of the largest block scale times the largest element, which the tensor's amax is brought to.
  top: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> amax: array<u32>;
@group(0) @binding(2) var<storage, read_write> scales: array<u32>;
@group(0) @binding(3) var<storage, read_write> blocks: array<vec2u>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

// The tensor's scale and its reciprocal.
var<workgroup> tensor: vec2u;

// The largest of every `stride`th partial amax from `first` on.
fn largest_part(lane: u32, first: u32, stride: u32) -> u32 {
  var largest = 0u;
  for (var p = first; p < sizes.partials; p += stride) {
    largest = max(largest, amax[lane * sizes.amax_lane + sizes.amax_first + p]);
  }
  return largest;
}

fn tensor_scale(largest: u32) -> vec2u {
  let has_scale = largest > 0u && largest < F32_INFINITY;
  let scale = select(F32_ONE, min(cast_over(sizes.top, max(largest, 1u)), F32_MAX), has_scale);
  return vec2u(scale, cast_over(F32_ONE, scale));
}

// The largest magnitude that a thread of a team sees of a block.
fn largest_of(place: u32, lane: u32, member: u32) -> u32 {
  let across = sizes.columns / COLUMNS;
  let first = lane * sizes.blocks * ROWS * COLUMNS + (place / across) * ROWS * sizes.columns + (place % across) * COLUMNS;
  var largest = 0u;
  if (place < sizes.blocks) {
    for (var i = member; i < ROWS * COLUMNS; i += TEAM) {
      largest = max(largest, x[first + (i / COLUMNS) * sizes.columns + i % COLUMNS] & F32_MAGNITUDE);
    }
  }
  return largest;
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) thread: u32,
  @builtin(num_workgroups) groups: vec3u,
) {
  let lane = group.z;
  let row = group.y * groups.x + group.x;
  let member = thread % TEAM;
  let format = the_format();
  var whole = vec2u(F32_ONE);
  if (KIND == SCALE_E4M3) {
    if (TEAM == 1u) {
      whole = tensor_scale(largest_part(lane, 0u, 1u));
    } else {
      let largest = team_amax(largest_part(lane, thread, WORKGROUP), thread, WORKGROUP);
      if (thread == 0u) {
        tensor = tensor_scale(largest);
      }
      workgroupBarrier();
      whole = tensor;
    }
  }
  let per_word = select(4u, 1u, KIND == SCALE_F32);
  let words = (sizes.blocks + per_word - 1u) / per_word;
  let word = row * (WORKGROUP / TEAM) + thread / TEAM;
  var packed = 0u;
  for (var b = 0u; b < per_word; b++) {
    let place = word * per_word + b;
    let largest = team_amax(largest_of(place, lane, member), thread, TEAM);
    if (member == 0u && place < sizes.blocks) {
      let scale = block_scale(KIND, largest, format, whole.x, whole.y);
      blocks[lane * sizes.blocks + place] = vec2u(scale.value, block_inverse(KIND, scale.value));
      packed |= scale.code << (8u * b);
    }
  }
  let base = lane * (words + 1u);
  if (member == 0u && word < words) {
    scales[base + 1u + word] = packed;
  }
  if (row == 0u && thread == 0u) {
    scales[base] = whole.y;
  }
}
