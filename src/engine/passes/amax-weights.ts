import { amaxPlaces, amaxTensors } from '../../ops/amax-tensors.ts';
import type { AmaxAt } from '../../ops/amax.ts';
import { addOp } from '../../ops/op.ts';
import { opOf } from '../../ops/table.ts';
import { at } from '../../base/shape.ts';
import { first } from '../../graph/graph.ts';
import type { Node, Value } from '../../graph/types.ts';
import type { Rewriting, Rule } from '../rewrite.ts';

const KINDS = ['all', 'finite'] as const;

/**
 * amax(w) of several tensors of a state, each read by casts or followed by delayed scaling: one dispatch finds them all. What read one of them
 * is told where it lies among the others.
 */
export const amaxWeights: Rule = {
  name: 'amax-weights',
  makes: 'amax_tensors',
  stage: 'whole',
  apply(node, rewriting) {
    if (node.op === 'state') return findTogether(node, rewriting);
    if (node.op === 'pack') return packTogether(node, rewriting);
    const reads = node.op === 'quantize' || node.op === 'record_amax';
    const amaxAt = reads ? placesRead(node, rewriting) : undefined;
    if (amaxAt === undefined) return false;
    const { g, get, replace } = rewriting;
    const outputs = addOp(g, node.op, opOf(node.op), node.inputs.map(get), { ...node.attrs, amaxAt }, node.name);
    for (const [i, output] of node.outputs.entries()) replace(output, at(outputs, i));
    return true;
  },
};

/** The tensors of a state whose amaxes of one kind are found in nodes of their own, two or more, with those amaxes. */
function amaxesOf(
  state: Node,
  of: (typeof KINDS)[number],
  rewriting: Rewriting,
): readonly { readonly tensor: Value; readonly amaxes: readonly Value[] }[] {
  const found = state.outputs.slice(1).flatMap((tensor) => {
    const nodes = rewriting
      .readers(tensor)
      .filter(
        (node) => node.op === 'amax' && node.attrs['of'] === of && node.phase === state.phase && canBeTold(node, rewriting),
      );
    return nodes.length === 0 ? [] : [{ tensor, amaxes: nodes.map(({ outputs }) => first(outputs)) }];
  });
  // Nothing reads a state that has changed, so the amaxes may be found as soon as it is there.
  return found.length < 2 ? [] : found;
}

/** Whether all that reads an amax can be told where it lies among others. */
function canBeTold(amax: Node, { readers }: Rewriting): boolean {
  const isRecorded = (pack: Node): boolean => readers(first(pack.outputs)).every(({ op }) => op === 'record_amax');
  return readers(first(amax.outputs)).every((node) => node.op === 'quantize' || (node.op === 'pack' && isRecorded(node)));
}

function findTogether(state: Node, rewriting: Rewriting): boolean {
  const { g, replace } = rewriting;
  const kinds = KINDS.flatMap((of) => {
    const found = amaxesOf(state, of, rewriting);
    return found.length === 0 ? [] : [{ of, found }];
  });
  if (kinds.length === 0) return false;
  const types = state.outputs.map(({ type }) => type);
  const copies = g.add('state', [], state.attrs, types, state.name);
  for (const [i, output] of state.outputs.entries()) replace(output, at(copies, i));
  for (const { of, found } of kinds) {
    const tensors = found.map(({ tensor }) => tensor.index - 1);
    const together = amaxTensors(g, first(copies), { of, tensors }, state.name);
    for (const { amaxes } of found) for (const value of amaxes) replace(value, together);
  }
  return true;
}

/** Where a value of the old graph lies among the amaxes that are found together; undefined for one that is not. */
function placeOf(value: Value, rewriting: Rewriting): AmaxAt | undefined {
  const [tensor] = value.node.inputs;
  const of = KINDS.find((kind) => kind === value.node.attrs['of']);
  if (value.node.op !== 'amax' || tensor?.node.op !== 'state' || of === undefined) return undefined;
  const found = amaxesOf(tensor.node, of, rewriting);
  const place = found.findIndex(({ amaxes }) => amaxes.includes(value));
  return amaxPlaces(found.map((one) => one.tensor.type))[place];
}

/** A pack has what is found together once. */
function packTogether(pack: Node, rewriting: Rewriting): boolean {
  if (pack.inputs.every((value) => placeOf(value, rewriting) === undefined)) return false;
  const { g, get, replace } = rewriting;
  replace(first(pack.outputs), g.pack([...new Set(pack.inputs.map(get))], pack.name));
  return true;
}

/** Attribute `amaxAt` of what reads an amax that is found with others: of a cast its place, of `record_amax` three numbers a tensor. */
function placesRead(node: Node, rewriting: Rewriting): readonly number[] | undefined {
  if (node.op === 'quantize') {
    const places = node.inputs.slice(1).flatMap((value) => placeOf(value, rewriting) ?? []);
    return places.length === 0 ? undefined : places;
  }
  const old = node.inputs[0]?.node.inputs ?? [];
  const members = [...new Set(old.map(rewriting.get))];
  const places = old.map((value) => placeOf(value, rewriting));
  if (places.every((place) => place === undefined)) return undefined;
  return old.flatMap((value, i) => {
    const [start, count] = places[i] ?? [0, value.type.shape[0] ?? 1];
    return [members.indexOf(rewriting.get(value)), start, count];
  });
}
