// epilogue: what a matmul does to a sum before it is stored. Comes after lib/vec1 or lib/vec4 and lib/activation.
//
//   u = alpha * sum + bias[n],  y[m,n] = act(u) + beside[m,n]
//   SLOPE: y[m,n] = u act'(beside[m,n]);  of swiglu, g = beside[m,n], up = beside[m,N+n], s = sigmoid(g):
//          y[m,n] = u up s (1 + g (1 - s)),  y[m,N+n] = u g s
//   ACCUMULATE 1: what y has is added to;  2: y = (first ? 0 : y) + scale u, where beside f32[L,2] = first, scale, as in
//          optimizer/accumulate-update, whatever y had at first
//   COLUMN_SUMS: second[n] = sum_k B[k,n], which the kernel adds up beside the product
//
// The kernel declares bias and y as arrays of Vec, and sizes.alpha and sizes.n. lib/stored-* says what y keeps of a value, what is beside it,
// and where a second result goes.
override HAS_BIAS: bool = false;
override STORE_PRE: bool = false;
override ACTIVATION: u32 = 0;
override HAS_RESIDUAL: bool = false;
override SLOPE: u32 = 0;
override COLUMN_SUMS: bool = false;
override ACCUMULATE: u32 = 0;

// Word i of beside where that is no array of Vec.
fn beside_word(i: u32) -> f32 {
  let words = vec4f(beside_at(i / WIDTH));
  return words[i % WIDTH];
}

// Writes one Vec of outputs: `index` is its place in y (rows of N for the slope of swiglu), `column` its place in bias, lanes side by
// side: it tells the lane where ACCUMULATE is 2.
fn finish(index: u32, column: u32, sum: Vec) {
  var value = sizes.alpha * sum;
  if (HAS_BIAS) {
    value += bias[column];
  }
  if (STORE_PRE) {
    store_second(index, value);
  }
  if (ACTIVATION == 1u) {
    value = gelu(value);
  } else if (ACTIVATION == 2u) {
    value = relu2(value);
  }
  if (SLOPE == 1u) {
    value *= gelu_slope(beside_at(index));
  } else if (SLOPE == 2u) {
    value *= relu2_slope(beside_at(index));
  } else if (SLOPE == 3u) {
    let columns = sizes.n / WIDTH;
    let start = index + index / columns * columns;
    let gate = beside_at(start);
    let e = decay(gate);
    let s = sigmoid(gate, e);
    y[start] = kept(start, value * beside_at(start + columns) * s * (1 + gate * sigmoid(-gate, e)));
    y[start + columns] = kept(start + columns, value * gate * s);
    return;
  }
  if (HAS_RESIDUAL) {
    value += beside_at(index);
  }
  if (ACCUMULATE == 1u) {
    value += y[index];
  } else if (ACCUMULATE == 2u) {
    let lane = column / (sizes.n / WIDTH);
    value *= beside_word(2u * lane + 1u);
    if (beside_word(2u * lane) == 0.0) {
      value += y[index];
    }
  }
  y[index] = kept(index, value);
}
