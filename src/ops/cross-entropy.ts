import { GraphError } from '../base/errors.ts';
import { sameShape, sizeOf } from '../base/shape.ts';
import { first } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import { f32 } from '../graph/types.ts';
import type { Attrs, Node, Type, Value } from '../graph/types.ts';
import { HYPER_SIZE } from './hyper.ts';
import { lastOf, rowsOf, vecWidth } from './launch.ts';
import { flatDispatch, madeBy, NOTHING, teamDispatch } from './made.ts';
import type { Made, Producer } from './made.ts';
import { addOp, inputAt, numberAttr, outputAt, plainVariant, requireShape, rowVariants } from './op.ts';
import type { Dispatch, Op, Scratch, Unshaped } from './op.ts';
import { constant } from './reduce.ts';

export interface Losses {
  /** f32[N]: nll + zLoss lse^2, in nats. */
  readonly losses: Value;
  /** f32[N]: log-sum-exp of each row of logits. */
  readonly lse: Value;
  /** f32[N]: lse less the logit of the target, in nats. */
  readonly nll: Value;
}

/**
 * Losses of logits f32[..,V] against targets u32[..] below V, one a row; the coefficient of the z-loss is in `hyper`.
 * Only `losses` has a gradient.
 */
export function crossEntropy(g: Graph, logits: Value, targets: Value, hyper: Value, name?: string): Losses {
  return lossesOf(addOp(g, 'cross_entropy', crossEntropyOps.cross_entropy, [logits, targets, hyper], {}, name));
}

/** {@link crossEntropy} and, in the same pass, `dlogits` = scale times the gradient of the sum of losses. */
export function crossEntropyFused(
  g: Graph,
  logits: Value,
  targets: Value,
  hyper: Value,
  attrs: { scale: number },
  name?: string,
): Losses & { readonly dlogits: Value } {
  const inputs = [logits, targets, hyper];
  const outputs = addOp(g, 'cross_entropy_fused', crossEntropyOps.cross_entropy_fused, inputs, { ...attrs }, name);
  return { ...lossesOf(outputs), dlogits: first(outputs.slice(3)) };
}

function lossesOf([losses, lse, nll]: readonly Value[]): Losses {
  if (losses === undefined || lse === undefined || nll === undefined) {
    throw new GraphError({ where: 'cross_entropy', rule: 'the node lacks an output' });
  }
  return { losses, lse, nll };
}

export const crossEntropyOps: Record<'cross_entropy' | 'cross_entropy_backward' | 'cross_entropy_fused', Op> = {
  cross_entropy: {
    shape: lossTypes,
    // dz[n,v] = dlosses[n] ((1 + 2 c lse[n]) exp(z[n,v] - lse[n]) - [v = target])
    vjp(g, node, [dlosses, dlse, dnll]) {
      if (dlse !== undefined || dnll !== undefined) {
        throw new GraphError({
          where: `node ${node.id} cross_entropy`,
          rule: 'lse and nll have no gradient',
          cure: 'Use losses.',
        });
      }
      if (dlosses === undefined) return [];
      const inputs = [inputAt(node, 0), inputAt(node, 1), outputAt(node, 1), inputAt(node, 2), dlosses];
      return addOp(g, 'cross_entropy_backward', crossEntropyOps.cross_entropy_backward, inputs, {}, node.name);
    },
    words: targetsBelow,
    variants: rowVariants((node, alone) => [overRows(node, undefined, 0, alone)]),
  },

  cross_entropy_backward: {
    shape(node) {
      const [logits, targets] = [inputAt(node, 0).type, inputAt(node, 1).type];
      const [lse, hyper, dlosses] = [inputAt(node, 2).type, inputAt(node, 3).type, inputAt(node, 4).type];
      checkRows(node, logits, targets, hyper);
      const row = [rowsOf(logits)];
      requireShape(
        node,
        sameShape(lse.shape, row) && sameShape(dlosses.shape, row),
        'lse and dlosses do not fit the rows of logits',
      );
      return [logits];
    },
    vjp: 'none',
    words: targetsBelow,
    variants: plainVariant((node) => lowerBackward(node, false)),
  },

  cross_entropy_fused: {
    shape(node) {
      requireShape(node, Number.isFinite(numberAttr(node, 'scale')), 'the scale is not finite');
      return [...lossTypes(node), inputAt(node, 0).type];
    },
    vjp: 'none',
    plain(g: Graph, inputs: readonly Value[], attrs: Attrs) {
      const node: Unshaped = { id: g.nodes.length, op: 'cross_entropy_fused', name: 'plain', inputs, attrs };
      const [logits, targets, hyper] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2)];
      const { losses, lse, nll } = crossEntropy(g, logits, targets, hyper);
      const dlosses = constant(g, { value: numberAttr(node, 'scale'), size: rowsOf(logits.type) });
      const back = [logits, targets, lse, hyper, dlosses];
      return [losses, lse, nll, ...addOp(g, 'cross_entropy_backward', crossEntropyOps.cross_entropy_backward, back)];
    },
    words: targetsBelow,
    variants: rowVariants(lowerFused),
  },
};

