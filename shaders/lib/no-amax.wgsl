// no-amax: the part of lib/made-amax that the other forms leave empty.
fn spread_amax(thread: u32, place: u32, step: u32, end: u32) {}

fn store_amax(thread: u32, place: u32) {}
