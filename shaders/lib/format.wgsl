// format: the number format that a kernel is compiled for: formatOverrides of src/ops/quantize-kernels.ts.
// uses lib/cast
override MANTISSA_BITS: u32 = 3;
override BIAS: i32 = 7;
override SIGN_SHIFT: u32 = 7;
override MAX_MAGNITUDE: u32 = 126;
override OVERFLOW_MAGNITUDE: u32 = 127;
override NAN_MAGNITUDE: u32 = 127;
override IS_SCALE: bool = false;

fn the_format() -> CastFormat {
  return CastFormat(MANTISSA_BITS, BIAS, SIGN_SHIFT, MAX_MAGNITUDE, OVERFLOW_MAGNITUDE, NAN_MAGNITUDE, IS_SCALE);
}
