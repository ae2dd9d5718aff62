import { GraphError } from '../base/errors.ts';
import type { Graph } from '../graph/graph.ts';
import { u32 } from '../graph/types.ts';
import type { Type, Value } from '../graph/types.ts';
import { formatNamed } from '../numerics/format.ts';
import { amax, amaxParts } from './amax.ts';
import { attentionProducers } from './attention.ts';
import { crossEntropyProducers } from './cross-entropy.ts';
import { elementwiseProducers } from './elementwise.ts';
import { lastOf } from './launch.ts';
import { WITH_AMAX, WITH_CAST } from './made.ts';
import type { Producer } from './made.ts';
import { matmulProducers } from './matmul.ts';
import { normProducers } from './norm.ts';
import { addOp, requireShape, textAttr } from './op.ts';
import type { Op, Unshaped, Variant } from './op.ts';
import { castOf, castsAsStored, codeDtype, quantize, withoutCast } from './quantize.ts';
import type { CastAttrs } from './quantize.ts';
import { swigluProducers } from './swiglu.ts';

const PRODUCERS: ReadonlyMap<string, Producer> = new Map(
  Object.entries({
    ...normProducers,
    ...elementwiseProducers,
    ...swigluProducers,
    ...attentionProducers,
    ...crossEntropyProducers,
    ...matmulProducers,
  }),
);

/** A node as it is before it gives more. */
type Plain = Pick<Unshaped, 'op' | 'inputs' | 'attrs' | 'name'>;

/** The result of a node that {@link withAmax} and {@link withCast} are about, as the number of an output; undefined for ops that they do not know. */
export function producedBy(op: string): number | undefined {
  return PRODUCERS.get(op)?.result;
}

/**
 * What a node gives, and last the largest magnitudes of parts of its result, u32[P]: the parts of `amax`, or those that the op's kernels share
 * the result out in. NaN and Inf do not count where `of` is finite.
 */
export function withAmax(g: Graph, { op, inputs, attrs, name }: Plain, of: 'all' | 'finite'): readonly Value[] {
  return addOp(g, WITH_AMAX, producerOps.with_amax, inputs, { ...attrs, op, amax: of }, name);
}

/** What a node gives, its result as `quantize` and `dequantize` leave it, and last the codes. Only a cast that {@link castsAlong} says yes to. */
export function withCast(g: Graph, { op, inputs, attrs, name }: Plain, cast: CastAttrs): readonly Value[] {
  return addOp(g, WITH_CAST, producerOps.with_cast, inputs, { ...attrs, op, ...cast }, name);
}

/** Whether a node can tell the amax of its result, of type `made`. */
export function tellsAmax(node: Unshaped, made: Type): boolean {
  return PRODUCERS.has(node.op) && made.shape.length > 1;
}

/** Whether a node can cast its result, of type `made`, as it makes it. */
export function castsAlong(node: Unshaped, made: Type, cast: CastAttrs): boolean {
  const { casts = () => true } = PRODUCERS.get(node.op) ?? { casts: () => false };
  const columns = [made, ...node.inputs.slice(0, 1).map(({ type }) => type)].map(lastOf);
  const whole = made.shape.length > 1 && columns.every((length) => length % 4 === 0);
  return whole && castsAsStored(cast) && casts(node, cast);
}

/** The variant of a node that gives more, by the name of one of the producers' variants. */
function variantOf(node: Unshaped, name: string): Variant | undefined {
  return producerOf(node).variants.find((variant) => variant.name === name);
}

/** Those of all producers by name, each producer's in its own order, the plain one last. */
function variants(): readonly [Variant, ...Variant[]] {
  const named = (name: string): Variant => ({
    name,
    supports: (node, caps) => variantOf(node, name)?.supports(node, caps) === true,
    suits: (node, caps) => variantOf(node, name)?.suits?.(node, caps) !== false,
    lower: (node, caps) => variantOf(node, name)?.lower(node, caps) ?? [],
  });
  const names = new Set([...PRODUCERS.values()].flatMap((producer) => producer.variants.map(({ name }) => name)));
  names.delete('plain');
  const [first, ...others] = [...names, 'plain'].map(named);
  return first === undefined ? [named('plain')] : [first, ...others];
}

