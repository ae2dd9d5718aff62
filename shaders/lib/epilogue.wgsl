// epilogue: what a matmul does to a sum before it is stored. Comes after lib/vec1 or lib/vec4 and lib/activation.
//
//   u = alpha * sum + bias[n],  y[m,n] = act(u) + residual[m,n]
//
// The kernel declares bias, residual, y and pre as arrays of Vec, and sizes.alpha.
override HAS_BIAS: bool = false;
override STORE_PRE: bool = false;
override ACTIVATION: u32 = 0;
override HAS_RESIDUAL: bool = false;

// Writes one Vec of outputs: `index` is its place in y, `column` its place in bias.
fn finish(index: u32, column: u32, sum: Vec) {
  var value = sizes.alpha * sum;
  if (HAS_BIAS) {
    value += bias[column];
  }
  if (STORE_PRE) {
    pre[index] = value;
  }
  if (ACTIVATION == 1u) {
    value = gelu(value);
  } else if (ACTIVATION == 2u) {
    value = relu2(value);
  }
  if (HAS_RESIDUAL) {
    value += residual[index];
  }
  y[index] = value;
}
