import { GraphError } from '../base/errors.ts';
import { castTensors, delayedTensors, DRAW, fuse, gradients, prune, withoutOps } from '../engine/index.ts';
import type { DelayedTensor } from '../engine/index.ts';
import { checkGraph, first, f32, Graph, u32 } from '../graph/index.ts';
import type { State, Value } from '../graph/index.ts';
import { gpt } from '../nn/index.ts';
import { crossEntropy } from '../ops/cross-entropy.ts';
import { formatNamed } from '../numerics/index.ts';
import { HYPER_SIZE } from '../ops/hyper.ts';
import { accumulate } from '../ops/optimizer.ts';
import { mean } from '../ops/reduce.ts';
import type { RoundStateAttrs } from '../ops/round-state.ts';
import { sampleToken, textWindow } from '../ops/sampling.ts';
import { opRules } from '../ops/table.ts';
import { adamwStep } from '../optim/index.ts';
import type { Rounding } from '../optim/index.ts';
import { castsOf, scalingsOf, usesAttentionCasts } from '../spec/precision.ts';
import { parameterShapes } from '../spec/shapes.ts';
import type { RunSpec } from '../spec/run-spec.ts';

/** Arena names, shared by the programs of a run. */
export const WEIGHTS = 'weights';
export const ACCUMULATED = 'accumulated';

/** Longest text that is sampled, in tokens: a page of it, and never less than the model looks back. */
export function textTokens({ data }: Pick<RunSpec, 'data'>): number {
  return Math.max(1024, 2 * data.context);
}

/**
 * A training step: batches in, `loss` (mean nll of a micro-batch, without the z term) and `gradNorm` out, weights and moments updated.
 * Inputs: `tokens`, `targets` u32[B,T], `order` u32[B*T] and `starts` u32[V+1] (positions sorted by token) each micro-batch, `micro`
 * f32[2] with gradient accumulation, `hyper` f32[16] each step.
 */
export function trainingGraph(spec: RunSpec, vocab: number): Graph {
  const graph = uncastTrainingGraph(spec, vocab);
  const castAt = castsOf(spec.precision);
  const options = { delayed: delayedTensors(graph, castAt), history: true, microBatches: spec.data.gradAccum };
  return fuse(castTensors(graph, castAt, options), 'whole', spec.fusion);
}

/** The step in high precision, only fused as it must be before gradients are taken. */
function uncastTrainingGraph(spec: RunSpec, vocab: number): Graph {
  const shapes = parameterShapes(spec, vocab);
  const { graph: g, weights, gradients: parts } = differentiatedGraph(spec, vocab, forwardFusion(spec));
  const grads = g.pack(parts, 'grads');
  let total = grads;
  if (spec.data.gradAccum > 1) {
    total = g.state(ACCUMULATED, shapes).pack;
    accumulate(g, grads, total, g.input('micro', f32(2), 'micro'));
  }
  const norm = adamwStep(g, total, weights, shapes, inputOf(g, 'hyper'), stateRounding(g, spec));
  g.output('gradNorm', norm, 'step');
  checkGraph(g, opRules);
  return prune(g);
}

/** A micro-batch forward and backward in high precision, `loss` out; the gradients are those of `parameterShapes`, in order. */
export function differentiatedGraph(
  spec: RunSpec,
  vocab: number,
  fusion: RunSpec['fusion'],
): { readonly graph: Graph; readonly weights: State; readonly gradients: readonly Value[] } {
  const { batch, context } = spec.data;
  const shapes = parameterShapes(spec, vocab);
  const g = new Graph();
  const tokens = g.input('tokens', u32(batch, context), 'micro');
  const order = g.input('order', u32(batch * context), 'micro');
  const starts = g.input('starts', u32(vocab + 1), 'micro');
  const hyper = g.input('hyper', f32(HYPER_SIZE), 'step');
  const weights = g.state(WEIGHTS, shapes);
  const logits = gpt(g, spec.model, weights.tensors, { tokens, order: { order, starts } });
  lossOutputs(g, logits, g.input('targets', u32(batch, context), 'micro'), hyper);

  const graph = fuse(g, 'forward', fusion);
  const state = stateOf(graph, WEIGHTS);
  const wrt = shapes.map(({ name }) => require(state.tensors.get(name), name));
  return { graph, weights: state, gradients: gradients(graph, takeOutput(graph, 'objective'), wrt) };
}

/** The programs of a run with delayed scaling share the scales, so all of them have those of training. */
export function delayedOf(spec: RunSpec, vocab: number): readonly DelayedTensor[] {
  const castAt = castsOf(spec.precision);
  if (!scalingsOf(spec.precision).has('delayed')) return [];
  return delayedTensors(uncastTrainingGraph(spec, vocab), castAt);
}

