import { castsProduct, matmulCast } from '../../ops/matmul-cast.ts';
import { matmulNode, matmulOptions } from '../../ops/matmul.ts';
import { matmulView } from '../../ops/matmul-view.ts';
import type { Codes } from '../../ops/matmul-view.ts';
import { addOp, flagAttr, numberAttr } from '../../ops/op.ts';
import { castsAlong, producedBy, tellsAmax, withAmax, withCast } from '../../ops/producer.ts';
import { castOf, quantizeOps } from '../../ops/quantize.ts';
import type { CastAttrs } from '../../ops/quantize.ts';
import type { Node, Value } from '../../graph/types.ts';
import type { Rewriting, Rule } from '../rewrite.ts';

/** dequantize(quantize(x)) that follows at once: the cast writes the values that its codes stand for, which spares reading these again. */
export const castStore: Rule = {
  name: 'cast-store',
  makes: 'quantize',
  stage: 'whole',
  apply(node, { g, get, readers, replace }) {
    const [codes] = node.outputs;
    if (node.op !== 'quantize' || codes === undefined || flagAttr(node, 'values')) return false;
    const decoded = readers(codes).find((reader) => reader.op === 'dequantize' && reader.id === node.id + 1)?.outputs[0];
    if (decoded === undefined) return false;
    const attrs = { ...node.attrs, values: true };
    const outputs = addOp(g, 'quantize', quantizeOps.quantize, node.inputs.map(get), attrs, node.name);
    const [values] = outputs.slice(-1);
    for (const [i, output] of node.outputs.entries()) {
      const copy = outputs[i];
      if (copy !== undefined) replace(output, copy);
    }
    if (values !== undefined) replace(decoded, values);
    return true;
  },
};

/** matmul(dequantize(a), dequantize(b)), each read by this matmul alone: it decodes what it loads. */
export const matmulDecode: Rule = {
  name: 'matmul-decode',
  makes: 'matmul',
  stage: 'whole',
  apply(node, rewriting) {
    if (node.op !== 'matmul') return false;
    const { g, get, replace } = rewriting;
    const view = matmulView(node);
    if (view.parts.length > 0) return false;
    const [a, b] = [codesOf(view.a, rewriting), codesOf(view.b, rewriting)];
    if (view.aCodes !== undefined || view.bCodes !== undefined || (a === undefined && b === undefined)) return false;
    const codes = { ...(a === undefined ? {} : { aCodes: a }), ...(b === undefined ? {} : { bCodes: b }) };
    const fused = matmulNode(
      g,
      a?.codes ?? get(view.a),
      b?.codes ?? get(view.b),
      { ...matmulOptions(node, get), ...codes },
      node.name,
    );
    for (const [i, output] of node.outputs.entries()) {
      const copy = fused[i];
      if (copy !== undefined) replace(output, copy);
    }
    return true;
  },
};

/** amax(x), where what makes x can tell its amax too: x is not read once more. */
export const amaxProducer: Rule = {
  name: 'amax-producer',
  makes: 'with_amax',
  stage: 'whole',
  apply(node, { g, get, readers, replace }) {
    const result = producedBy(node.op);
    const made = result === undefined ? undefined : node.outputs[result];
    if (made === undefined || !tellsAmax(node, made.type)) return false;
    const reader = readers(made).find(
      ({ op, attrs, phase }) => op === 'amax' && attrs['of'] !== 'causal' && phase === node.phase,
    );
    const partials = reader?.outputs[0];
    if (reader === undefined || partials === undefined) return false;
    const of = reader.attrs['of'] === 'finite' ? 'finite' : 'all';
    replaceAll([...node.outputs, partials], withAmax(g, { ...node, inputs: node.inputs.map(get) }, of), replace);
    return true;
  },
};

/** quantize(x) of what nothing else reads, under no scale, where what makes x can cast it as it makes it. */
export const castProducer: Rule = {
  name: 'cast-producer',
  makes: 'with_cast',
  stage: 'whole',
  apply(node, rewriting) {
    const result = producedBy(node.op);
    const made = result === undefined ? undefined : node.outputs[result];
    const own = made === undefined ? undefined : ownCast(made, rewriting);
    if (made === undefined || own === undefined || !castsAlong(node, made.type, own.cast)) return false;
    const { get, g, replace } = rewriting;
    const stored = node.outputs.map((value) => (value === made ? own.values : value));
    replaceAll([...stored, own.codes], withCast(g, { ...node, inputs: node.inputs.map(get) }, own.cast), replace);
    return true;
  },
};

/** quantize(matmul(a, b)) of what nothing else reads, under no scale: the matmul casts what it stores. */
export const castMatmul: Rule = {
  name: 'matmul-cast',
  makes: 'matmul_cast',
  stage: 'whole',
  apply(node, rewriting) {
    const [product] = node.outputs;
    if (node.op !== 'matmul' || product === undefined) return false;
    const own = ownCast(product, rewriting);
    if (own === undefined || !castsProduct(node, own.cast)) return false;
    const { get, g, replace } = rewriting;
    replaceAll([own.values, own.codes], matmulCast(g, { ...node, inputs: node.inputs.map(get) }, own.cast), replace);
    return true;
  },
};

/** The cast that alone reads what is made; its values, where it gives them, take the place of what nothing else read. */
function ownCast(
  made: Value,
  { readers, uses }: Rewriting,
): { readonly cast: CastAttrs; readonly codes: Value; readonly values: Value } | undefined {
  const [reader] = uses(made) === 1 ? readers(made) : [];
  if (reader?.op !== 'quantize' || reader.phase !== made.node.phase || numberAttr(reader, 'first') !== 0) return undefined;
  const [codes] = reader.outputs;
  const values = flagAttr(reader, 'values') ? reader.outputs.at(-1) : undefined;
  return codes === undefined ? undefined : { cast: castOf(reader), codes, values: values ?? made };
}

function replaceAll(from: readonly Value[], to: readonly Value[], replace: Rewriting['replace']): void {
  for (const [i, value] of from.entries()) {
    const copy = to[i];
    if (copy !== undefined) replace(value, copy);
  }
}

/** The codes, in the new graph, that `value` was decoded from for one reader alone. */
function codesOf(value: Value, { get, uses }: Rewriting): (Codes & { readonly codes: Value }) | undefined {
  const { node }: { node: Node } = value;
  const [codes, scales] = node.inputs;
  if (node.op !== 'dequantize' || codes === undefined || uses(value) !== 1) return undefined;
  return { codes: get(codes), cast: castOf(node), scales: scales === undefined ? undefined : get(scales) };
}
