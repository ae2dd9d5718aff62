// fma: multiplies and adds in registers, for how fast an adapter computes when memory is no concern.
//
//   c_j = c_j p + q, ROUNDS times for each of 8 vectors c_j of a thread; y[thread] = their sum
//
// group 0   0 x f32[2] read: p and q · 1 y f32[threads] write · 2 sizes: rounds
// dispatch  [X, 1, 1]: X workgroups, 64 multiply-adds a thread a round
// override  WORKGROUP: 32..256
// numerics  |p| < 1 keeps the vectors finite and normal; p and q come from memory, so that no compiler computes the result itself
override WORKGROUP: u32 = 256;

struct Sizes {
  rounds: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> sizes: Sizes;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let p = vec4f(x[0]);
  let q = vec4f(x[1]);
  // Eight chains that wait for nobody but themselves: more than any adapter's latency needs.
  var c0 = vec4f(f32(id.x & 255u)) + vec4f(0.0, 0.25, 0.5, 0.75);
  var c1 = c0 + 1.0;
  var c2 = c0 + 2.0;
  var c3 = c0 + 3.0;
  var c4 = c0 + 4.0;
  var c5 = c0 + 5.0;
  var c6 = c0 + 6.0;
  var c7 = c0 + 7.0;
  for (var i = 0u; i < sizes.rounds; i++) {
    c0 = fma(c0, p, q);
    c1 = fma(c1, p, q);
    c2 = fma(c2, p, q);
    c3 = fma(c3, p, q);
    c4 = fma(c4, p, q);
    c5 = fma(c5, p, q);
    c6 = fma(c6, p, q);
    c7 = fma(c7, p, q);
    c0 = fma(c0, p, q);
    c1 = fma(c1, p, q);
    c2 = fma(c2, p, q);
    c3 = fma(c3, p, q);
    c4 = fma(c4, p, q);
    c5 = fma(c5, p, q);
    c6 = fma(c6, p, q);
    c7 = fma(c7, p, q);
  }
  let sum = ((c0 + c1) + (c2 + c3)) + ((c4 + c5) + (c6 + c7));
  y[id.x] = (sum.x + sum.y) + (sum.z + sum.w);
}
