import { ShapeError } from '../base/errors.ts';
import { sameShape } from '../base/shape.ts';
import { first, nodeLabel } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import { f32 } from '../graph/types.ts';
import type { Node, Type, Value } from '../graph/types.ts';
import { HYPER_SIZE } from './hyper.ts';
import { FLAT_WORKGROUP, foldGrid } from './launch.ts';
import { rowVariants } from './norm.ts';
import { addOp, inputAt, outputAt, plainVariant, requireShape } from './op.ts';
import type { Dispatch, Op, Scratch, Unshaped } from './op.ts';
import { chunkCount, packTable, partsOf } from './pack-table.ts';

/** The Euclidean norm of everything in a pack: f32[1]. */
export function globalNorm(g: Graph, pack: Value, name?: string): Value {
  return first(addOp(g, 'global_norm', optimizerOps.global_norm, [pack], {}, name));
}

/** What AdamW reads and updates. All packs have the same parts. */
export interface AdamwInputs {
  readonly grads: Value;
  /** States that the step updates: weights, first and second moment. */
  readonly weights: Value;
  readonly m: Value;
  readonly v: Value;
  /** f32[1], the global norm of `grads`. */
  readonly norm: Value;
  /** f32[HYPER_SIZE]: learning rate, betas, eps, weight decay, clip and bias corrections of this step. */
  readonly hyper: Value;
}

/**
 * One step of AdamW over all parameters; `decay` has 1 for each part of the weights that decays, else 0. A norm that is not finite halts its
 * lane for good: weights and v stay those before the step, and every element of m becomes NaN, the mark of it, which a checkpoint keeps.
 */
export function adamw(g: Graph, inputs: AdamwInputs, decay: readonly number[], name?: string): void {
  const { grads, weights, m, v, norm, hyper } = inputs;
  addOp(g, 'adamw', optimizerOps.adamw, [grads, weights, m, v, norm, hyper], { decay }, name);
}

/** acc = (first ? 0 : acc) + scale grads, where micro f32[2] = [first, scale]: the sum of a step's micro-batches. */
export function accumulate(g: Graph, grads: Value, acc: Value, micro: Value, name?: string): void {
  addOp(g, 'accumulate', optimizerOps.accumulate, [grads, acc, micro], {}, name);
}

export const optimizerOps: Record<'global_norm' | 'adamw' | 'accumulate', Op> = {
  global_norm: {
    shape(node) {
      requireShape(node, inputAt(node, 0).type.dtype === 'f32', 'the pack is f32');
      return [f32(1)];
    },
    vjp: 'none',
    // `alone` leaves the sums of single threads to the last stage, which spares the barriers of all chunks.
    variants: rowVariants((node, alone) => {
      const [x, norm] = [inputAt(node, 0), outputAt(node, 0)];
      const workgroup = alone ? 16 : FLAT_WORKGROUP;
      const count = chunkCount(x.type) * (alone ? workgroup : 1);
      const partials: Scratch = { scratch: 'sums of squares', type: f32(count) };
      const threads = alone ? 4 : 256;
      return [
        overPack('optimizer/global-norm-squares', { x, partials }, x.type, { WORKGROUP: workgroup, TREE: !alone }),
        {
          kernel: 'optimizer/global-norm-root',
          bind: { terms: partials, norm },
          sizes: { count },
          overrides: { WORKGROUP: threads, TEAM: threads },
          grid: [1, 1, 1],
        },
      ];
    }),
  },

  adamw: {
    shape(node) {
      const [grads, norm, hyper] = [inputAt(node, 0).type, inputAt(node, 4).type, inputAt(node, 5).type];
      for (const i of [1, 2, 3]) requireShape(node, sameParts(grads, inputAt(node, i).type), 'the packs have other parts');
      requireShape(node, norm.dtype === 'f32' && sameShape(norm.shape, [1]), 'the norm is not f32[1]');
      requireShape(node, hyper.dtype === 'f32' && sameShape(hyper.shape, [HYPER_SIZE]), `hyper is not f32[${HYPER_SIZE}]`);
      const decay = decayOf(node);
      const parts = partsOf(grads).length;
      requireShape(node, decay.length === parts, `decay has ${decay.length} entries for ${parts} parts`);
      return [];
    },
    vjp: 'none',
    updates: [1, 2, 3],
    variants: plainVariant((node) => {
      const [grads, weights, m, v] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2), inputAt(node, 3)];
      const bind = { grads, weights, m, v, norm: inputAt(node, 4), hyper: inputAt(node, 5) };
      return [overPack('optimizer/adamw-update', bind, grads.type, { WORKGROUP: FLAT_WORKGROUP }, decayOf(node))];
    }),
  },

  accumulate: {
    shape(node) {
      const [grads, acc, micro] = [inputAt(node, 0).type, inputAt(node, 1).type, inputAt(node, 2).type];
      requireShape(node, sameParts(grads, acc), 'the packs have other parts');
      requireShape(node, micro.dtype === 'f32' && sameShape(micro.shape, [2]), 'micro is not f32[2]');
      return [];
    },
    vjp: 'none',
    updates: [1],
    variants: plainVariant((node: Node) => {
      const [grads, acc, micro] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2)];
      return [overPack('optimizer/accumulate-update', { grads, acc, micro }, grads.type, { WORKGROUP: FLAT_WORKGROUP })];
    }),
  },
};

function overPack(
  kernel: string,
  bind: Dispatch['bind'],
  type: Type,
  overrides: NonNullable<Dispatch['overrides']>,
  decay: readonly number[] = [],
): Dispatch {
  const chunks = chunkCount(type);
  return {
    kernel,
    bind,
    tables: { chunks: (lanes) => packTable(type, lanes, decay) },
    sizes: { chunks },
    overrides,
    grid: foldGrid(chunks),
  };
}

function sameParts(a: Type, b: Type): boolean {
  const [p, q] = [partsOf(a), partsOf(b)];
  return a.dtype === 'f32' && b.dtype === 'f32' && p.length === q.length && p.every((part, i) => sameShape(part, q[i] ?? []));
}

function decayOf(node: Unshaped): readonly number[] {
  const decay = node.attrs['decay'];
  if (typeof decay !== 'object' || decay.some((flag) => flag !== 0 && flag !== 1)) {
    throw new ShapeError({ where: nodeLabel(node), rule: 'decay is 0 or 1 for each part', got: JSON.stringify(decay) });
  }
  return decay;
}
