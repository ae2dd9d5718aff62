import { SpecError } from '../../base/errors.ts';
import type { Graph } from '../../graph/graph.ts';
import { rewrite } from '../rewrite.ts';
import type { Rule } from '../rewrite.ts';
import { gradientAccumulation } from './accumulate.ts';
import { amaxWeights } from './amax-weights.ts';
import { attentionQk } from './attention-qk.ts';
import { fusedAttention } from './attention.ts';
import { amaxProducer, castMatmul, castProducer, castStore, matmulDecode } from './cast.ts';
import { fusedCrossEntropy, headLossRule } from './cross-entropy.ts';
import { fusedPosition } from './embedding.ts';
import { biasGradient, matmulActivation, matmulBias, matmulResidual, matmulSlope, qkvMatmul } from './matmul.ts';
import { optimizerPass } from './optimizer.ts';
import { normBackwardResidual, residualNorm } from './norm.ts';

/** Every fusion rule, in the order in which they are applied. */
export const FUSION_RULES: readonly Rule[] = [
  fusedPosition,
  qkvMatmul,
  matmulBias,
  matmulActivation,
  matmulResidual,
  residualNorm,
  matmulSlope,
  biasGradient,
  normBackwardResidual,
  fusedAttention,
  attentionQk,
  fusedCrossEntropy,
  headLossRule,
  castStore,
  castProducer,
  matmulDecode,
  castMatmul,
  amaxProducer,
  amaxWeights,
  gradientAccumulation,
  optimizerPass,
];

/** `all`, `none`, or named rules switched on or off over `all`. */
export type Fusion = 'all' | 'none' | { readonly [rule: string]: boolean };

/** `fusion` without the rules that make one of `ops`. */
export function withoutOps(fusion: Fusion, ops: ReadonlySet<string>): Fusion {
  const bad = FUSION_RULES.filter((rule) => ops.has(rule.makes)).map((rule) => [rule.name, false] as const);
  if (bad.length === 0 || fusion === 'none') return fusion;
  return { ...(fusion === 'all' ? {} : fusion), ...Object.fromEntries(bad) };
}

/** Applies the chosen rules of one stage. @throws SpecError for a rule that does not exist. */
export function fuse(graph: Graph, stage: Rule['stage'], fusion: Fusion): Graph {
  const names = FUSION_RULES.map((rule) => rule.name);
  const unknown = typeof fusion === 'string' ? undefined : Object.keys(fusion).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new SpecError({ where: 'spec fusion', rule: 'there is no such rule', got: unknown, expected: names.join(', ') });
  }
  const on = (name: string): boolean => fusion === 'all' || (fusion !== 'none' && fusion[name] !== false);
  return FUSION_RULES.filter((rule) => rule.stage === stage && on(rule.name)).reduce(rewrite, graph);
}
