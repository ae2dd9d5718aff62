import type { Node, Value } from '../../graph/types.ts';
import { attentionOps } from '../../ops/attention.ts';
import { addOp, flagAttr, numberAttr } from '../../ops/op.ts';
import type { Rewriting, Rule } from '../rewrite.ts';

/** What lies between qkv and an attention that reads it: qk_norm, rope, or one after the other. */
interface Preparation {
  readonly qkv: Value;
  readonly norm?: Node;
  readonly turn?: Node;
}

/**
 * attention(rope(qk_norm(qkv))), either of the two absent, with its backward pass: what is kept between forward and backward is qkv alone.
 * After tensors are cast, so that one that a recipe casts on the way stays where it is.
 */
export const attentionQk: Rule = {
  name: 'attention-qk',
  // Attention itself is of the rule `attention`, without which this one finds nothing: what fails its check is switched off there.
  makes: 'attention_backward',
  stage: 'whole',
  apply(node, rewriting) {
    if (node.op === 'attention') return forward(node, rewriting);
    return node.op === 'attention_backward' && backward(node, rewriting);
  },
};

function forward(node: Node, rewriting: Rewriting): boolean {
  const { g, get, readers, replace } = rewriting;
  const preparation = preparationOf(node.inputs[0], node);
  const x = node.inputs[0];
  if (preparation === undefined || x === undefined) return false;
  // Whoever else reads the prepared rows keeps them in memory anyway.
  if (!readers(x).every((reader) => reader === node || chainOf(reader, rewriting) !== undefined)) return false;
  const inputs = [preparation.qkv, ...gainsOf(preparation)].map(get);
  replaceAll(node.outputs, addOp(g, 'attention', attentionOps.attention, inputs, attrsOf(node, preparation), node.name), replace);
  return true;
}

function backward(node: Node, rewriting: Rewriting): boolean {
  const chain = chainOf(node, rewriting);
  if (chain === undefined) return false;
  const { g, get, replace } = rewriting;
  const { preparation, gradients } = chain;
  const [dout, , ...rest] = node.inputs;
  if (dout === undefined) return false;
  const inputs = [dout, preparation.qkv, ...rest, ...gainsOf(preparation)].map(get);
  const attrs = attrsOf(node, preparation);
  replaceAll(gradients, addOp(g, 'attention_backward', attentionOps.attention_backward, inputs, attrs, node.name), replace);
  return true;
}

function replaceAll(from: readonly Value[], to: readonly Value[], replace: Rewriting['replace']): void {
  for (const [i, value] of from.entries()) {
    const copy = to[i];
    if (copy !== undefined) replace(value, copy);
  }
}

/** How `value` was prepared for `node`; undefined where it was not, or not for the heads that `node` has. */
function preparationOf(value: Value | undefined, node: Node): Preparation | undefined {
  if (value === undefined || flagAttr(node, 'qkNorm') || numberAttr(node, 'base') !== 0) return undefined;
  const turn = value.node.op === 'rope' ? value.node : undefined;
  if (turn !== undefined && !isTurn(turn, node, false)) return undefined;
  const between = turn === undefined ? value : turn.inputs[0];
  const norm = between?.node.op === 'qk_norm' && between.index === 0 ? between.node : undefined;
  if (norm !== undefined && !['heads', 'kvHeads', 'headSize'].every((key) => norm.attrs[key] === node.attrs[key]))
    return undefined;
  const qkv = norm === undefined ? between : norm.inputs[0];
  if (qkv === undefined || (norm === undefined && turn === undefined)) return undefined;
  return { qkv, ...(norm === undefined ? {} : { norm }), ...(turn === undefined ? {} : { turn }) };
}

/** Whether a rope turns the queries and keys of `node`, and those alone. */
function isTurn(turn: Node, node: Node, inverse: boolean): boolean {
  const heads = numberAttr(node, 'heads') + numberAttr(node, 'kvHeads');
  return (
    flagAttr(turn, 'inverse') === inverse && turn.attrs['heads'] === heads && turn.attrs['headSize'] === node.attrs['headSize']
  );
}

/** An attention_backward over prepared rows whose gradient is read by nothing but what takes it back: the gradients of qkv and of the gains. */
function chainOf(
  node: Node,
  { readers }: Rewriting,
): { readonly preparation: Preparation; readonly gradients: readonly Value[] } | undefined {
  if (node.op !== 'attention_backward') return undefined;
  const preparation = preparationOf(node.inputs[1], node);
  let gradient = node.outputs[0];
  if (preparation === undefined || gradient === undefined) return undefined;
  const { norm, turn } = preparation;
  if (turn !== undefined) {
    const [back, ...others] = readers(gradient);
    if (back?.op !== 'rope' || others.length > 0 || !isTurn(back, node, true) || back.attrs['base'] !== turn.attrs['base'])
      return undefined;
    gradient = back.outputs[0];
  }
  if (gradient === undefined) return undefined;
  if (norm === undefined) return { preparation, gradients: [gradient] };
  const [qkv, qgain, kgain] = norm.inputs;
  const rstd = norm.outputs[1];
  const back = readers(gradient);
  const through = back.find(({ op, inputs }) => op === 'qk_norm_backward' && same(inputs, [gradient, qkv, qgain, kgain, rstd]));
  const gains = back.find(({ op, inputs }) => op === 'qk_norm_param_backward' && same(inputs, [gradient, qkv, rstd]));
  if (back.length !== 2 || through === undefined || gains === undefined) return undefined;
  return { preparation, gradients: [...through.outputs, ...gains.outputs] };
}

function same(inputs: readonly Value[], wanted: readonly (Value | undefined)[]): boolean {
  return inputs.length === wanted.length && inputs.every((input, i) => input === wanted[i]);
}

function gainsOf({ norm }: Preparation): readonly Value[] {
  return norm?.inputs.slice(1) ?? [];
}

function attrsOf({ attrs }: Node, { norm, turn }: Preparation): Node['attrs'] {
  const eps = norm === undefined ? 0 : numberAttr(norm, 'eps');
  return { ...attrs, qkNorm: norm !== undefined, eps, base: turn === undefined ? 0 : numberAttr(turn, 'base') };
}
