// each-chunk: gives every workgroup a chunk of a pack.
//
// The kernel declares sizes.chunks, `chunks` of lib/chunks, and `fn visit(j: u32, lane: u32, start: u32, count: u32, thread: u32)`, which
// does what there is to do with chunk j of a lane: `count` elements from `start` on.
// uses lib/chunks
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let j = group.y * groups.x + group.x;
  if (j < sizes.chunks) {
    visit(j, group.z, chunk_start(j, group.z), chunk_count(j), thread);
  }
}
