// loads-coded: operands as packed codes, an element a load.
// uses lib/operands-coded, lib/tiles, lib/tile-f32, lib/tile-elements
