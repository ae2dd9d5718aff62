// loads-f16: operands as packed codes whose every number is one of f16, an element a load. Comes first, for lib/f16 does.
// uses lib/f16, lib/operands-coded, lib/tiles, lib/tile-f16, lib/tile-elements
