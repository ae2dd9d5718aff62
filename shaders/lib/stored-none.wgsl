// stored-none: a matmul stores what it makes, and a second result where it is asked for one. The other forms are lib/stored-cast, -amax and
// -second-amax.
// uses lib/made-none, lib/beside, lib/second