/** Both give more beside the gradient of the logits. */
export const crossEntropyProducers: Record<'cross_entropy_backward' | 'cross_entropy_fused', Producer> = {
  cross_entropy_backward: {
    op: crossEntropyOps.cross_entropy_backward,
    result: 0,
    variants: rowVariants(lowerBackward),
  },
  cross_entropy_fused: { op: crossEntropyOps.cross_entropy_fused, result: 3, variants: rowVariants(lowerFused) },
};

/** Targets lie below V: kernels do not check. */
function targetsBelow(node: Unshaped, _input: number, i: number): number {
  return (7 * i + 3) % lastOf(inputAt(node, 0).type);
}

function lossTypes(node: Unshaped): readonly Type[] {
  const logits = inputAt(node, 0).type;
  checkRows(node, logits, inputAt(node, 1).type, inputAt(node, 2).type);
  const row = f32(rowsOf(logits));
  return [row, row, row];
}

function checkRows(node: Unshaped, logits: Type, targets: Type, hyper: Type): void {
  requireShape(node, logits.dtype === 'f32' && logits.shape.length > 1, 'logits are f32 of at least two dimensions');
  requireShape(node, targets.dtype === 'u32' && sizeOf(targets.shape) === rowsOf(logits), 'there is not one u32 target a row');
  requireShape(node, hyper.dtype === 'f32' && sameShape(hyper.shape, [HYPER_SIZE]), `hyper is not f32[${HYPER_SIZE}]`);
}

function lowerBackward(node: Node, alone: boolean): readonly Dispatch[] {
  const [logits, targets, lse] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2)];
  const [hyper, dlosses, dlogits] = [inputAt(node, 3), inputAt(node, 4), outputAt(node, 0)];
  const vec = vecWidth(lastOf(logits.type));
  const dispatch = {
    kernel: 'loss/cross-entropy-backward',
    bind: { logits, targets, lse, hyper, dlosses, dlogits },
    sizes: { columns: lastOf(logits.type) / vec },
    template: { WIDTH: vec },
  };
  return [flatDispatch(dispatch, dlogits, sizeOf(logits.type.shape) / vec, alone)];
}

function lowerFused(node: Node, alone: boolean): readonly Dispatch[] {
  return [overRows(node, outputAt(node, 3), numberAttr(node, 'scale'), alone)];
}

function overRows(node: Node, dlogits: Value | undefined, scale: number, alone: boolean): Dispatch {
  const [logits, targets, hyper] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2)];
  const all = { targets, hyper, ...lossesOf(node.outputs) };
  const made = dlogits === undefined ? undefined : madeBy(dlogits, alone);
  return lowerLosses({ ...all, logits, dlogits, scale, rows: rowsOf(logits.type), first: 0, made }, alone);
}

/** Losses of rows of logits, all or some of those that there are targets for. */
export interface LossRows extends Losses {
  /** f32[R,V], of rows `first .. first + R`. */
  readonly logits: Value | Scratch;
  readonly targets: Value;
  readonly hyper: Value;
  /** Where the gradient goes, which may be the logits' own place; undefined for none. */
  readonly dlogits: Value | Scratch | undefined;
  readonly scale: number;
  /** Rows that there are targets for. */
  readonly rows: number;
  readonly first: number;
  /** What is given beside the gradient, where that is a tensor of its own. */
  readonly made?: Made | undefined;
}

/** The dispatch of {@link LossRows}; `alone` as in `teamsFor`. */
export function lowerLosses(
  { logits, dlogits, scale, rows: targets, first: start, made = NOTHING, ...bind }: LossRows,
  alone: boolean,
): Dispatch {
  const { type } = logits;
  const inPlace = dlogits === logits;
  return teamDispatch(
    {
      kernel: 'loss/cross-entropy-forward',
      bind: { logits, ...bind, ...(inPlace ? {} : { dlogits }) },
      touches: Object.fromEntries(['targets', 'losses', 'lse', 'nll'].map((name) => [name, rowsOf(type)])),
      sizes: { targets, first: start, scale },
      overrides: { GRADIENT: dlogits !== undefined },
      template: { LOGITS: inPlace ? 'in-place' : 'apart' },
    },
    type,
    made,
    alone,
  );
}
