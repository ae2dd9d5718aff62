import { f32 } from '../graph/types.ts';
import type { Graph } from '../graph/graph.ts';
import type { Attrs, Node, Value } from '../graph/types.ts';
import { crossEntropy, crossEntropyFused, lowerLosses } from './cross-entropy.ts';
import { HYPER_SIZE } from './hyper.ts';
import { lastOf, rowsOf } from './launch.ts';
import { lowerProduct } from './matmul-kernels.ts';
import { matmul } from './matmul.ts';
import { addOp, flagAttr, inputAt, numberAttr, outputAt, requireShape } from './op.ts';
import type { Caps, Dispatch, Op, Scratch, Unshaped } from './op.ts';
import { sameShape, sizeOf } from '../base/shape.ts';

export interface HeadLossAttrs {
  /** The weight is the embedding's table `[V,C]`, not `[C,V]`. */
  readonly tied: boolean;
  /** Whether gradients are made along with the losses; `scale` times those of the sum of losses. */
  readonly gradient: boolean;
  readonly scale: number;
  /** Rows whose logits are there at a time; as many as fit {@link CHUNK_BYTES} when left out. */
  readonly chunk?: number;
}

export interface HeadLoss {
  /** f32[N], as `crossEntropy` gives them. */
  readonly losses: Value;
  readonly lse: Value;
  readonly nll: Value;
  /** Gradients by `x` and by `weight`; undefined where none are made. */
  readonly dx: Value | undefined;
  readonly dweight: Value | undefined;
}

/**
 * Cross-entropy of the logits `x W` of x f32[..,C], without ever having all logits: rows in turn become logits, losses, the logits'
 * gradient in place, and what this gives to the gradients of x and of the weight.
 *
 * @throws ShapeError when x and the weight do not fit, or there is not one u32 target a row.
 */
export function headLoss(
  g: Graph,
  [x, weight, targets, hyper]: readonly [Value, Value, Value, Value],
  attrs: HeadLossAttrs,
  name?: string,
): HeadLoss {
  const { chunk = chunkRows(rowsOf(x.type), weight.type.shape[attrs.tied ? 0 : 1] ?? 1) } = attrs;
  const outputs = addOp(g, 'head_loss', headLossOps.head_loss, [x, weight, targets, hyper], { ...attrs, chunk }, name);
  const node = outputs[0]?.node;
  const at = (i: number): Value => outputAt(node ?? x.node, i);
  const [dx, dweight] = attrs.gradient ? [at(3), at(4)] : [];
  return { losses: at(0), lse: at(1), nll: at(2), dx, dweight };
}

/** Bytes of logits that a lane has at a time, where that takes at least {@link LEAST_ROWS} rows. */
const CHUNK_BYTES = 16 * 2 ** 20;
const LEAST_ROWS = 64;

/** Rows whose logits are made at a time: all where they are few. */
function chunkRows(rows: number, vocab: number): number {
  const fit = Math.floor(CHUNK_BYTES / (4 * vocab) / LEAST_ROWS) * LEAST_ROWS;
  return Math.min(rows, Math.max(LEAST_ROWS, fit));
}

interface HeadView {
  readonly x: Value;
  readonly weight: Value;
  readonly targets: Value;
  readonly hyper: Value;
  /** Rows, columns of x, symbols. */
  readonly N: number;
  readonly C: number;
  readonly V: number;
  readonly chunk: number;
  readonly tied: boolean;
  readonly gradient: boolean;
  readonly scale: number;
}

function headView(node: Unshaped): HeadView {
  const [x, weight, targets, hyper] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2), inputAt(node, 3)];
  const [tied, gradient, scale] = [flagAttr(node, 'tied'), flagAttr(node, 'gradient'), numberAttr(node, 'scale')];
  const [rows = 0, columns = 0] = weight.type.shape;
  const [C, V] = tied ? [columns, rows] : [rows, columns];
  requireShape(node, x.type.dtype === 'f32' && x.type.shape.length > 1, 'x is f32 of at least two dimensions');
  requireShape(node, weight.type.dtype === 'f32' && weight.type.shape.length === 2, 'the weight is f32 of two dimensions');
  requireShape(node, C === lastOf(x.type), 'the weight does not fit the last dimension of x');
  requireShape(
    node,
    targets.type.dtype === 'u32' && sizeOf(targets.type.shape) === rowsOf(x.type),
    'there is not one u32 target a row',
  );
  requireShape(node, sameShape(hyper.type.shape, [HYPER_SIZE]), `hyper is not f32[${HYPER_SIZE}]`);
  requireShape(node, Number.isFinite(scale), 'the scale is not finite');
  const chunk = numberAttr(node, 'chunk');
  requireShape(node, Number.isInteger(chunk) && chunk > 0, `${chunk} rows are no chunk`);
  return { x, weight, targets, hyper, N: rowsOf(x.type), C, V, chunk, tied, gradient, scale };
}

