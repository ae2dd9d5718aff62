// made-amax: beside what a kernel makes, the largest magnitude of what each workgroup makes, as bits, on which NaN is above Inf, and Inf above
// all numbers.
//
// Comes after lib/vec1 or lib/vec4. The kernel, or a snippet that it uses, declares WORKGROUP, a power of two up to 256, and the kernel
// `more: array<u32>`.
override FINITE: bool = false;

var<workgroup> made: array<u32, WORKGROUP>;

fn kept(at: u32, value: Vec) -> Vec {
  return value;
}

// FINITE: NaN and Inf do not count.
fn magnitude_of(value: Vec) -> u32 {
  return magnitude_below(value, select(0x80000000u, 0x7f800000u, FINITE));
}

// more[place] = the largest of the workgroup. Every thread of the workgroup must make the call. `thread` is local_invocation_index.
fn store_amax(largest: u32, thread: u32, place: u32) {
  made[thread] = largest;
  workgroupBarrier();
  for (var span = WORKGROUP / 2u; span > 0u; span /= 2u) {
    if (thread < span) {
      made[thread] = max(made[thread], made[thread + span]);
    }
    workgroupBarrier();
  }
  if (thread == 0u) {
    more[place] = made[0];
  }
}
