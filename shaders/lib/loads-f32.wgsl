// loads-f32: operands as f32 of any shape, an element a load.
// uses lib/operands-f32, lib/tiles, lib/tile-f32, lib/tile-elements
