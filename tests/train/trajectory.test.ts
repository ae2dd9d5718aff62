import { describe, expect, it } from 'vitest';
import { FUSION_RULE_NAMES } from '../../src/spec/fusion-rules.ts';
import type { RunSpec } from '../../src/spec/run-spec.ts';
import { referenceTraining } from '../reference/model.ts';
import { tinySpec, tinySpecs } from '../reference/specs.ts';
import { expectClose } from '../support/close.ts';
import { batchesOf, testDataset, testTrainer, trace, weightsOf } from '../support/train.ts';

const STEPS = 20;

/** `truth` is what the f64 model trains: the spec, but for controls. */
async function expectReference(spec: RunSpec, truth = spec): Promise<void> {
  const dataset = await testDataset(spec);
  const trainer = await testTrainer([spec], { dataset });
  try {
    const [got] = await trace(trainer, STEPS, 4);
    const want = referenceTraining(truth, weightsOf(spec, dataset.vocab), batchesOf(spec, dataset, STEPS));
    const because = 'f32 against f64 over 20 AdamW steps, which amplify rounding where a gradient is near 0';
    expectClose(got?.losses ?? [], want.losses, { rtol: 2e-5, because });
    expectClose(got?.gradNorms ?? [], want.gradNorms, { rtol: 2e-3, because });
  } finally {
    trainer.destroy();
  }
}

describe('a run of 20 steps', () => {
  it('is told apart from one whose learning rate is 1 % higher', async () => {
    const spec = tinySpec();
    const hotter = { ...spec, optimizer: { ...spec.optimizer, lr: 1.01 * spec.optimizer.lr } };
    await expect(expectReference(spec, hotter)).rejects.toThrow('elements differ by more than rtol');
  });

  for (const [name, spec] of tinySpecs) {
    it(`promise 3: follows the f64 model: ${name}`, () => expectReference(spec));
    it(`promise 4: follows it unfused too: ${name}`, () => expectReference({ ...spec, fusion: 'none' }));
  }

  it.each([
    [3, 'f32'],
    [2, 'fp8-current'],
  ] as const)(
    'gives the same bits with gradients of %i micro-batches added up inside their matmuls: %s',
    async (gradAccum, recipe) => {
      const fusion = (on: boolean): RunSpec['fusion'] => ({ 'gradient-accumulation': on });
      const spec = tinySpec({ data: { gradAccum }, model: { layers: 2, bias: true, tied: false }, precision: { recipe } });
      const dataset = await testDataset(spec);
      const traces = [];
      for (const on of [true, false]) {
        const trainer = await testTrainer([{ ...spec, fusion: fusion(on) }], { dataset });
        expect(trainer.plan.graph.nodes.some(({ op }) => op === 'matmul_accumulate')).toBe(on);
        try {
          traces.push(await trace(trainer, STEPS, 4));
        } finally {
          trainer.destroy();
        }
      }
      expect(traces[0]).toEqual(traces[1]);
    },
  );

  for (const rule of FUSION_RULE_NAMES) {
    const only = Object.fromEntries(FUSION_RULE_NAMES.map((name) => [name, name === rule]));
    it(`promise 4: follows the f64 model with only ${rule} fused`, () =>
      expectReference(
        tinySpec({
          fusion: only,
          data: { gradAccum: rule === 'gradient-accumulation' ? 2 : 1 },
          model: { bias: true, mlp: 'relu2' },
          loss: { zLoss: 0.01 },
        }),
      ));
  }
});
