import { lawNamed } from '../../src/laws/index.ts';
import { countRun, withDefaults, type RunSpec } from '../../src/spec/index.ts';
import { NO_CURVES } from '../../src/lab/store/curves.ts';
import type { KeptRun } from '../../src/lab/store/kept-run.ts';
import { newRecord } from '../../src/lab/store/record.ts';
import { NO_SUMMARY } from '../../src/lab/store/summary.ts';
import { dataOf } from './fake-reports.ts';

/** What the losses of {@link ladderRun} are made of, in nats, with N all parameters. */
export const TRUTH = { E: 1.4, A: 55, alpha: 0.35, B: 260, beta: 0.38 };
export const LADDER_VOCAB = 64;
export const WIDTHS = [16, 32, 48, 64, 96];
export const STEPS = [100, 200, 400, 800];

export function ladderSpec(width: number, steps: number, seed = 1, lr = 3e-3): RunSpec {
  return withDefaults({
    name: `w${width} s${steps} #${seed}`,
    model: { layers: 2, width, heads: 2 },
    data: { context: 32, batch: 4 },
    budget: { steps },
    optimizer: { lr },
    schedule: { warmupSteps: 10 },
    seed: { init: seed, data: seed },
  });
}

/** A finished run of a sweep whose losses follow {@link TRUTH} along its curve, to about 1e-3. */
export function ladderRun(width: number, steps: number, seed = 1, lr = 3e-3): KeptRun {
  const spec = ladderSpec(width, steps, seed, lr);
  const data = { ...dataOf('sotu'), vocab: LADDER_VOCAB, trainTokens: 50_000 };
  const counts = countRun(spec, { vocab: LADDER_VOCAB, trainTokens: data.trainTokens });
  const perStep = counts.tokens / counts.steps;
  const law = lawNamed('chinchilla');
  const wiggle = 1 + 1e-3 * Math.sin(width + 3 * steps + 7 * seed) + 0.02 * Math.abs(Math.log(lr / 3e-3));
  const lossAt = (step: number): number => law.predict(TRUTH, { N: counts.parameters, D: step * perStep }) * wiggle;
  const at = Float64Array.from({ length: steps }, (_, i) => i + 1);
  const train = {
    steps: at,
    lossNats: Float32Array.from(at, lossAt),
    gradNorm: new Float32Array(steps).fill(1),
    learningRate: Float32Array.from(at, (step) => lr * (1 - (0.9 * step) / steps)),
    epochs: new Float32Array(steps),
    timeMs: at.map((step) => 2 * step),
  };
  const loss = lossAt(steps);
  return {
    curves: { ...NO_CURVES, train, validation: { steps: Float64Array.of(steps), lossNats: Float64Array.of(loss) } },
    record: {
      ...newRecord(
        { id: `${width}-${steps}-${seed}-${lr}`, spec, sweep: { id: 'ladder', axes: { 'model.width': width } } },
        1_700_000_000_000 + width * 1000 + steps,
      ),
      state: 'finished',
      step: steps,
      totalSteps: steps,
      summary: { ...NO_SUMMARY, lossNats: loss, smoothLossNats: loss + 0.01, validationNats: loss },
      counts: {
        parameters: counts.parameters,
        nonEmbeddingParameters: counts.parameters,
        flopsPerToken: counts.flopsPerToken,
        tokensPerStep: perStep,
      },
      data,
    },
  };
}

/** Five sizes at four lengths. */
export function ladder(seeds: readonly number[] = [1]): KeptRun[] {
  return WIDTHS.flatMap((width) => STEPS.flatMap((steps) => seeds.map((seed) => ladderRun(width, steps, seed))));
}

/** A run of one model on 51,200 tokens whose loss falls with steps S / (1 + 512 / B), B in tokens: a large batch needs fewer, down to a limit. */
export function batchRun(batch: number): KeptRun {
  const whole = ladderRun(48, 800);
  const spec = withDefaults({ data: { batch } }, whole.record.spec);
  const tokens = batch * spec.data.context;
  const steps = Math.round(51_200 / tokens);
  const at = Float64Array.from({ length: steps }, (_, i) => i + 1);
  const train = {
    steps: at,
    lossNats: Float32Array.from(at, (step) => 1 + 20 * (step / (1 + 512 / tokens)) ** -0.5),
    gradNorm: new Float32Array(steps).fill(1),
    learningRate: new Float32Array(steps).fill(3e-3),
    epochs: new Float32Array(steps),
    timeMs: at.map((step) => 2 * step),
  };
  const counts = whole.record.counts && { ...whole.record.counts, tokensPerStep: tokens };
  return {
    curves: { ...whole.curves, train },
    record: { ...whole.record, id: `batch ${batch}`, spec, counts, sweep: null, step: steps, totalSteps: steps },
  };
}