function lower(node: Node, caps: Caps | 'plain'): readonly Dispatch[] {
  const view = headView(node);
  const { x, weight, targets, hyper, N, C, V, chunk, tied, gradient, scale } = view;
  const [losses, lse, nll] = [outputAt(node, 0), outputAt(node, 1), outputAt(node, 2)];
  const dispatches: Dispatch[] = [];
  // One place for the logits of all chunks: only the last one may be shorter.
  const places = new Map<number, Scratch>();
  for (let first = 0; first < N; first += chunk) {
    const R = Math.min(chunk, N - first);
    const logits = places.get(R) ?? { scratch: 'logits', type: f32(R, V) };
    places.set(R, logits);
    dispatches.push(
      ...lowerProduct({ a: x, b: weight, y: logits, M: R, N: V, K: C, transposeB: tied, from: { a: first * C } }, caps),
    );
    const dlogits = gradient ? logits : undefined;
    const alone = caps !== 'plain' && caps.software;
    dispatches.push(lowerLosses({ logits, dlogits, targets, hyper, losses, lse, nll, scale, rows: N, first }, alone));
    if (!gradient) continue;
    const [dx, dweight] = [outputAt(node, 3), outputAt(node, 4)];
    const accumulate = first > 0;
    dispatches.push(
      ...lowerProduct({ a: logits, b: weight, y: dx, M: R, N: C, K: V, transposeB: !tied, from: { y: first * C } }, caps),
      ...(tied
        ? lowerProduct(
            { a: logits, b: x, y: dweight, M: V, N: C, K: R, transposeA: true, from: { b: first * C }, accumulate },
            caps,
          )
        : lowerProduct(
            { a: x, b: logits, y: dweight, M: C, N: V, K: R, transposeA: true, from: { a: first * C }, accumulate },
            caps,
          )),
    );
  }
  return dispatches;
}

export const headLossOps: Record<'head_loss', Op> = {
  head_loss: {
    shape(node) {
      const { x, weight, N, gradient } = headView(node);
      const row = f32(N);
      return [row, row, row, ...(gradient ? [x.type, weight.type] : [])];
    },
    vjp: 'none',
    plain(g: Graph, inputs: readonly Value[], attrs: Attrs) {
      const node: Unshaped = { id: g.nodes.length, op: 'head_loss', name: 'plain', inputs, attrs };
      const { x, weight, targets, hyper, tied, gradient, scale } = headView(node);
      const logits = matmul(g, x, weight, { transposeB: tied });
      if (!gradient) {
        const { losses, lse, nll } = crossEntropy(g, logits, targets, hyper);
        return [losses, lse, nll];
      }
      const { losses, lse, nll, dlogits } = crossEntropyFused(g, logits, targets, hyper, { scale });
      const dx = matmul(g, dlogits, weight, { transposeB: !tied });
      const [a, b] = tied ? [dlogits, x] : [x, dlogits];
      return [losses, lse, nll, dx, matmul(g, a, b, { transposeA: true })];
    },
    // Where there are several chunks, so there are in fewer rows.
    shrunk: (node, small) => {
      const [own, fewer] = [headView(node), headView(small)];
      const chunk = own.chunk < own.N ? Math.ceil(fewer.N / 3) : fewer.chunk;
      return { ...small.attrs, chunk };
    },
    words: (node, _input, i) => (7 * i + 3) % headView(node).V,
    variants: [
      { name: 'best', supports: () => true, lower },
      { name: 'plain', supports: () => true, lower: (node) => lower(node, 'plain') },
    ],
  },
};
