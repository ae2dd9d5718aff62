import type { FusionSpec } from './run-spec.ts';

/**
 * Names of the fusion rules with what each does; `fusion` in a spec switches them. The rules themselves are passes of the engine,
 * which holds its own list to this one.
 */
export const FUSION_RULES = [
  ['embedding-position', 'Adds the positions while the embedding is looked up.'],
  ['qkv-matmul', 'Makes queries, keys and values in one matmul, forward and backward, instead of one each.'],
  ['matmul-bias', 'Adds the bias while the matmul writes its result.'],
  ['matmul-activation', 'Applies the activation while the matmul that feeds it writes its result.'],
  ['matmul-residual', 'Adds the residual stream while the projection back into it writes its result.'],
  ['residual-norm', 'Adds what a block made to the residual stream inside the norm that reads the sum.'],
  ['matmul-slope', 'Takes the gradient on through the activation while the matmul that gives it writes its result.'],
  ['bias-gradient', 'Adds up the gradient of a bias inside the matmul that gives the gradient of its weight.'],
  ['norm-backward-residual', 'Adds the gradient of the residual stream inside the backward pass of the norm.'],
  ['attention', 'Computes attention forward and backward without storing the T x T scores.'],
  ['attention-qk', 'Norms and turns queries and keys inside attention, forward and backward, instead of storing them.'],
  ['cross-entropy', 'Computes softmax, z-loss, loss and the gradient of the logits in one pass over the logits.'],
  ['head-loss', 'Computes head, loss and their gradients in chunks of rows, so that the logits are never all stored.'],
  ['cast-store', 'Writes the values that a cast gives beside their codes, instead of decoding the codes again.'],
  ['cast-producer', 'Casts a tensor as it is made, where the cast needs no scale, instead of reading it once more.'],
  ['matmul-decode', 'Decodes operands that are kept as codes while the matmul loads them.'],
  [
    'matmul-cast',
    'Casts the result of a matmul as it writes it, where the cast needs no scale, instead of reading it once more.',
  ],
  [
    'amax-producer',
    'Finds the amax of a tensor that is cast while the tensor is made, where the kernel that makes it can, instead of reading it once more.',
  ],
  [
    'amax-weights',
    'Finds the amaxes of the weights that are cast, where there are two or more, in one dispatch for each kind of amax, instead of one each.',
  ],
  ['gradient-accumulation', 'Adds gradients of weights to the sum over micro-batches inside the matmuls that give them.'],
  ['optimizer-pass', 'Clips, decays, steps and rounds each parameter in one pass over all of them.'],
] as const satisfies readonly (readonly [name: string, does: string])[];

export type FusionRule = (typeof FUSION_RULES)[number][0];

export const FUSION_RULE_NAMES: readonly FusionRule[] = FUSION_RULES.map(([name]) => name);

/** True where a spec's `fusion` leaves the rule on: a rule that an object does not name is on. */
export function isFusionOn(fusion: FusionSpec, rule: string): boolean {
  if (fusion === 'all' || fusion === 'none') return fusion === 'all';
  return fusion[rule] ?? true;
}
