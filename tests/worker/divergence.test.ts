import { expect, it } from 'vitest';
import { Divergence } from '../../src/worker/divergence.ts';
import { notFiniteWords } from '../../src/train/index.ts';
import type { NotFinite, StepMetrics } from '../../src/train/index.ts';

/** Two steps from step 7 on. */
function metrics(lossNats: number[], gradNorm: number[]): StepMetrics {
  const learningRate = new Float32Array(lossNats.length);
  return {
    firstStep: 7,
    steps: 2,
    lossNats: Float32Array.from(lossNats),
    gradNorm: Float32Array.from(gradNorm),
    learningRate,
    epochs: new Float32Array(2),
  };
}

it('promise 6: a gradient norm that is not finite ends the run, though the loss of its step is finite', () => {
  const notices: string[] = [];
  const watch = new Divergence(1, (text) => notices.push(text));
  expect(watch.check(metrics([2, 1], [1, 9]), null)).toBeNull();
  expect(watch.check(metrics([2, 1], [1, NaN]), 5)?.message).toBe(
    'step 8: the gradient norm is not finite: got NaN, expected a finite number. ' +
      'Choose a smaller learning rate, a longer warm-up or gradient clipping, or go on from the checkpoint of step 5, which is kept.',
  );
  expect(notices).toEqual([]);
});

it('promise 2: a lane whose gradient norm is not finite is marked, and the others go on', async () => {
  const notices: string[] = [];
  const watch = new Divergence(2, (text) => notices.push(text));
  expect(watch.check(metrics([1, 2, 1, 2], [1, Infinity, 1, NaN]), null)).toBeNull();
  expect([...watch.lanes]).toEqual([1]);
  expect(watch.hasNews).toBe(true);
  await watch.tell(() => Promise.resolve(undefined));
  expect(watch.hasNews).toBe(false);
  expect(notices).toEqual([
    'Lane 1 diverged at step 7: its gradient norm is Infinity. The other lanes are not touched by it and go on.',
  ]);
  expect(watch.check(metrics([NaN, NaN, NaN, NaN], [1, 1, 1, 1]), null)?.message).toContain(
    'step 7, lane 0: the loss of the last lane is not finite',
  );
});

/** What a repetition of a step found. */
function found(step: number, origin: NotFinite['origin'], changes: Partial<NotFinite> = {}): NotFinite {
  return { step, micro: 1, micros: 1, weightsStep: step - 1, origin, ...changes };
}

it('names the first tensor that is not finite, in the lane and at the step that failed', async () => {
  const notices: string[] = [];
  const asked: string[] = [];
  const watch = new Divergence(2, (text) => notices.push(text));
  const find = (step: number, lane: number): Promise<NotFinite> => {
    asked.push(`${step} ${lane}`);
    return Promise.resolve(found(step, { kind: 'tensor', name: 'blocks.1.mlp.fc fprop.output' }));
  };
  const error = watch.check(metrics([1, NaN, NaN, NaN], [1, 1, 1, 1]), null);
  await watch.tell(find);
  const explained = await watch.explain(error, find);
  expect(asked).toEqual(['7 1', '8 0']);
  expect(notices).toEqual([
    'Lane 1 diverged at step 7: its loss is NaN. blocks.1.mlp.fc fprop.output is the first tensor of step 7 that is not finite. ' +
      'The other lanes are not touched by it and go on.',
  ]);
  expect(String(explained)).toBe(
    'SpecError: step 8, lane 0: the loss of the last lane is not finite: got NaN, expected a finite number. ' +
      'blocks.1.mlp.fc fprop.output is the first tensor of step 8 that is not finite. ' +
      'Choose a smaller learning rate, a longer warm-up or gradient clipping.',
  );
  // What cannot be looked at leaves the error as it is; and so are other errors.
  expect(await watch.explain(error, () => Promise.resolve(undefined))).toBe(error);
  expect(await watch.explain(error, () => Promise.reject(new Error('out of memory')))).toBe(error);
  const other = new Error('other');
  expect(await watch.explain(other, find)).toBe(other);
});

it.each([
  [
    found(7, { kind: 'weight', name: 'head.weight' }),
    'head.weight was not finite before step 7: it was given so, or became so by an update before.',
  ],
  [
    found(7, { kind: 'tensor', name: 'head fprop.output' }, { micro: 2, micros: 4 }),
    'head fprop.output is the first tensor of step 7 (micro-batch 2 of 4) that is not finite.',
  ],
  [
    found(7, { kind: 'norm', name: 'final.norm', value: NaN }),
    'Every activation of step 7 and its gradient are finite; the norm of the gradient of final.norm is NaN.',
  ],
  [
    found(7, { kind: 'norm', name: '', value: Infinity }),
    "Every tensor of step 7 is finite, and the norm of each layer's gradient: the sum of their squares is beyond f32.",
  ],
  [
    found(7, { kind: 'none' }, { weightsStep: 9 }),
    'No tensor shows it when step 7 is repeated unfused, with the scales of now: it arose within a fused kernel or in a sum. That was looked for with the weights after step 9.',
  ],
])('promise 9: says what a repetition showed, and no more: %j', (what, words) => expect(notFiniteWords(what)).toBe(words));
