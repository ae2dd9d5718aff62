import { GraphError } from '../base/errors.ts';
import { fuse, gradients, prune } from '../engine/index.ts';
import { checkGraph, first, f32, Graph, u32 } from '../graph/index.ts';
import type { State, Value } from '../graph/index.ts';
import { gpt } from '../nn/index.ts';
import { crossEntropy } from '../ops/cross-entropy.ts';
import { HYPER_SIZE } from '../ops/hyper.ts';
import { accumulate } from '../ops/optimizer.ts';
import { mean } from '../ops/reduce.ts';
import { sampleToken, textWindow } from '../ops/sampling.ts';
import { opRules } from '../ops/table.ts';
import { adamwStep } from '../optim/index.ts';
import { parameterShapes } from '../spec/shapes.ts';
import type { RunSpec } from '../spec/run-spec.ts';

/** Arena names, shared by the programs of a run. */
export const WEIGHTS = 'weights';
export const MOMENTS = ['m', 'v'] as const;
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
  const { batch, context, gradAccum } = spec.data;
  const shapes = parameterShapes(spec, vocab);
  const g = new Graph();
  const tokens = g.input('tokens', u32(batch, context), 'micro');
  const order = g.input('order', u32(batch * context), 'micro');
  const starts = g.input('starts', u32(vocab + 1), 'micro');
  const hyper = g.input('hyper', f32(HYPER_SIZE), 'step');
  const weights = g.state(WEIGHTS, shapes);
  const logits = gpt(g, spec.model, weights.tensors, { tokens, order: { order, starts } });
  lossOutputs(g, logits, g.input('targets', u32(batch, context), 'micro'), hyper);

  const forward = fuse(g, 'forward', spec.fusion);
  const state = stateOf(forward, WEIGHTS);
  const wrt = shapes.map(({ name }) => require(state.tensors.get(name), name));
  const grads = forward.pack(gradients(forward, takeOutput(forward, 'objective'), wrt), 'grads');
  let total = grads;
  if (gradAccum > 1) {
    total = forward.state(ACCUMULATED, shapes).pack;
    accumulate(forward, grads, total, forward.input('micro', f32(2), 'micro'));
  }
  const norm = adamwStep(forward, total, state, shapes, inputOf(forward, 'hyper'));
  forward.output('gradNorm', norm, 'step');
  checkGraph(forward, opRules);
  return fuse(prune(forward), 'whole', spec.fusion);
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
  return fuse(fuse(prune(g), 'forward', spec.fusion), 'whole', spec.fusion);
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
  return fuse(fuse(g, 'forward', spec.fusion), 'whole', spec.fusion);
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
