// flat-parts: gives every workgroup a part of the items that a kernel makes, and stores how large the largest of each part is.
//
// Comes with lib/made-*. The kernel declares sizes.count, sizes.part, the items of a part, and `fn make(i: u32, lane: u32)`, which makes
// item i.
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let end = min((group.x + 1u) * sizes.part, sizes.count);
  for (var i = group.x * sizes.part + thread; i < end; i += WORKGROUP) {
    make(i, group.z);
  }
  store_amax(thread, group.z * groups.x + group.x);
}
