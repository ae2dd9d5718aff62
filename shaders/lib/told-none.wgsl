// told-none: attention gives what it makes, and nothing beside it. The other form is lib/told-amax.
// uses lib/made-none
