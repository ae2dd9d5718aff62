import { sizeOf } from '../../../src/base/shape.ts';
import type { Attrs } from '../../../src/graph/types.ts';
import { dim, el, flagOf, input, numberOf, rowsOf, tensor, textOf } from '../tensor.ts';
import type { Reference, Tensor } from '../tensor.ts';
import { curveOf, elementwiseReferences } from './elementwise.ts';
import { optimizerReferences } from './optimizer.ts';
import { quantizeReferences } from './quantize.ts';

/**
 * `y = act(alpha * op(a) op(b) + bias) + residual`, and the value before the activation where there is one; or the product on its way back through an activation, or beside the sums of
 * b's columns.
 * Unbatched, all leading dimensions count as rows; batched, the last two dimensions are the matrices.
 */
const matmul: Reference = (inputs, attrs) => {
  const [transposeA, transposeB, batched] = [flagOf(attrs, 'transposeA'), flagOf(attrs, 'transposeB'), flagOf(attrs, 'batched')];
  const alpha = numberOf(attrs, 'alpha');
  const kind = textOf(attrs, 'activation');
  const epilogue = inputs.slice(2);
  const bias = flagOf(attrs, 'bias') ? epilogue.shift() : undefined;
  const residual = flagOf(attrs, 'residual') ? epilogue.shift() : undefined;
  const slope = textOf(attrs, 'slope');
  const into = slope === 'none' ? undefined : epilogue.shift();
  const [a, b] = (['a.', 'b.'] as const).map((prefix, i) => operand(input(inputs, i), behind(attrs, prefix), epilogue));
  if (a === undefined || b === undefined) throw new RangeError('an operand is missing');

  const [rowsA, colsA] = [batched ? dim(a, -2) : rowsOf(a), dim(a, -1)];
  const [rowsB, colsB] = [batched ? dim(b, -2) : rowsOf(b), dim(b, -1)];
  const [M, K] = transposeA ? [colsA, rowsA] : [rowsA, colsA];
  const [N, inner] = transposeB ? [rowsB, colsB] : [colsB, rowsB];
  if (K !== inner) throw new RangeError(`inner dimensions differ: ${K} and ${inner}`);
  const batches = batched ? sizeOf(a.shape.slice(0, -2)) : 1;
  const shape = batched ? [...a.shape.slice(0, -2), M, N] : transposeA ? [M, N] : [...a.shape.slice(0, -1), N];

  const pre = tensor(shape);
  for (let z = 0; z < batches; z++) {
    for (let m = 0; m < M; m++) {
      for (let n = 0; n < N; n++) {
        let sum = 0;
        for (let k = 0; k < K; k++) {
          const left = el(a.data, z * M * K + (transposeA ? k * M + m : m * K + k));
          const right = el(b.data, z * K * N + (transposeB ? n * K + k : k * N + n));
          sum += left * right;
        }
        pre.data[(z * M + m) * N + n] = alpha * sum + (bias === undefined ? 0 : el(bias.data, n));
      }
    }
  }
  if (flagOf(attrs, 'columnSums')) {
    const sums = tensor([N]);
    b.data.forEach((value, i) => void (sums.data[i % N] = el(sums.data, i % N) + value));
    return [pre, sums];
  }
  if (into !== undefined) {
    const gradient = slope === 'swiglu' ? elementwiseReferences.swiglu_backward : elementwiseReferences.activation_backward;
    return gradient([pre, into], { kind: slope, cap: 0 });
  }
  const y = tensor(shape, pre.data);
  if (kind !== 'none') y.data.forEach((value, i) => void (y.data[i] = curveOf(kind).at(value)));
  if (residual !== undefined) y.data.forEach((value, i) => void (y.data[i] = value + el(residual.data, i)));
  return kind === 'none' ? [y] : [y, pre];
};

/** The attributes whose names begin with `prefix`, without it. */
function behind(attrs: Attrs, prefix: string): Attrs {
  const own = Object.entries(attrs).filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), value]));
}

/** What an operand is multiplied by: itself, or what its codes stand for, under the next of the scales. */
function operand(x: Tensor, cast: Attrs, scales: Tensor[]): Tensor {
  if (Object.keys(cast).length === 0) return x;
  const own = textOf(cast, 'scaling') === 'none' ? [] : scales.splice(0, 1);
  return input(quantizeReferences.dequantize([x, ...own], cast), 0);
}

/** `acc' = (first ? 0 : acc) + scale y` of a product y, with `micro = [first, scale]`; then the sums of columns, where the product gives them. */
const matmulAccumulate: Reference = (inputs, attrs) => {
  const [a, b, acc, micro, ...scales] = inputs;
  if (a === undefined || b === undefined || acc === undefined || micro === undefined) throw new RangeError('an input is missing');
  const [product, ...sums] = matmul([a, b, ...scales], attrs);
  if (product === undefined) throw new RangeError('there is no product');
  return [...optimizerReferences.accumulate([product, acc, micro], {}), ...sums];
};

/** The product as a cast leaves it, and the codes. */
const matmulCast: Reference = (inputs, attrs) =>
  matmul(inputs, attrs).flatMap((y) => quantizeReferences.quantize([y], { ...attrs, values: true, first: 0 }).toReversed());

export const matmulReferences = { matmul, matmul_accumulate: matmulAccumulate, matmul_cast: matmulCast } satisfies Record<
  string,
  Reference
>;
