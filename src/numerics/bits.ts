const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** The bits of `x` rounded to f32: u32. A NaN's payload is the processor's choice. */
export function bitsOf(x: number): number {
  float[0] = x;
  return word[0] ?? 0;
}

/** The f32 with the bits of a u32. */
export function floatOf(bits: number): number {
  word[0] = bits;
  return float[0] ?? 0;
}
