// made-none: a kernel gives what it makes, and nothing beside it. The other forms are lib/made-amax and lib/made-cast.
// uses lib/no-amax
fn kept(at: u32, value: Vec) -> Vec {
  return value;
}
