import { SpecError } from '../base/errors.ts';
import { planProgram } from '../engine/index.ts';
import { isKernel } from '../engine/plan.ts';
import { choiceKeys } from '../engine/signature.ts';
import type { Arena, Choices, Plan, PlanOptions } from '../engine/index.ts';
import type { Graph } from '../graph/index.ts';
import { canShareProgram, differingPaths, fieldAt } from '../spec/schema.ts';
import type { RunSpec } from '../spec/run-spec.ts';
import { ACCUMULATED, evaluationGraph, samplingGraph, trainingGraph } from './graphs.ts';

/** Most tokens that one submit samples. */
const SAMPLED_TOKENS = 32;

/**
 * How the training step of a run of these specs would be planned on this device; allocates nothing. Its `peakBytes` is that of the whole
 * run: evaluation, sampling and the copy of the state that a checkpoint is made from are counted in.
 *
 * @throws as planning does.
 */
export function planTraining(
  specs: readonly RunSpec[],
  vocab: number,
  options: Omit<PlanOptions, 'lanes' | 'microBatches'>,
): Plan {
  const spec = sharedSpec(specs);
  const lanes = specs.length;
  const plan = planProgram(trainingGraph(spec, vocab), { ...options, lanes, microBatches: spec.data.gradAccum });
  const shared = new Set(plan.arenas.map(({ name }) => name));
  const sides = [planEvaluation(spec, vocab, { ...options, lanes }), planSampling(spec, vocab, { ...options, lanes })];
  const sideBytes = sides.map(({ peakBytes, arenas }) => peakBytes - bytesOf(arenas.filter(({ name }) => shared.has(name))));
  // What is read back is copied: weights and moments for a checkpoint, the text of a sample.
  const arenas = [...plan.arenas, ...sides.flatMap((side) => side.arenas.filter(({ name }) => !shared.has(name)))];
  const copies = bytesOf(arenas.filter(({ name }) => name !== ACCUMULATED));
  return { ...plan, peakBytes: sideBytes.reduce((sum, bytes) => sum + bytes, plan.peakBytes + copies) };
}

/** Those of the tuner's choices that a run of the spec comes by, in order of their signatures. */
export function choicesFor(spec: RunSpec, vocab: number, choices: Choices): readonly (readonly [string, string])[] {
  if (choices.size === 0) return [];
  const graphs = [trainingGraph(spec, vocab), evaluationGraph(spec, vocab), samplingGraph(spec, vocab)];
  const met = new Set(graphs.flatMap(({ nodes }) => nodes.filter(isKernel).flatMap(choiceKeys)));
  return [...choices].filter(([signature]) => met.has(signature)).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

export function bytesOf(arenas: readonly Arena[]): number {
  return arenas.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

export function planEvaluation(spec: RunSpec, vocab: number, options: PlanOptions): Plan {
  return planProgram(evaluationGraph(spec, vocab), { ...options, slots: spec.eval.batches });
}

export function planSampling(spec: RunSpec, vocab: number, options: PlanOptions): Plan {
  return planProgram(samplingGraph(spec, vocab), { ...options, slots: SAMPLED_TOKENS });
}

export function planProbe(graph: Graph, options: PlanOptions): Plan {
  return planProgram(graph, { ...options, slots: 1 });
}

/** The spec whose program all lanes share. @throws SpecError when the lanes differ in more than scalars and seeds. */
export function sharedSpec(specs: readonly RunSpec[]): RunSpec {
  const [spec, ...others] = specs;
  if (spec === undefined) throw new SpecError({ where: 'lanes', rule: 'there is no spec' });
  for (const other of others) {
    if (canShareProgram(spec, other)) continue;
    const path = differingPaths(spec, other).find((candidate) => !fieldAt(candidate).laneable) ?? '';
    throw new SpecError({
      where: `spec ${path}`,
      rule: 'lanes of one program cannot differ in it',
      cure: 'Train these runs one after another.',
    });
  }
  return spec;
}