/** What ops that give more have of those whose results they make. They are made when gradients have been taken. */
const OF_PRODUCERS = {
  vjp: 'none',
  words: (node, input, i) => producerOf(node).op.words?.(bareOf(node), input, i) ?? 0,
  floats: (node, input, i) => producerOf(node).op.floats?.(bareOf(node), input, i),
  wraps: bareOf,
  variants: variants(),
} satisfies Partial<Op>;

export const producerOps: Record<typeof WITH_AMAX | typeof WITH_CAST, Op> = {
  with_amax: {
    shape(node) {
      const { types, made } = madeOf(node);
      const of = textAttr(node, 'amax');
      requireShape(node, of === 'all' || of === 'finite', `there is no amax of ${of} of what is made`);
      requireShape(node, made.shape.length > 1, 'what is made has no rows');
      const { parts = () => amaxParts(made).parts } = producerOf(node);
      return [...types, u32(parts(bareOf(node)))];
    },
    maxima(node) {
      const { result, parts } = producerOf(node);
      return { words: node.outputs.length - 1, of: result, folded: parts !== undefined };
    },
    plain(g, inputs, attrs) {
      const { outputs, made } = plainly(g, { id: g.nodes.length, op: WITH_AMAX, name: '', inputs, attrs });
      return [...outputs, amax(g, made, { of: attrs['amax'] === 'finite' ? 'finite' : 'all' })];
    },
    ...OF_PRODUCERS,
  },

  with_cast: {
    shape(node) {
      const { types, made } = madeOf(node);
      const cast = castOf(node);
      const can = castsAlong(bareOf(node), made, cast);
      requireShape(node, can, `what is made cannot be cast to ${cast.format} as it is made`);
      return [...types, { dtype: codeDtype(formatNamed(cast.format)), shape: made.shape }];
    },
    plain(g, inputs, attrs) {
      const node: Unshaped = { id: g.nodes.length, op: WITH_CAST, name: '', inputs, attrs };
      const { outputs, made } = plainly(g, node);
      const { codes, values } = quantize(g, made, { ...castOf(node), values: true }, {});
      return [...outputs.map((output) => (output === made && values !== undefined ? values : output)), codes];
    },
    ...OF_PRODUCERS,
  },
};

function producerOf(node: Unshaped): Producer {
  const op = textAttr(node, 'op');
  const producer = PRODUCERS.get(op);
  requireShape(node, producer !== undefined, `${op} gives nothing beside what it makes`);
  return producer;
}

/** The node without what it gives beside its result. */
function bareOf(node: Unshaped): Unshaped {
  const { op: _, amax: __, ...attrs } = withoutCast(node.attrs);
  return { ...node, op: textAttr(node, 'op'), attrs };
}

/** What the bare node gives: the types, and that of its result. */
function madeOf(node: Unshaped): { readonly types: readonly Type[]; readonly made: Type } {
  const { op, result } = producerOf(node);
  const types = op.shape(bareOf(node));
  const made = types[result];
  requireShape(node, made !== undefined, 'it makes nothing');
  return { types, made };
}

/** The bare node in a graph: what it gives, and its result. */
function plainly(g: Graph, node: Unshaped): { readonly outputs: readonly Value[]; readonly made: Value } {
  const { op: rules, result } = producerOf(node);
  const { op, attrs } = bareOf(node);
  const outputs = addOp(g, op, rules, node.inputs, attrs);
  const made = outputs[result];
  if (made === undefined) throw new GraphError({ where: node.op, rule: 'the node lacks an output' });
  return { outputs, made };
}
