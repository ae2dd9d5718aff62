// team-rows: gives every workgroup a part of the rows that a kernel makes, TEAM threads a row, and stores how large the largest element
// of each part is.
//
// Comes with lib/reduce and lib/made-*. The kernel declares sizes.rows, sizes.part, the rows of a part, and
// `fn make_row(row: u32, lane: u32, inside: bool, thread: u32)`, which makes a row; not `inside`, it only takes part in the barriers.
@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let place = group.y * groups.x + group.x;
  let end = min((place + 1u) * sizes.part, sizes.rows);
  for (var start = place * sizes.part; start < end; start += WORKGROUP / TEAM) {
    let unit = start + thread / TEAM;
    let row = group.z * sizes.rows + min(unit, sizes.rows - 1u);
    make_row(row, group.z, unit < end, thread);
  }
  store_amax(thread, group.z * groups.x + place);
}
