/**
 * ln, exp, cos and sin built from `+ - * /` alone. JavaScript leaves the last bit of `Math.log` and its kin to the engine;
 * these give the same bits in every engine, so weights and sources drawn with them are equal in page and command line.
 * Relative error below 1e-15 (ln, exp), absolute below 1e-15 (cos, sin).
 */

const LN2_HIGH = 6.9314718036912381649e-1;
const LN2_LOW = 1.90821492927058770002e-10;
const float64 = new Float64Array(1);
const words = new Uint32Array(float64.buffer);
/** Which of the two u32 words holds sign and exponent; little-endian everywhere WebGPU runs, checked all the same. */
const HIGH = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 1 : 0;

/** 2^power, exactly, for -1022 <= power <= 1023. */
function powerOfTwo(power: number): number {
  words[HIGH] = (power + 1023) << 20;
  words[1 - HIGH] = 0;
  return float64[0] ?? 0;
}

/** Natural logarithm of a positive, normal x; -Infinity for 0. */
export function ln(x: number): number {
  if (x === 0) return -Infinity;
  if (!(x > 0) || x === Infinity) return x === Infinity ? Infinity : NaN;
  float64[0] = x;
  const high = words[HIGH] ?? 0;
  let power = (high >>> 20) - 1023;
  words[HIGH] = (high & 0xfffff) | (1023 << 20);
  let m = float64[0] ?? 1;
  if (m > Math.SQRT2) {
    m /= 2;
    power += 1;
  }
  // ln m = 2 atanh(s), |s| <= 0.172: the term after s^23 is below 1e-18 of the sum.
  const s = (m - 1) / (m + 1);
  const s2 = s * s;
  let sum = 0;
  for (let k = 23; k >= 3; k -= 2) sum = (sum + 1 / k) * s2;
  return power * LN2_HIGH + (2 * s + (2 * s * sum + power * LN2_LOW));
}

/** e^x; 0 below -708, where the result would no longer be a normal number, Infinity above 709. */
export function exp(x: number): number {
  if (x !== x) return NaN;
  if (x < -708) return 0;
  if (x > 709) return Infinity;
  const power = Math.floor(x / Math.LN2 + 0.5);
  const r = x - power * LN2_HIGH - power * LN2_LOW;
  // |r| <= 0.347: the term after r^14 is below 1e-18.
  let sum = 1;
  for (let k = 14; k >= 1; k -= 1) sum = 1 + (r * sum) / k;
  return sum * powerOfTwo(power);
}

/** Taylor series of sin and cos for 0 <= a <= pi/4; the terms left out are below 1e-18. */
function sinSmall(a: number): number {
  const a2 = a * a;
  let sum = 1;
  for (let k = 18; k >= 2; k -= 2) sum = 1 - (a2 * sum) / (k * (k + 1));
  return a * sum;
}

function cosSmall(a: number): number {
  const a2 = a * a;
  let sum = 1;
  for (let k = 17; k >= 1; k -= 2) sum = 1 - (a2 * sum) / (k * (k + 1));
  return sum;
}

/** cos(2 pi bits / 2^32), `bits` u32. */
export function cosTurn(bits: number): number {
  // The angle is folded into the first eighth of the turn in integers, so the reduction is exact.
  const quadrant = bits >>> 30;
  const within = bits & 0x3fffffff;
  const folded = (quadrant & 1) === 1 ? 0x40000000 - within : within;
  const scale = (2 * Math.PI) / 4294967296;
  const value = folded <= 0x20000000 ? cosSmall(folded * scale) : sinSmall((0x40000000 - folded) * scale);
  return quadrant === 1 || quadrant === 2 ? -value : value;
}

/** sin(2 pi bits / 2^32), `bits` u32. */
export function sinTurn(bits: number): number {
  return cosTurn((bits - 0x40000000) >>> 0);
}
