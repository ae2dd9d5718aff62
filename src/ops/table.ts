import { GraphError } from '../base/errors.ts';
import type { OpRules } from '../graph/check.ts';
import { amaxTensorsOps } from './amax-tensors.ts';
import { amaxOps } from './amax.ts';
import { attentionOps } from './attention.ts';
import { crossEntropyOps } from './cross-entropy.ts';
import { delayedScaleOps } from './delayed-scale.ts';
import { elementwiseOps } from './elementwise.ts';
import { embeddingOps } from './embedding.ts';
import { headLossOps } from './head-loss.ts';
import { headsOps } from './heads.ts';
import { matmulAccumulateOps } from './matmul-accumulate.ts';
import { matmulCastOps } from './matmul-cast.ts';
import { matmulOps } from './matmul.ts';
import { normOps } from './norm.ts';
import type { Op } from './op.ts';
import { optimizerOps } from './optimizer.ts';
import { positionOps } from './position.ts';
import { producerOps } from './producer.ts';
import { qkNormOps } from './qk-norm.ts';
import { quantizeOps } from './quantize.ts';
import { reduceOps } from './reduce.ts';
import { ropeOps } from './rope.ts';
import { roundStateOps } from './round-state.ts';
import { samplingOps } from './sampling.ts';
import { softmaxOps } from './softmax.ts';
import { swigluOps } from './swiglu.ts';
import { tensorStatsOps } from './tensor-stats.ts';

/** Every op: shape rule, VJP, kernels. The references of the tests are a total table over the same names. */
export const OPS = {
  ...embeddingOps,
  ...positionOps,
  ...matmulOps,
  ...matmulAccumulateOps,
  ...matmulCastOps,
  ...elementwiseOps,
  ...swigluOps,
  ...normOps,
  ...ropeOps,
  ...qkNormOps,
  ...headsOps,
  ...softmaxOps,
  ...attentionOps,
  ...crossEntropyOps,
  ...headLossOps,
  ...reduceOps,
  ...delayedScaleOps,
  ...optimizerOps,
  ...roundStateOps,
  ...samplingOps,
  ...amaxOps,
  ...amaxTensorsOps,
  ...producerOps,
  ...quantizeOps,
  ...tensorStatsOps,
} satisfies Record<string, Op>;

export type OpName = keyof typeof OPS;

function isOpName(name: string): name is OpName {
  return Object.hasOwn(OPS, name);
}

/** @throws GraphError for a name that is not in the table. */
export function opOf(name: string): Op {
  if (!isOpName(name)) throw new GraphError({ where: `op ${name}`, rule: 'it is not in the table of ops' });
  return OPS[name];
}

/** Inputs that the op updates in place; none for structural ops. */
export function updatesOf(name: string): readonly number[] {
  return isOpName(name) ? ((OPS[name] as Op).updates ?? []) : [];
}

/** The table as the checker sees it. */
export const opRules: OpRules = {
  shape: (node) => opOf(node.op).shape(node),
  updates: updatesOf,
};
