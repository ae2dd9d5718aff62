import type { Node, Value } from '../../graph/types.ts';
import { matmulAccumulate } from '../../ops/matmul-accumulate.ts';
import { hasEpilogue, matmulOptions } from '../../ops/matmul.ts';
import { matmulView } from '../../ops/matmul-view.ts';
import { flagAttr } from '../../ops/op.ts';
import { accumulate } from '../../ops/optimizer.ts';
import type { Rewriting, Rule } from '../rewrite.ts';

/**
 * accumulate(pack(.., matmul(x, dy), ..)): each gradient of a weight is added to the sum of the step as its matmul stores it, and only
 * the others are packed and added afterwards.
 */
export const gradientAccumulation: Rule = {
  name: 'gradient-accumulation',
  makes: 'matmul_accumulate',
  stage: 'whole',
  apply(node, rewriting) {
    const { g, get, replace } = rewriting;
    if (node.op === 'pack') return summedBy(node, rewriting) !== undefined && node.inputs.some((x) => isMade(x, rewriting));
    if (node.op === 'accumulate') return addRest(node, rewriting);
    const [dw, sums] = node.outputs;
    const target = dw !== undefined && isMade(dw, rewriting) ? targetOf(dw, rewriting) : undefined;
    if (target === undefined) return false;
    const { a, b } = matmulView(node);
    const into = { acc: early(target.acc, rewriting), micro: early(target.micro, rewriting) };
    const made = matmulAccumulate(g, get(a), get(b), into, matmulOptions(node, get), node.name);
    if (sums !== undefined && made !== undefined) replace(sums, made);
    return true;
  },
};

/** What is left of the sum of a micro-batch: the gradients that no matmul adds by itself. */
function addRest(node: Node, rewriting: Rewriting): boolean {
  const { g, get } = rewriting;
  const [grads, acc, micro] = node.inputs;
  if (grads === undefined || acc === undefined || micro === undefined || summedBy(grads.node, rewriting) !== node) return false;
  const rest = grads.node.inputs.flatMap((x, part) => (isMade(x, rewriting) ? [] : [{ x, part }]));
  if (rest.length === grads.node.inputs.length) return false;
  if (rest.length > 0) {
    const pack = g.pack(
      rest.map(({ x }) => get(x)),
      grads.node.name,
    );
    accumulate(
      g,
      pack,
      get(acc),
      get(micro),
      rest.map(({ part }) => part),
      node.name,
    );
  }
  return true;
}

/** The node that adds a whole pack of gradients to the sum of a step, where it is all that reads the pack. */
function summedBy(pack: Node, { readers, uses }: Rewriting): Node | undefined {
  const value = pack.op === 'pack' ? pack.outputs[0] : undefined;
  const [sum] = value === undefined || uses(value) !== 1 ? [] : readers(value);
  if (sum?.op !== 'accumulate' || sum.inputs[0] !== value || sum.attrs['into'] !== undefined) return undefined;
  const acc = sum.inputs[1];
  return acc?.node.op === 'state' && acc.index === 0 ? sum : undefined;
}

/** Whether `dw` is one bare product of a matmul that goes nowhere but into the sum of a step. */
function isMade(dw: Value, rewriting: Rewriting): boolean {
  const { node, index } = dw;
  if (node.op !== 'matmul' || index !== 0 || hasEpilogue(node.attrs) || flagAttr(node, 'batched')) return false;
  return matmulView(node).parts.length === 0 && targetOf(dw, rewriting) !== undefined;
}

/** Where the sum of `value` over the micro-batches lies. */
function targetOf(value: Value, rewriting: Rewriting): { readonly acc: Value; readonly micro: Value } | undefined {
  const [pack] = rewriting.uses(value) === 1 ? rewriting.readers(value) : [];
  const [, sums, micro] = (pack === undefined ? undefined : summedBy(pack, rewriting))?.inputs ?? [];
  // The tensors of a state come after the pack of them.
  const acc = pack === undefined ? undefined : sums?.node.outputs[1 + pack.inputs.indexOf(value)];
  return acc === undefined || micro === undefined ? undefined : { acc, micro };
}

/** A state or an input, which has no inputs of its own, brought forward to where it is wanted. */
function early(value: Value, { g, get, replace }: Rewriting): Value {
  const { op, inputs, attrs, outputs, name } = value.node;
  if (get(value) !== value) return get(value);
  const types = outputs.map(({ type }) => type);
  for (const [i, copy] of g.add(op, inputs, attrs, types, name).entries()) {
    const output = outputs[i];
    if (output !== undefined) replace(output, copy);
  }
  return get(value);
}
