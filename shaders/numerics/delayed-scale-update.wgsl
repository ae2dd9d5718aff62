// delayed-scale-update: the scales of delayed scaling for the next step, from the histories of amax.
//
//   scale[t] = max_format / amax * shrink, shrink = 2^-margin, rounded down to a power of two if asked
//   amax = the largest of history[t], or that of step floor(draw[1] / micro_batches); 0 or not finite: the scale stays
//
// group 0   0 history f32 pack read: as bits · 1 scales f32 pack read and write: as bits · 2 draw u32[L,2] read
//           3 tensors u32[N,4] read: start and length of the history, start of the scale, bits of the format's maximum · 4 sizes
// dispatch  [N,1,L], folded over x and y: one workgroup a tensor
// override  WORKGROUP: 1..256, a power of two
// numerics  u32 arithmetic only; equal in every bit to src/numerics/scale.ts
// uses lib/philox, lib/cast, lib/cast-scales, lib/amax

struct Sizes {
  // N
  tensors: u32,
  micro_batches: u32,
  most_recent: u32,
  // Bits of 2^-margin.
  shrink: u32,
  power_of_two: u32,
}

@group(0) @binding(0) var<storage, read> history: array<u32>;
@group(0) @binding(1) var<storage, read_write> scales: array<u32>;
@group(0) @binding(2) var<storage, read> draw: array<u32>;
@group(0) @binding(3) var<storage, read> tensors: array<u32>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let t = group.y * groups.x + group.x;
  // Groups past the end take part in the barriers of the last tensor, and write nothing.
  let tensor = min(t, sizes.tensors - 1u);
  let length = tensors[4u * tensor + 1u];
  let start = tensors[4u * tensor] + group.z * length;
  let now = (draw[2u * group.z + 1u] / sizes.micro_batches) % length;
  var amax = 0u;
  if (sizes.most_recent == 1u) {
    amax = history[start + now];
  } else {
    for (var i = thread; i < length; i += WORKGROUP) {
      amax = max(amax, history[start + i]);
    }
  }
  amax = team_amax(amax, thread, WORKGROUP);
  if (t >= sizes.tensors || thread > 0u || amax == 0u || amax >= F32_INFINITY) {
    return;
  }
  let scale = current_scale(amax, tensors[4u * tensor + 3u], sizes.shrink, sizes.power_of_two == 1u);
  scales[tensors[4u * tensor + 2u] + group.z] = scale;
}
