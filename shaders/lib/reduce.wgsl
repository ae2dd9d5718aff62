// reduce: sums and maxima over teams of TEAM neighbouring threads of a workgroup, in a fixed tree order.
//
// WORKGROUP and TEAM are powers of two, TEAM <= WORKGROUP <= 256. `thread` is local_invocation_index. Every thread of the
// workgroup must make the call, and every thread gets its team's result. TEAM = 1 leaves out all barriers.
override WORKGROUP: u32 = 64;
override TEAM: u32 = 64;

var<workgroup> partials: array<f32, WORKGROUP>;
var<workgroup> partial_pairs: array<vec2f, WORKGROUP>;

fn team_sum(value: f32, thread: u32) -> f32 {
  if (TEAM == 1u) {
    return value;
  }
  partials[thread] = value;
  workgroupBarrier();
  for (var span = TEAM / 2u; span > 0u; span /= 2u) {
    if (thread % TEAM < span) {
      partials[thread] += partials[thread + span];
    }
    workgroupBarrier();
  }
  let sum = partials[thread - thread % TEAM];
  workgroupBarrier();
  return sum;
}

// Two sums for the barriers of one.
fn team_sum2(value: vec2f, thread: u32) -> vec2f {
  if (TEAM == 1u) {
    return value;
  }
  partial_pairs[thread] = value;
  workgroupBarrier();
  for (var span = TEAM / 2u; span > 0u; span /= 2u) {
    if (thread % TEAM < span) {
      partial_pairs[thread] += partial_pairs[thread + span];
    }
    workgroupBarrier();
  }
  let sum = partial_pairs[thread - thread % TEAM];
  workgroupBarrier();
  return sum;
}

fn team_max(value: f32, thread: u32) -> f32 {
  if (TEAM == 1u) {
    return value;
  }
  partials[thread] = value;
  workgroupBarrier();
  for (var span = TEAM / 2u; span > 0u; span /= 2u) {
    if (thread % TEAM < span) {
      partials[thread] = max(partials[thread], partials[thread + span]);
    }
    workgroupBarrier();
  }
  let largest = partials[thread - thread % TEAM];
  workgroupBarrier();
  return largest;
}
