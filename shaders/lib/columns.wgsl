// columns: sums of Vec over the SPLIT threads of a workgroup that share a column, in a fixed tree order.
//
// Comes after lib/vec1 or lib/vec4, which say what a Vec is.
// WORKGROUP and SPLIT are powers of two, SPLIT <= WORKGROUP <= 256. Thread t (local_invocation_index) works on column
// t % (WORKGROUP / SPLIT), so that neighbours read neighbouring columns. Every thread of the workgroup must make the call;
// the sum is right in the threads below WORKGROUP / SPLIT. SPLIT = 1 leaves out all barriers.
override WORKGROUP: u32 = 64;
override SPLIT: u32 = 1;

var<workgroup> column_partials: array<Vec, WORKGROUP>;

fn column_sum(value: Vec, thread: u32) -> Vec {
  if (SPLIT == 1u) {
    return value;
  }
  column_partials[thread] = value;
  workgroupBarrier();
  for (var span = WORKGROUP / 2u; span >= WORKGROUP / SPLIT; span /= 2u) {
    if (thread < span) {
      column_partials[thread] += column_partials[thread + span];
    }
    workgroupBarrier();
  }
  let sum = column_partials[thread];
  workgroupBarrier();
  return sum;
}
