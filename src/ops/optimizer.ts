import { ShapeError } from '../base/errors.ts';
import { STREAM } from '../base/random.ts';
import { sameShape, sizeOf } from '../base/shape.ts';
import { first, nodeLabel } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import { packLayout } from '../graph/pack.ts';
import { f32 } from '../graph/types.ts';
import type { Attrs, Node, Type, Value } from '../graph/types.ts';
import { HYPER_SIZE } from './hyper.ts';
import { FLAT_WORKGROUP, foldGrid } from './launch.ts';
import { addOp, flagAttr, inputAt, outputAt, plainVariant, requireShape, rowVariants } from './op.ts';
import type { Dispatch, Op, Scratch, Unshaped } from './op.ts';
import { CHUNK, chunkCount, packTable, partsOf } from './pack-table.ts';
import { roundAttrs, roundOverrides, roundState } from './round-state.ts';
import type { RoundStateAttrs } from './round-state.ts';

/** The Euclidean norm of everything in a pack: f32[1]. */
export function globalNorm(g: Graph, pack: Value, name?: string): Value {
  return first(addOp(g, 'global_norm', optimizerOps.global_norm, [pack], {}, name));
}

/** Gradients whose global norm is at most the clip in `hyper`; as they are where that is 0. */
export function clipGrads(g: Graph, grads: Value, norm: Value, hyper: Value, name?: string): Value {
  return first(addOp(g, 'clip_grads', optimizerOps.clip_grads, [grads, norm, hyper], {}, name));
}

/** Decoupled weight decay of the parts that `decay` has 1 for, but of none that AdamW, with the same `m` and `norm`, is to leave alone. */
export function decayWeights(
  g: Graph,
  { weights, m, norm, hyper }: Pick<AdamwInputs, 'weights' | 'm' | 'norm' | 'hyper'>,
  decay: readonly number[],
  name?: string,
): void {
  addOp(g, 'decay_weights', optimizerOps.decay_weights, [weights, m, norm, hyper], { decay }, name);
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

/** What the pass of AdamW does besides. */
export interface AdamwPass {
  /** Clips gradients as `clipGrads` does. */
  readonly clips?: boolean;
  /** Decays weights as `decayWeights` does: 1 for each part that decays, else 0. */
  readonly decay?: readonly number[];
  /** Rounds weights as `roundState` does, without a scale. */
  readonly round?: RoundStateAttrs;
  /** u32[2], where `round` is stochastic. */
  readonly draw?: Value;
}

/**
 * One step of AdamW over all parameters. A norm that is not finite halts its
 * lane for good: weights and v stay those before the step, and every element of m becomes NaN, the mark of it, which a checkpoint keeps.
 */
export function adamw(g: Graph, inputs: AdamwInputs, pass: AdamwPass = {}, name?: string): void {
  const { grads, weights, m, v, norm, hyper } = inputs;
  const { clips = false, decay = [], round, draw } = pass;
  const drawn = round?.rounding === 'stochastic' && draw !== undefined ? [draw] : [];
  const rounds =
    round === undefined ? {} : Object.fromEntries(Object.entries(round).map(([key, value]) => [`round.${key}`, value]));
  addOp(g, 'adamw', optimizerOps.adamw, [grads, weights, m, v, norm, hyper, ...drawn], { clips, decay, ...rounds }, name);
}

/**
 * acc = (first ? 0 : acc) + scale grads, where micro f32[2] = [first, scale]: the sum of a step's micro-batches. Packs, or a tensor each;
 * where acc has more parts than grads, `into` says for each part of grads which of them it goes to.
 */
export function accumulate(g: Graph, grads: Value, acc: Value, micro: Value, into: readonly number[] = [], name?: string): void {
  const attrs = into.length === 0 ? {} : { into };
  addOp(g, 'accumulate', optimizerOps.accumulate, [grads, acc, micro], attrs, name);
}

export const optimizerOps: Record<'global_norm' | 'clip_grads' | 'decay_weights' | 'adamw' | 'accumulate', Op> = {
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
      requireDecay(node, grads);
      const round = roundOf(node);
      requireShape(node, round?.scaling !== 'current', 'a tensor is scaled by its own amax in a pass of its own');
      if (round?.rounding === 'stochastic') {
        const draw = inputAt(node, 6).type;
        requireShape(node, draw.dtype === 'u32' && sameShape(draw.shape, [2]), 'draw is not u32[2]');
      }
      return [];
    },
    vjp: 'none',
    updates: [1, 2, 3],
    words: (_, __, i) => 7 + i,
    positive: [3],
    // A norm above the clip, and scalars that keep roots real.
    floats: (_, input) => (input === 4 ? 2 : input === 5 ? 0.5 : undefined),
    plain(g: Graph, inputs: readonly Value[], attrs: Attrs) {
      const node: Unshaped = { id: g.nodes.length, op: 'adamw', name: 'plain', inputs, attrs };
      const [grads, weights, m, v] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2), inputAt(node, 3)];
      const [norm, hyper, draw] = [inputAt(node, 4), inputAt(node, 5), inputs[6]];
      const clipped = flagAttr(node, 'clips') ? clipGrads(g, grads, norm, hyper) : grads;
      const decay = decayOf(node);
      if (decay.length > 0) decayWeights(g, { weights, m, norm, hyper }, decay);
      adamw(g, { grads: clipped, weights, m, v, norm, hyper });
      const round = roundOf(node);
      if (round !== undefined) roundState(g, weights, round, draw);
      return [];
    },
    variants: plainVariant((node) => {
      const [grads, weights, m, v] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2), inputAt(node, 3)];
      const bind = { grads, weights, m, v, norm: inputAt(node, 4), hyper: inputAt(node, 5), draw: node.inputs[6] };
      const decay = decayOf(node);
      const round = roundOf(node);
      const overrides = {
        WORKGROUP: FLAT_WORKGROUP,
        CLIPS: flagAttr(node, 'clips'),
        DECAYS: decay.length > 0,
        ROUND: round !== undefined,
        ...(round === undefined ? {} : roundOverrides(round)),
      };
      const pass = overPack('optimizer/adamw-update', bind, grads.type, overrides, decay);
      return [{ ...pass, sizes: { ...pass.sizes, tensor: round?.tensor ?? 0, stream: STREAM.rounding } }];
    }),
  },

  clip_grads: {
    shape(node) {
      const [grads, norm, hyper] = [inputAt(node, 0).type, inputAt(node, 1).type, inputAt(node, 2).type];
      requireShape(node, grads.dtype === 'f32', 'the pack is f32');
      requireShape(node, norm.dtype === 'f32' && sameShape(norm.shape, [1]), 'the norm is not f32[1]');
      requireShape(node, hyper.dtype === 'f32' && sameShape(hyper.shape, [HYPER_SIZE]), `hyper is not f32[${HYPER_SIZE}]`);
      return [grads];
    },
    vjp: 'none',
    variants: plainVariant((node) => {
      const [grads, norm, hyper, y] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2), outputAt(node, 0)];
      return [overPack('optimizer/clip-forward', { grads, norm, hyper, y }, grads.type, { WORKGROUP: FLAT_WORKGROUP })];
    }),
  },

  decay_weights: {
    shape(node) {
      const [weights, m] = [inputAt(node, 0).type, inputAt(node, 1).type];
      requireShape(node, sameParts(weights, m), 'the packs have other parts');
      requireDecay(node, weights);
      return [];
    },
    vjp: 'none',
    updates: [0],
    variants: plainVariant((node) => {
      const [weights, m, norm, hyper] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2), inputAt(node, 3)];
      const bind = { weights, m, norm, hyper };
      return [overPack('optimizer/decay-update', bind, weights.type, { WORKGROUP: FLAT_WORKGROUP }, decayOf(node))];
    }),
  },

  accumulate: {
    shape(node) {
      const [grads, acc, micro] = [inputAt(node, 0).type, inputAt(node, 1).type, inputAt(node, 2).type];
      const into = targetsOf(node);
      const targets = into.map((part) => partsOf(acc)[part]);
      requireShape(node, new Set(into).size === into.length, 'two parts of the gradients go to one of the sum');
      requireShape(node, acc.dtype === 'f32' && hasParts(grads, targets), 'the packs have other parts');
      requireShape(node, micro.dtype === 'f32' && sameShape(micro.shape, [2]), 'micro is not f32[2]');
      return [];
    },
    vjp: 'none',
    updates: [1],
    variants: plainVariant((node: Node) => {
      const [grads, acc, micro] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2)];
      const pass = overPack('optimizer/accumulate-update', { grads, acc, micro }, grads.type, { WORKGROUP: FLAT_WORKGROUP });
      const targets = (lanes: number): Uint32Array => chunkStarts(acc.type, targetsOf(node), lanes);
      const elements = partsOf(grads.type).reduce((sum, part) => sum + sizeOf(part), 0);
      return [{ ...pass, tables: { ...pass.tables, targets }, touches: { acc: elements } }];
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
  return b.dtype === 'f32' && hasParts(a, partsOf(b));
}

