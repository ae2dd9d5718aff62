// activation: pointwise functions and their derivatives. Comes after lib/vec1 or lib/vec4.
//
// Written so that nothing overflows on the way to a finite result, so that small results keep their relative precision
// (WGSL's tanh is only good to 1e-5), and so that a NaN stays one wherever the adapter keeps NaNs at all.
const SQRT_2_OVER_PI = 0.7978845608028654;
const GELU_CUBIC = 0.044715;
// Beyond it, gelu(x) is x or below 2e-37.
const GELU_LIMIT = 10.0;

// exp(-|v|): the one exponential that sigmoid, its complement and their product are made of.
fn decay(v: Vec) -> Vec {
  return exp(-abs(v));
}

// 1 / (1 + exp(-v)), given e = decay(v).
fn sigmoid(v: Vec, e: Vec) -> Vec {
  return select(e, Vec(1), v >= Vec(0)) / (1 + e);
}

// tanh(v) for any v.
fn tanh_any(v: Vec) -> Vec {
  let e = decay(2 * v);
  let s = v * v;
  let near = v * (1 + s * (-1.0 / 3 + s * (2.0 / 15 + s * (-17.0 / 315 + s * (62.0 / 2835)))));
  let far = sign(v) * (1 - e) / (1 + e);
  return select(near, far, abs(v) > Vec(0.25));
}

// Twice the argument of gelu's tanh: gelu(x) = x * sigmoid(gelu_argument(x)).
fn gelu_argument(x: Vec) -> Vec {
  let t = clamp(x, Vec(-GELU_LIMIT), Vec(GELU_LIMIT));
  return 2 * SQRT_2_OVER_PI * t * (1 + GELU_CUBIC * t * t);
}

// 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) (Hendrycks and Gimpel 2016, arXiv 1606.08415, section 2).
fn gelu(x: Vec) -> Vec {
  let v = gelu_argument(x);
  return select(x * sigmoid(v, decay(v)), Vec(0), x < Vec(-GELU_LIMIT));
}

fn gelu_slope(x: Vec) -> Vec {
  let t = clamp(x, Vec(-GELU_LIMIT), Vec(GELU_LIMIT));
  let v = gelu_argument(x);
  let e = decay(v);
  let dv = 2 * SQRT_2_OVER_PI * (1 + 3 * GELU_CUBIC * t * t);
  // s (1 - s) = e / (1 + e)^2 does not cancel.
  let slope = sigmoid(v, e) + t * dv * e / ((1 + e) * (1 + e));
  return select(slope, x, x != x);
}

// max(x, 0)^2 (So et al. 2021, arXiv 2109.08668).
fn relu2(x: Vec) -> Vec {
  return select(x * x, Vec(0), x <= Vec(0));
}

fn relu2_slope(x: Vec) -> Vec {
  return select(2 * x, Vec(0), x <= Vec(0));
}

// cap tanh(x / cap).
fn softcap(x: Vec, cap: f32) -> Vec {
  return cap * tanh_any(x / cap);
}

fn softcap_slope(x: Vec, cap: f32) -> Vec {
  let e = decay(2 * x / cap);
  return 4 * e / ((1 + e) * (1 + e));
}
