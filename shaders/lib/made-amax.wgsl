// made-amax: beside what a kernel makes, the largest magnitude of what each workgroup makes, as bits, on which NaN is above Inf, and Inf above
// all numbers.
//
// Comes after lib/vec1 or lib/vec4. The kernel, or a snippet that it uses, declares WORKGROUP, a power of two up to 256, and
// `more: array<u32>`.
override FINITE: bool = false;

var<workgroup> made: array<u32, WORKGROUP>;
// Of what this thread has made so far.
var<private> largest_made: u32;

// FINITE: NaN and Inf do not count.
fn kept(at: u32, value: Vec) -> Vec {
  largest_made = max(largest_made, magnitude_below(value, select(0x80000000u, 0x7f800000u, FINITE)));
  return value;
}

// The workgroup's largest in more[place] and, `step` places apart, in all from there on before `end`, for a reader takes the largest of
// them all. Every thread of the workgroup must make the call. `thread` is local_invocation_index.
fn spread_amax(thread: u32, place: u32, step: u32, end: u32) {
  made[thread] = largest_made;
  workgroupBarrier();
  for (var span = WORKGROUP / 2u; span > 0u; span /= 2u) {
    if (thread < span) {
      made[thread] = max(made[thread], made[thread + span]);
    }
    workgroupBarrier();
  }
  if (thread == 0u) {
    for (var i = place; i < end; i += step) {
      more[i] = made[0];
    }
  }
}

fn store_amax(thread: u32, place: u32) {
  spread_amax(thread, place, 1u, place + 1u);
}
