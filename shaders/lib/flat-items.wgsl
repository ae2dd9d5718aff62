// flat-items: gives every thread one item of what a kernel makes. The other form is lib/flat-parts.
//
// The kernel declares sizes.count, and `fn make(i: u32, lane: u32)`, which makes item i.
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i < sizes.count) {
    make(i, id.z);
  }
}
