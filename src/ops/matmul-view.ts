import { sameShape, sizeOf } from '../base/shape.ts';
import type { Value } from '../graph/types.ts';
import { flagAttr, inputAt, numberAttr, requireShape, textAttr } from './op.ts';
import type { Unshaped } from './op.ts';

/** A matmul in the terms of its kernels. */
export interface MatmulView {
  /** Matrices a lane; 1 when not batched. */
  readonly batch: number;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly alpha: number;
  readonly activation: 'none' | 'gelu' | 'relu2';
  readonly a: Value;
  readonly b: Value;
  readonly bias: Value | undefined;
  readonly residual: Value | undefined;
}

/** Reads a node's sizes and operands. @throws ShapeError as `matmulNode` does. */
export function matmulView(node: Unshaped): MatmulView {
  const [a, b] = [inputAt(node, 0), inputAt(node, 1)];
  const [transposeA, transposeB, batched] = [
    flagAttr(node, 'transposeA'),
    flagAttr(node, 'transposeB'),
    flagAttr(node, 'batched'),
  ];
  const A = matrixOf(a.type.shape, batched);
  const B = matrixOf(b.type.shape, batched);
  const [M, K] = transposeA ? [A.cols, A.rows] : [A.rows, A.cols];
  const [KB, N] = transposeB ? [B.cols, B.rows] : [B.rows, B.cols];
  requireShape(node, a.type.shape.length >= 2 && b.type.shape.length >= 2, 'operands are no matrices');
  const cure = K === B.rows || K === B.cols ? `Pass transposeB: ${!transposeB}.` : undefined;
  requireShape(node, K === KB, `inner dimensions differ: a has K=${K}, b has K=${KB}`, cure);
  requireShape(node, sameShape(A.batch, B.batch), 'batch dimensions differ');
  let next = 2;
  const bias = flagAttr(node, 'bias') ? inputAt(node, next++) : undefined;
  const residual = flagAttr(node, 'residual') ? inputAt(node, next++) : undefined;
  requireShape(node, bias === undefined || sameShape(bias.type.shape, [N]), `bias is not [N=${N}]`);
  const batch = sizeOf(A.batch);
  requireShape(
    node,
    residual === undefined || sizeOf(residual.type.shape) === batch * M * N,
    'residual has another size than the result',
  );
  const activation = textAttr(node, 'activation');
  requireShape(
    node,
    activation === 'none' || activation === 'gelu' || activation === 'relu2',
    `no kernel applies activation ${activation}`,
  );
  return { batch, M, N, K, transposeA, transposeB, alpha: numberAttr(node, 'alpha'), activation, a, b, bias, residual };
}

function matrixOf(shape: readonly number[], batched: boolean): { rows: number; cols: number; batch: readonly number[] } {
  const cols = shape.at(-1) ?? 1;
  const batch = batched ? shape.slice(0, -2) : [];
  return { rows: sizeOf(shape) / cols / sizeOf(batch), cols, batch };
}
