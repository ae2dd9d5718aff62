// made-none: a kernel gives what it makes, and nothing beside it. The other forms are lib/made-amax and lib/made-cast.
fn kept(at: u32, value: Vec) -> Vec {
  return value;
}

fn magnitude_of(value: Vec) -> u32 {
  return 0u;
}

fn store_amax(largest: u32, thread: u32, place: u32) {}
