import type { Attrs } from '../../../src/graph/types.ts';
import { textOf } from '../tensor.ts';
import type { Reference, Tensor } from '../tensor.ts';
import { attentionReferences } from './attention.ts';
import { elementwiseReferences } from './elementwise.ts';
import { lossReferences } from './loss.ts';
import { matmulReferences } from './matmul.ts';
import { normReferences } from './norm.ts';
import { quantizeReferences } from './quantize.ts';

const makers: ReadonlyMap<string, Reference> = new Map<string, Reference>(
  Object.entries({ ...elementwiseReferences, ...normReferences, ...attentionReferences, ...lossReferences, ...matmulReferences }),
);

/** Results that are not the first thing that is given. */
const RESULTS: Readonly<Record<string, number>> = { residual_norm: 1, cross_entropy_fused: 3 };

/** What `op` gives, and which of it is the result. */
function made(
  op: string,
  inputs: Parameters<Reference>[0],
  attrs: Attrs,
): { outputs: readonly Tensor[]; at: number; result: Tensor } {
  const maker = makers.get(op);
  const outputs = maker?.(inputs, attrs) ?? [];
  const at = RESULTS[op] ?? 0;
  const result = outputs[at];
  if (result === undefined) throw new RangeError(`${op} has no reference`);
  return { outputs, at, result };
}

/** What `op` gives, and the amax of its result. */
const withAmax: Reference = (inputs, attrs) => {
  const { outputs, result } = made(textOf(attrs, 'op'), inputs, attrs);
  return [...outputs, ...quantizeReferences.amax([result], { of: textOf(attrs, 'amax') })];
};

/** What `op` gives, its result as a cast leaves it, and the codes. */
const withCast: Reference = (inputs, attrs) => {
  const { outputs, at, result } = made(textOf(attrs, 'op'), inputs, attrs);
  const [codes, values] = quantizeReferences.quantize([result], { ...attrs, values: true, first: 0 });
  if (codes === undefined || values === undefined) throw new RangeError('a cast gives codes and values');
  return [...outputs.map((output, i) => (i === at ? values : output)), codes];
};

export const producerReferences = { with_amax: withAmax, with_cast: withCast } satisfies Record<string, Reference>;
