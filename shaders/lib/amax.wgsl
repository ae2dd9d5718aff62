// amax: maxima of magnitude bits over teams of neighbouring threads of a workgroup.
//
// WORKGROUP and `team` are powers of two, team <= WORKGROUP <= 256. `thread` is local_invocation_index. Every thread of the workgroup
// must make the call, and every thread gets its team's result. A team of 1 needs no barriers.
override WORKGROUP: u32 = 64;

var<workgroup> maxima: array<u32, WORKGROUP>;

fn team_amax(value: u32, thread: u32, team: u32) -> u32 {
  if (team == 1u) {
    return value;
  }
  maxima[thread] = value;
  workgroupBarrier();
  for (var span = team / 2u; span > 0u; span /= 2u) {
    if (thread % team < span) {
      maxima[thread] = max(maxima[thread], maxima[thread + span]);
    }
    workgroupBarrier();
  }
  let largest = maxima[thread - thread % team];
  workgroupBarrier();
  return largest;
}
