// philox: Philox4x32-10, counter-based random numbers in u32 arithmetic; equal in every bit to src/base/random.ts.
//
//   Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
//   key = (seed, stream); counter = the caller's coordinates.

const PHILOX_M0 = 0xd2511f53u;
const PHILOX_M1 = 0xcd9e8d57u;
const PHILOX_W0 = 0x9e3779b9u;
const PHILOX_W1 = 0xbb67ae85u;

// High 32 bits of the 64-bit product a * b; no partial sum leaves u32.
fn philox_mulhi(a: u32, b: u32) -> u32 {
  let a_low = a & 0xffffu;
  let a_high = a >> 16u;
  let b_low = b & 0xffffu;
  let b_high = b >> 16u;
  let middle = a_high * b_low + ((a_low * b_low) >> 16u);
  let carry = a_low * b_high + (middle & 0xffffu);
  return a_high * b_high + (middle >> 16u) + (carry >> 16u);
}

fn philox(counter: vec4u, key: vec2u) -> vec4u {
  var c = counter;
  var k = key;
  for (var round = 0u; round < 10u; round++) {
    let high0 = philox_mulhi(PHILOX_M0, c.x);
    let low0 = PHILOX_M0 * c.x;
    let high1 = philox_mulhi(PHILOX_M1, c.z);
    let low1 = PHILOX_M1 * c.z;
    c = vec4u(high1 ^ c.y ^ k.x, low1, high0 ^ c.w ^ k.y, low0);
    k += vec2u(PHILOX_W0, PHILOX_W1);
  }
  return c;
}

// The top 24 bits as a number in [0, 1); exact, since f32 holds 24 bits and the factor is a power of two.
fn uniform24(bits: u32) -> f32 {
  return f32(bits >> 8u) * 0x1p-24f;
}
