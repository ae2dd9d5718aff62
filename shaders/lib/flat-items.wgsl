// flat-items: gives every thread one item of what a kernel makes. The other form is lib/flat-parts.
//
// The kernel declares WORKGROUP, sizes.count, and `fn make(i: u32, lane: u32) -> u32`, which makes item i.
fn make_all(group: vec3u, groups: vec3u, thread: u32) {
  let i = (group.y * groups.x + group.x) * WORKGROUP + thread;
  if (i < sizes.count) {
    _ = make(i, group.z);
  }
}
