import * as fc from 'fast-check';
import { MARKS, type KeptEnds } from '../../src/lab/ends/kept-ends.ts';
import type { Curves, EvalCurve } from '../../src/lab/store/curves.ts';
import type { KeptRun } from '../../src/lab/store/kept-run.ts';
import { KEPT_STATES, newRecord } from '../../src/lab/store/record.ts';
import { summaryOf } from '../../src/lab/store/append.ts';
import { defaultSpec, PRESETS, withDefaults } from '../../src/spec/index.ts';
import { dataOf, forecastOf } from './fake-reports.ts';

/** Steps that rise, with gaps. */
const rising = fc
  .array(fc.integer({ min: 1, max: 3 }), { maxLength: 40 })
  .map((gaps) => Float64Array.from(gaps.map((_, i) => gaps.slice(0, i + 1).reduce((sum, gap) => sum + gap, 0))));

const f32s = (length: number): fc.Arbitrary<Float32Array> =>
  fc.array(fc.float(), { minLength: length, maxLength: length }).map((values) => Float32Array.from(values));
const f64s = (length: number): fc.Arbitrary<Float64Array> =>
  fc.array(fc.double(), { minLength: length, maxLength: length }).map((values) => Float64Array.from(values));

const evals: fc.Arbitrary<EvalCurve> = rising.chain((steps) => f64s(steps.length).map((lossNats) => ({ steps, lossNats })));

const curves: fc.Arbitrary<Curves> = fc.record({
  train: rising.chain((steps) =>
    fc.record({
      steps: fc.constant(steps),
      lossNats: f32s(steps.length),
      gradNorm: f32s(steps.length),
      learningRate: f32s(steps.length),
      epochs: f32s(steps.length),
      timeMs: f64s(steps.length),
    }),
  ),
  validation: evals,
  ood: evals,
});

const texts = fc.oneof(fc.string(), fc.constantFrom('nan', 'inf', '-0', '{"$number":"nan"}', '"', ',', 'a|b', '\r\n', '\uFEFF'));

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const ends: fc.Arbitrary<KeptEnds> = fc.record({
  marks: fc.array(
    fc.record({
      share: fc.constantFrom(...MARKS),
      step: fc.nat(),
      totalSteps: fc.nat(),
      lossNats: finite,
      low: finite,
      high: finite,
    }),
    { maxLength: 3 },
  ),
  cameNats: fc.option(finite),
});

/** Runs with everything that a run may have: NaN, infinities, zeros of both signs and odd names among it. */
export const keptRuns: fc.Arbitrary<KeptRun[]> = fc.uniqueArray(
  fc
    .record({
      id: fc.string({ minLength: 1 }),
      name: texts,
      tags: fc.array(texts, { maxLength: 3 }),
      note: texts,
      hidden: fc.boolean(),
      state: fc.constantFrom(...KEPT_STATES),
      spec: fc.constantFrom(...PRESETS.map((preset) => withDefaults(preset.spec))),
      axes: fc.dictionary(
        fc.constantFrom('optimizer.lr', 'model.width', 'seed.init'),
        fc.oneof(fc.double(), texts, fc.boolean(), fc.constant(null)),
      ),
      msPerStep: fc.option(fc.double()),
      ends: fc.option(ends),
      curves,
    })
    .map(({ id, spec, axes, curves, ends, ...rest }) => ({
      curves,
      record: {
        ...newRecord({ id, spec, sweep: { id: 'sweep', axes: { ...axes } } }, 1_700_000_000_000),
        ...rest,
        ...(ends === null ? {} : { predictions: ends }),
        summary: summaryOf(curves),
        step: curves.train.steps.at(-1) ?? 0,
        counts: forecastCounts(),
        data: dataOf(spec.data.source),
      },
    })),
  { selector: ({ record }) => record.id, maxLength: 4 },
);

function forecastCounts(): NonNullable<KeptRun['record']['counts']> {
  const { parameters, nonEmbeddingParameters, flopsPerToken, tokensPerStep } = forecastOf(defaultSpec);
  return { parameters, nonEmbeddingParameters, flopsPerToken, tokensPerStep };
}
