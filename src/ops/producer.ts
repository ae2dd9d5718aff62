import { GraphError } from '../base/errors.ts';
import type { Graph } from '../graph/graph.ts';
import type { Attrs, Type, Value } from '../graph/types.ts';
import { formatNamed } from '../numerics/format.ts';
import { amax, amaxType } from './amax.ts';
import { elementwiseProducers } from './elementwise.ts';
import { lastOf } from './launch.ts';
import { WITH_AMAX, WITH_CAST } from './made.ts';
import type { Producer } from './made.ts';
import { normProducers, rowVariants } from './norm.ts';
import { addOp, requireShape, textAttr } from './op.ts';
import type { Op, Unshaped } from './op.ts';
import { castOf, castsAsStored, codeDtype, quantize, withoutCast } from './quantize.ts';
import type { CastAttrs } from './quantize.ts';
import { swigluProducers } from './swiglu.ts';

const PRODUCERS: ReadonlyMap<string, Producer> = new Map(
  Object.entries({ ...normProducers, ...elementwiseProducers, ...swigluProducers }),
);

/** A node as it is before it gives more. */
type Plain = Pick<Unshaped, 'op' | 'inputs' | 'attrs' | 'name'>;

/** The result of a node that {@link withAmax} and {@link withCast} are about, as the number of an output; undefined for ops that they do not know. */
export function producedBy(op: string): number | undefined {
  return PRODUCERS.get(op)?.result;
}

/** What a node gives, and last the amax of its result as `amax` gives it: u32[P]. NaN and Inf do not count where `of` is finite. */
export function withAmax(g: Graph, { op, inputs, attrs, name }: Plain, of: 'all' | 'finite'): readonly Value[] {
  return addOp(g, WITH_AMAX, producerOps.with_amax, inputs, { ...attrs, op, amax: of }, name);
}

/** What a node gives, its result as `quantize` and `dequantize` leave it, and last the codes. Only a cast that {@link castsAlong} says yes to. */
export function withCast(g: Graph, { op, inputs, attrs, name }: Plain, cast: CastAttrs): readonly Value[] {
  return addOp(g, WITH_CAST, producerOps.with_cast, inputs, { ...attrs, op, ...cast }, name);
}

/** Whether a node can cast its result as it makes it. */
export function castsAlong({ op, inputs }: Plain, made: Type, cast: CastAttrs): boolean {
  const columns = [made, ...inputs.slice(0, 1).map(({ type }) => type)].map(lastOf);
  const whole = made.shape.length > 1 && columns.every((length) => length % 4 === 0);
  return PRODUCERS.has(op) && whole && castsAsStored(cast);
}

export const producerOps: Record<typeof WITH_AMAX | typeof WITH_CAST, Op> = {
  with_amax: {
    shape(node) {
      const { types, made } = madeOf(node);
      const of = textAttr(node, 'amax');
      requireShape(node, of === 'all' || of === 'finite', `there is no amax of ${of} of what is made`);
      requireShape(node, made.shape.length > 1, 'what is made has no rows');
      return [...types, amaxType(made)];
    },
    // Both are made when gradients have been taken.
    vjp: 'none',
    plain(g, inputs, attrs) {
      const { outputs, made } = plainly(g, { id: g.nodes.length, op: WITH_AMAX, name: '', inputs, attrs });
      return [...outputs, amax(g, made, { of: attrs['amax'] === 'finite' ? 'finite' : 'all' })];
    },
    wraps: bareOf,
    variants: rowVariants((node, alone) => producerOf(node).lower(node, alone)),
  },

  with_cast: {
    shape(node) {
      const { types, made } = madeOf(node);
      const { attrs } = bareOf(node);
      const cast = castOf(node);
      const can = castsAlong({ ...node, op: textAttr(node, 'op'), attrs }, made, cast);
      requireShape(node, can, `what is made cannot be cast to ${cast.format} as it is made`);
      return [...types, { dtype: codeDtype(formatNamed(cast.format)), shape: made.shape }];
    },
    vjp: 'none',
    plain(g, inputs, attrs) {
      const node: Unshaped = { id: g.nodes.length, op: WITH_CAST, name: '', inputs, attrs };
      const { outputs, made } = plainly(g, node);
      const { codes, values } = quantize(g, made, { ...castOf(node), values: true }, {});
      return [...outputs.map((output) => (output === made && values !== undefined ? values : output)), codes];
    },
    wraps: bareOf,
    variants: rowVariants((node, alone) => producerOf(node).lower(node, alone)),
  },
};

function producerOf(node: Unshaped): Producer {
  const op = textAttr(node, 'op');
  const producer = PRODUCERS.get(op);
  requireShape(node, producer !== undefined, `${op} gives nothing beside what it makes`);
  return producer;
}

/** The node without what it gives beside its result. */
function bareOf(node: Unshaped): { readonly op: string; readonly attrs: Attrs } {
  const { op: _, amax: __, ...attrs } = withoutCast(node.attrs);
  return { op: textAttr(node, 'op'), attrs };
}

/** What the bare node gives: the types, and that of its result. */
function madeOf(node: Unshaped): { readonly types: readonly Type[]; readonly made: Type } {
  const { op, result } = producerOf(node);
  const types = op.shape(node);
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
