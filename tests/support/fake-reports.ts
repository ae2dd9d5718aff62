import { flopsPerToken, getField, parameterCount, tokensPerStep, totalSteps, vocabSize } from '../../src/spec/index.ts';
import type { RunSpec } from '../../src/spec/index.ts';
import { planSweep, pricingGroups, type SweepPlanOptions } from '../../src/spec/sweep-plan.ts';
import type { Command, DataReport, Forecast, SweepPlanReport } from '../../src/worker/protocol.ts';

const FILE = { name: 'file', hash: 'f11e' };

/** What a made-up worker says of the data of a source, in round figures. */
export function dataOf(source: RunSpec['data']['source'], file: { name: string; hash: string } = FILE): DataReport {
  return {
    ...(source === 'file' ? { fileHash: file.hash } : {}),
    name: source === 'sotu' ? 'State of the Union addresses' : source === 'file' ? file.name : source,
    trainTokens: 8_412_331,
    validationTokens: 442_113,
    oodTokens: 2_113_008,
    vocab: 256,
    uniformNats: Math.log(256),
    unigramNats: 3.06,
    entropyRateNats: source === 'markov' ? 1.4 : null,
    bytesPerToken: 1,
    contentHash: '5f1d0c3a',
    notes: ['Train: addresses up to 1945, without the held-out ones.', 'Out of distribution: 1946 and later.'],
  };
}

/** What it says of a run before it starts. */
export function forecastOf(spec: RunSpec): Forecast {
  const count = parameterCount(spec);
  const perToken = flopsPerToken(spec).total;
  const steps = totalSteps(spec);
  return {
    parameters: count.total,
    nonEmbeddingParameters: count.nonEmbedding,
    flopsPerToken: perToken,
    totalSteps: steps,
    tokensPerStep: tokensPerStep(spec),
    peakBytes: count.total * 16 + tokensPerStep(spec) * spec.model.width * spec.model.layers * 60,
    vocab: vocabSize(spec),
    dispatchesPerStep: 30 + 31 * spec.model.layers,
    estimatedMs: steps * 6.4,
    data: dataOf(spec.data.source),
  };
}

/** What it says of the runs of a sweep, grouped as the planner does. */
export function fakePlan(command: Extract<Command, { type: 'planSweep' }>, options: SweepPlanOptions): SweepPlanReport {
  const { runs: specs, paths, groups } = command;
  if (groups !== undefined) {
    const made = groups.map((members) => members.map((i) => specs[i]).filter((spec) => spec !== undefined));
    const slices = pricingGroups(made, options);
    let slice = slices.next();
    while (slice.done !== true) slice = slices.next();
    return { groups: slice.value.map((cost, i) => ({ ...cost, runs: groups[i] ?? [] })) };
  }
  const runs = specs.map((spec, i) => ({
    id: String(i),
    values: Object.fromEntries(paths.map((path) => [path, getField(spec, path)])),
    spec,
  }));
  const { groups: planned } = planSweep(runs, options);
  return {
    groups: planned.map(({ runs: members, steps, flopsPerStep, flops, bytes, ms, refusal }) => ({
      runs: members.map(({ id }) => Number(id)),
      steps,
      flopsPerStep,
      flops,
      bytes,
      ms,
      refusal,
    })),
  };
}
