import { sameShape, sizeOf } from '../base/shape.ts';
import type { Graph } from '../graph/graph.ts';
import { packLayout } from '../graph/pack.ts';
import type { Node, Type, Value } from '../graph/types.ts';
import { bitsOf, formatNamed } from '../numerics/index.ts';
import { foldGrid } from './launch.ts';
import { addOp, flagAttr, inputAt, numberAttr, requireShape, textAttr } from './op.ts';
import type { Dispatch, Op, Unshaped } from './op.ts';
import { partsOf } from './pack-table.ts';

/**
 * Delayed scaling (TransformerEngine) of several tensors at once: a ring of the amax of the last steps of each, and a scale for the next
 * step made of it. The states of `numerics/scale.ts`, except that the history is a ring: step s, from 0, is at s modulo its length.
 *
 * Packs have one part a tensor, in the same order. `draw` is u32[2], the second word the number of the micro-batch since the run began.
 */

/**
 * Puts the amax of a micro-batch, a pack of u32[P] parts as `amax` gives them, into history, a state of f32[length] parts: the largest of
 * a step's. Attribute `amaxAt`, where parts have the amaxes of several tensors: of each tensor the part, the first word of it, and the words.
 */
export function recordAmax(
  g: Graph,
  { amaxes, history, draw }: { amaxes: Value; history: Value; draw: Value },
  attrs: { microBatches: number },
  name?: string,
): void {
  addOp(g, 'record_amax', delayedScaleOps.record_amax, [amaxes, history, draw], attrs, name);
}

export interface DelayedScaleAttrs {
  /** Names of the tensors' formats, a space between. */
  readonly formats: string;
  /** Whether the largest amax of the history counts, or that of the step alone. */
  readonly algo: 'max' | 'most_recent';
  readonly margin: number;
  readonly powerOfTwo: boolean;
  readonly microBatches: number;
}

/** Sets scales, a state of f32[1] parts, for the next step; an amax of 0 or one that is not finite keeps the scale. */
export function delayedScale(
  g: Graph,
  { history, scales, draw }: { history: Value; scales: Value; draw: Value },
  attrs: DelayedScaleAttrs,
  name?: string,
): void {
  addOp(g, 'delayed_scale', delayedScaleOps.delayed_scale, [history, scales, draw], { ...attrs }, name);
}

export const delayedScaleOps: Record<'record_amax' | 'delayed_scale', Op> = {
  record_amax: {
    shape(node) {
      const [amaxes, history] = [inputAt(node, 0).type, inputAt(node, 1).type];
      requireShape(node, amaxes.dtype === 'u32', 'the amaxes are u32');
      requireHistory(node, history, amaxPlacesOf(node).length);
      requireDraw(node);
      return [];
    },
    vjp: 'none',
    updates: [1],
    exact: true,
    positive: [1],
    // The second micro-batch of a step, where it has two.
    words: (_, __, i) => (i === 1 ? 1 : 7),
    variants: [
      { name: 'narrow', supports: (_, caps) => caps.software, lower: (node) => [lowerRecord(node, 4)] },
      { name: 'plain', supports: () => true, lower: (node) => [lowerRecord(node, 64)] },
    ],
  },

  delayed_scale: {
    shape(node) {
      const [history, scales] = [inputAt(node, 0).type, inputAt(node, 1).type];
      const formats = formatsOf(node);
      requireHistory(node, history, formats.length);
      const fits = scales.dtype === 'f32' && partsOf(scales).length === formats.length;
      requireShape(node, fits && partsOf(scales).every((part) => sameShape(part, [1])), 'the scales are not one f32 a tensor');
      const algo = textAttr(node, 'algo');
      requireShape(node, algo === 'max' || algo === 'most_recent', `there is no amax algorithm ${algo}`);
      requireShape(node, numberAttr(node, 'margin') >= 0, 'the margin is negative');
      flagAttr(node, 'powerOfTwo');
      requireDraw(node);
      return [];
    },
    vjp: 'none',
    updates: [1],
    exact: true,
    positive: [0, 1],
    // The last micro-batch of a step, which sets the scales.
    words: (node, _, i) => (i === 1 ? numberAttr(node, 'microBatches') - 1 : 7),
    variants: [
      // Four threads are one SIMD group of the software adapter: their barriers cost nothing.
      { name: 'narrow', supports: (_, caps) => caps.software, lower: (node) => [lowerDelayedScale(node, 4)] },
      { name: 'plain', supports: () => true, lower: (node) => [lowerDelayedScale(node, 64)] },
    ],
  },
};

