import type { Node, Value } from '../../graph/types.ts';
import { crossEntropyFused } from '../../ops/cross-entropy.ts';
import { headLoss } from '../../ops/head-loss.ts';
import { matmulView } from '../../ops/matmul-view.ts';
import { hasEpilogue } from '../../ops/matmul.ts';
import { numberAttr } from '../../ops/op.ts';
import type { Rule } from '../rewrite.ts';

/** The one number that all elements of `value` are, where the graph says so: a constant, broadcast and scaled. */
function constantOf(value: Value | undefined): number | undefined {
  if (value?.node.op === 'constant') return numberAttr(value.node, 'value');
  if (value?.node.op !== 'broadcast') return undefined;
  const inner = constantOf(value.node.inputs[0]);
  return inner === undefined ? undefined : inner * numberAttr(value.node, 'scale');
}

/** cross_entropy and its backward, in one pass over the logits: the gradient of a mean is known before the loss is. */
export const fusedCrossEntropy: Rule = {
  name: 'cross-entropy',
  makes: 'cross_entropy_fused',
  stage: 'whole',
  apply(node, { g, get, readers, replace }) {
    const [losses, lse, nll] = node.outputs;
    if (node.op !== 'cross_entropy' || losses === undefined || lse === undefined || nll === undefined) return false;
    const backward = lossBackward(node, readers(lse));
    const [logits, targets, hyper] = node.inputs;
    if (backward === undefined || logits === undefined || targets === undefined || hyper === undefined) return false;
    const fused = crossEntropyFused(g, get(logits), get(targets), get(hyper), { scale: backward.scale }, node.name);
    replace(losses, fused.losses);
    replace(lse, fused.lse);
    replace(nll, fused.nll);
    replace(backward.dlogits, fused.dlogits);
    return true;
  },
};

/**
 * The head's matmul, the loss of its logits and the two matmuls of their gradient, in chunks of rows: the logits are never all there. Not
 * where something else reads logits, as a cap or a cast does.
 */
export const headLossRule: Rule = {
  name: 'head-loss',
  makes: 'head_loss',
  stage: 'whole',
  apply(node, { g, get, readers, uses, replace }) {
    const [logits, targets, hyper] = node.inputs;
    const [losses, lse, nll] = node.outputs;
    if (node.op !== 'cross_entropy_fused' && node.op !== 'cross_entropy') return false;
    if (logits === undefined || targets === undefined || hyper === undefined || logits.node.op !== 'matmul') return false;
    if (losses === undefined || lse === undefined || nll === undefined) return false;
    const { a: x, b: weight, batch, alpha, transposeA, transposeB: tied, aCodes, bCodes } = matmulView(logits.node);
    const isPlain = !hasEpilogue(logits.node.attrs) && !transposeA && batch === 1 && alpha === 1;
    if (!isPlain || aCodes !== undefined || bCodes !== undefined) return false;
    const back = lossBackward(node, readers(lse));
    if (uses(logits) > (back?.node === undefined ? 1 : 2) || (back === undefined && uses(lse) > 0)) return false;
    const made = back === undefined ? undefined : headGradients(readers(back.dlogits), back.dlogits, { x, weight, tied });
    if (back !== undefined && made === undefined) return false;
    const attrs = { tied, gradient: back !== undefined, scale: back?.scale ?? 1 };
    const fused = headLoss(g, [get(x), get(weight), get(targets), get(hyper)], attrs, node.name);
    replace(losses, fused.losses);
    replace(lse, fused.lse);
    replace(nll, fused.nll);
    if (made !== undefined && fused.dx !== undefined && fused.dweight !== undefined) {
      replace(made.dx, fused.dx);
      replace(made.dweight, fused.dweight);
    }
    return true;
  },
};

interface LossBackward {
  readonly dlogits: Value;
  readonly scale: number;
  /** Where it is a node of its own. */
  readonly node: Node | undefined;
}

/** The gradient of the logits that follows from a loss, `readers` being those of its lse, where it is of a mean. */
function lossBackward(loss: Node, readers: readonly Node[]): LossBackward | undefined {
  const own = loss.op === 'cross_entropy_fused' ? loss.outputs[3] : undefined;
  if (own !== undefined) return { dlogits: own, scale: numberAttr(loss, 'scale'), node: undefined };
  const node = readers.find(({ op }) => op === 'cross_entropy_backward');
  const [dlogits, scale] = [node?.outputs[0], constantOf(node?.inputs[4])];
  return dlogits === undefined || scale === undefined ? undefined : { dlogits, scale, node };
}

interface Head {
  readonly x: Value;
  readonly weight: Value;
  readonly tied: boolean;
}

/** What the gradient of the logits is read for, where that is the gradients of x and of the weight and nothing else. */
function headGradients(
  readers: readonly Node[],
  dlogits: Value,
  { x, weight, tied }: Head,
): { readonly dx: Value; readonly dweight: Value } | undefined {
  const made = (a: Value, b: Value, transposeA: boolean, transposeB: boolean): Value | undefined =>
    readers.find(({ op, inputs, attrs }) => {
      if (op !== 'matmul' || hasEpilogue(attrs) || inputs.length !== 2 || inputs[0] !== a || inputs[1] !== b) return false;
      return (
        attrs['transposeA'] === transposeA &&
        attrs['transposeB'] === transposeB &&
        attrs['columnSums'] === false &&
        attrs['alpha'] === 1
      );
    })?.outputs[0];
  const dx = made(dlogits, weight, false, !tied);
  const dweight = tied ? made(dlogits, x, true, false) : made(x, dlogits, true, false);
  return readers.length === 2 && dx !== undefined && dweight !== undefined ? { dx, dweight } : undefined;
}
