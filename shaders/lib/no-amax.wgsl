// no-amax: the part of lib/made-amax that the other forms leave empty.
fn magnitude_of(value: Vec) -> u32 {
  return 0u;
}

fn store_amax(largest: u32, thread: u32, place: u32) {}
