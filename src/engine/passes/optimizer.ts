import type { Node } from '../../graph/types.ts';
import { adamw } from '../../ops/optimizer.ts';
import { roundAttrs } from '../../ops/round-state.ts';
import type { Rewriting, Rule } from '../rewrite.ts';

/** The nodes of a step of AdamW that one pass over all parameters can do. */
interface OptimizerStep {
  readonly clip: Node | undefined;
  readonly decay: Node | undefined;
  readonly adamw: Node;
  /** Rounds the weights without a scale. */
  readonly round: Node | undefined;
}

/** Clipping, weight decay, AdamW and the rounding of the weights that follows: each parameter is read and written once. */
export const optimizerPass: Rule = {
  name: 'optimizer-pass',
  makes: 'adamw',
  stage: 'whole',
  apply(node, rewriting) {
    const step = stepOf(node, rewriting);
    if (step === undefined || (step.clip === undefined && step.decay === undefined && step.round === undefined)) return false;
    // What the one pass does is left out where it stood.
    if (node !== step.adamw) return true;
    const { g, get } = rewriting;
    const [grads, weights, m, v, norm, hyper] = node.inputs;
    const unclipped = step.clip?.inputs[0] ?? grads;
    if (unclipped === undefined || weights === undefined || m === undefined || v === undefined) return false;
    if (norm === undefined || hyper === undefined) return false;
    const draw = step.round?.inputs[1];
    const decay = step.decay?.attrs['decay'];
    adamw(
      g,
      { grads: get(unclipped), weights: get(weights), m: get(m), v: get(v), norm: get(norm), hyper: get(hyper) },
      {
        clips: step.clip !== undefined,
        ...(typeof decay === 'object' ? { decay } : {}),
        ...(step.round === undefined ? {} : { round: roundAttrs(step.round) }),
        ...(draw === undefined ? {} : { draw: get(draw) }),
      },
      node.name,
    );
    return true;
  },
};

/** The step that a node belongs to: clipping, decay, AdamW or rounding. */
function stepOf(node: Node, { readers, uses }: Rewriting): OptimizerStep | undefined {
  const [first] = node.inputs;
  if (first === undefined) return undefined;
  const weights = node.op === 'clip_grads' ? undefined : node.op === 'adamw' ? node.inputs[1] : first;
  const clipped = node.op === 'clip_grads' ? node.outputs[0] : undefined;
  const around = clipped === undefined ? (weights === undefined ? [] : readers(weights)) : readers(clipped);
  const step = node.op === 'adamw' ? node : around.find(({ op }) => op === 'adamw');
  const [grads, updated] = step?.inputs ?? [];
  if (step === undefined || grads === undefined || updated === undefined || step.attrs['clips'] === true) return undefined;
  const clip = grads.node.op === 'clip_grads' && uses(grads) === 1 ? grads.node : undefined;
  const others = readers(updated);
  const decay = others.find(({ op, id, inputs }) => op === 'decay_weights' && id < step.id && inputs[0] === updated);
  const round = others.find(({ op, id, inputs, attrs }) => {
    return op === 'round_state' && id > step.id && inputs[0] === updated && attrs['scaling'] === 'none';
  });
  return [clip, decay, step, round].includes(node) ? { clip, decay, adamw: step, round } : undefined;
}