/** Fusion before gradients are taken: attention whose parts are cast has its T x T matrix in memory. */
function forwardFusion({ fusion, precision, model }: RunSpec): RunSpec['fusion'] {
  return usesAttentionCasts(precision, model.layers) ? withoutOps(fusion, new Set(['attention'])) : fusion;
}

/** How the states are kept, and the draw for it where one is needed. */
function stateRounding(g: Graph, { precision }: RunSpec): Rounding {
  const castAt = castsOf(precision);
  const attrs = (role: 'weights' | 'optimizer.m' | 'optimizer.v', tensor: number): RoundStateAttrs | undefined => {
    const cast = castAt({ layer: '', role });
    if (cast === null) return undefined;
    const { format, scaling, powerOfTwo, margin, rounding } = cast;
    return {
      format,
      scaling: scaling === 'current' ? 'current' : 'none',
      powerOfTwo,
      margin,
      rounding,
      saturate: formatNamed(format).bits <= 8,
      tensor,
    };
  };
  const [weights, m, v] = [attrs('weights', 2 ** 16), attrs('optimizer.m', 2 ** 16 + 1), attrs('optimizer.v', 2 ** 16 + 2)];
  const isDrawn = [weights, m, v].some((one) => one?.rounding === 'stochastic');
  return {
    ...(weights === undefined ? {} : { weights }),
    ...(m === undefined ? {} : { m }),
    ...(v === undefined ? {} : { v }),
    ...(isDrawn ? { draw: g.input(DRAW, u32(2), 'micro') } : {}),
  };
}

/** Mean loss of a batch: `tokens`, `targets` and `hyper` in, `loss` out. */
export function evaluationGraph(spec: RunSpec, vocab: number): Graph {
  const { batch, context } = spec.data;
  const g = new Graph();
  const tokens = g.input('tokens', u32(batch, context), 'micro');
  const hyper = g.input('hyper', f32(HYPER_SIZE), 'step');
  const weights = g.state(WEIGHTS, parameterShapes(spec, vocab));
  const logits = gpt(g, spec.model, weights.tensors, { tokens });
  lossOutputs(g, logits, g.input('targets', u32(batch, context), 'micro'), hyper);
  takeOutput(g, 'objective');
  return forwardOnly(prune(g), spec, vocab);
}

/**
 * One token of text a step, wholly on the GPU: the last `context` tokens before `cursor` in the arena `text` go through the model and
 * the next one is drawn and stored. Inputs `cursor` u32[4] and `temperature` f32[1] (see ops/sampling.ts).
 */
export function samplingGraph(spec: RunSpec, vocab: number): Graph {
  const g = new Graph();
  const cursor = g.input('cursor', u32(4), 'step');
  const temperature = g.input('temperature', f32(1), 'step');
  const weights = g.state(WEIGHTS, parameterShapes(spec, vocab));
  const text = g.state('text', [{ name: 'text', shape: [textTokens(spec)] }], 'u32');
  const written = require(text.tensors.get('text'), 'text');
  const tokens = textWindow(g, written, cursor, { context: spec.data.context });
  const logits = gpt(g, spec.model, weights.tensors, { tokens });
  sampleToken(g, logits, written, cursor, temperature);
  return forwardOnly(g, spec, vocab);
}

/** A graph without a backward pass, in the precision of the run. */
function forwardOnly(g: Graph, spec: RunSpec, vocab: number): Graph {
  const forward = fuse(g, 'forward', forwardFusion(spec));
  const cast = castTensors(forward, castsOf(spec.precision), { delayed: delayedOf(spec, vocab), history: false });
  return fuse(cast, 'whole', spec.fusion);
}

/** `objective` is what is differentiated, `loss` what is reported. */
function lossOutputs(g: Graph, logits: Value, targets: Value, hyper: Value): void {
  g.scope('loss', () => {
    const { losses, nll } = crossEntropy(g, logits, targets, hyper);
    g.output('objective', mean(g, losses), 'micro');
    g.output('loss', mean(g, nll), 'micro');
  });
}

/** Removes an output and gives its value. */
function takeOutput(g: Graph, name: string): Value {
  const index = g.outputs.findIndex((output) => output.name === name);
  return require(g.outputs.splice(index, 1)[0]?.value, name);
}

function inputOf(g: Graph, name: string): Value {
  const node = g.nodes.find((candidate) => candidate.op === 'input' && candidate.attrs['name'] === name);
  return first(node?.outputs ?? []);
}

/** The tensors of an arena in a graph that was rewritten since. */
function stateOf(g: Graph, arena: string): State {
  const node = g.nodes.find((candidate) => candidate.op === 'state' && candidate.attrs['arena'] === arena);
  const [pack, ...tensors] = node?.outputs ?? [];
  const names = String(node?.attrs['tensors'] ?? '').split(' ');
  return { pack: require(pack, arena), tensors: new Map(names.map((name, i) => [name, require(tensors[i], name)])) };
}

function require<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new GraphError({ where: `graph "${name}"`, rule: 'it is missing' });
  return value;
}