function hasParts(pack: Type, parts: readonly (readonly number[] | undefined)[]): boolean {
  const own = partsOf(pack);
  const areSame = own.every((part, i) => {
    const other = parts[i];
    return other !== undefined && sameShape(part, other);
  });
  return pack.dtype === 'f32' && own.length === parts.length && areSame;
}

/** The part of the sum that each part of the gradients goes to. */
function targetsOf(node: Unshaped): readonly number[] {
  const { into } = node.attrs;
  return typeof into === 'object' ? into : partsOf(inputAt(node, 1).type).map((_, part) => part);
}

/** Where the chunks of some parts of a pack begin in lane 0, in words. */
function chunkStarts(pack: Type, parts: readonly number[], lanes: number): Uint32Array {
  const { offsets } = packLayout(pack, lanes);
  const starts = parts.flatMap((part) => {
    const chunks = Math.ceil(sizeOf(partsOf(pack)[part] ?? [0]) / CHUNK);
    return Array.from({ length: chunks }, (_, i) => (offsets[part] ?? 0) + i * CHUNK);
  });
  return Uint32Array.from(starts);
}

/** How the weights are rounded in the same pass; undefined where they are not. */
function roundOf(node: Unshaped): RoundStateAttrs | undefined {
  if (node.attrs['round.format'] === undefined) return undefined;
  const own = Object.entries(node.attrs).filter(([key]) => key.startsWith('round.'));
  return roundAttrs({ ...node, attrs: Object.fromEntries(own.map(([key, value]) => [key.slice('round.'.length), value])) });
}

function requireDecay(node: Unshaped, pack: Type): void {
  const decay = decayOf(node);
  const parts = partsOf(pack).length;
  requireShape(node, decay.length === 0 || decay.length === parts, `decay has ${decay.length} entries for ${parts} parts`);
}

function decayOf(node: Unshaped): readonly number[] {
  const decay = node.attrs['decay'];
  if (typeof decay !== 'object' || decay.some((flag) => flag !== 0 && flag !== 1)) {
    throw new ShapeError({ where: nodeLabel(node), rule: 'decay is 0 or 1 for each part', got: JSON.stringify(decay) });
  }
  return decay;
}