/** Of each tensor the part of the pack that has its amaxes, the first word of it, and the words. */
function amaxPlacesOf(node: Unshaped): readonly (readonly [part: number, first: number, count: number])[] {
  const parts = partsOf(inputAt(node, 0).type).map(sizeOf);
  const { amaxAt } = node.attrs;
  if (amaxAt === undefined) return parts.map((size, i) => [i, 0, size]);
  requireShape(node, typeof amaxAt === 'object' && amaxAt.length % 3 === 0, 'attribute amaxAt is not three numbers a tensor');
  return Array.from({ length: amaxAt.length / 3 }, (_, t) => {
    const [part = 0, first = 0, count = 0] = amaxAt.slice(3 * t, 3 * t + 3);
    requireShape(
      node,
      [part, first].every((place) => Number.isInteger(place) && place >= 0) && count > 0 && first + count <= (parts[part] ?? 0),
      `part ${part} has no words ${first} to ${first + count}`,
    );
    return [part, first, count];
  });
}

function lowerRecord(node: Node, threads: number): Dispatch {
  const [amaxes, history, draw] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2)];
  const rest = (lanes: number): readonly (readonly number[])[] => {
    const { offsets } = packLayout(amaxes.type, lanes);
    const sizes = partsOf(amaxes.type).map(sizeOf);
    return amaxPlacesOf(node).map(([part, first, count]) => [(offsets[part] ?? 0) + first, count, sizes[part] ?? 0]);
  };
  return {
    kernel: 'numerics/record-amax-update',
    bind: { amaxes, history, draw },
    tables: { tensors: (lanes) => tensorTable(history.type, lanes, rest(lanes)) },
    sizes: sizesOf(node, history.type),
    overrides: { WORKGROUP: threads },
    grid: foldGrid(partsOf(history.type).length),
  };
}

function lowerDelayedScale(node: Node, threads: number): Dispatch {
  const [history, scales, draw] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2)];
  const rest = (lanes: number): readonly (readonly number[])[] => {
    const { offsets } = packLayout(scales.type, lanes);
    return formatsOf(node).map((name, i) => [offsets[i] ?? 0, bitsOf(formatNamed(name).maxValue)]);
  };
  return {
    kernel: 'numerics/delayed-scale-update',
    bind: { history, scales, draw },
    tables: { tensors: (lanes) => tensorTable(history.type, lanes, rest(lanes)) },
    sizes: {
      ...sizesOf(node, history.type),
      most_recent: textAttr(node, 'algo') === 'most_recent' ? 1 : 0,
      shrink: bitsOf(2 ** -numberAttr(node, 'margin')),
      power_of_two: flagAttr(node, 'powerOfTwo') ? 1 : 0,
    },
    overrides: { WORKGROUP: threads },
    grid: foldGrid(partsOf(history.type).length),
  };
}

/** The words of each tensor: where its history begins in lane 0, the history's length, and those of `rest`. */
function tensorTable(history: Type, lanes: number, rest: readonly (readonly number[])[]): Uint32Array {
  const { offsets } = packLayout(history, lanes);
  const parts = partsOf(history);
  return Uint32Array.from(rest.flatMap((words, i) => [offsets[i] ?? 0, parts[i]?.[0] ?? 0, ...words]));
}

function sizesOf(node: Node, history: Type): Dispatch['sizes'] {
  return { tensors: partsOf(history).length, micro_batches: numberAttr(node, 'microBatches') };
}

function formatsOf(node: Unshaped): readonly string[] {
  return textAttr(node, 'formats').split(' ');
}

function requireHistory(node: Unshaped, history: Type, tensors: number): void {
  const parts = partsOf(history);
  requireShape(node, history.dtype === 'f32' && parts.length === tensors, 'the history has not one part a tensor');
  requireShape(
    node,
    parts.every((part) => part.length === 1),
    'a history has one dimension',
  );
  requireShape(node, numberAttr(node, 'microBatches') >= 1, 'a step has no micro-batch');
}

function requireDraw(node: Unshaped): void {
  const draw = inputAt(node, 2).type;
  requireShape(node, draw.dtype === 'u32' && sameShape(draw.shape, [2]), 'draw is not u32[2]');
}
