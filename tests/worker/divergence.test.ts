import { expect, it } from 'vitest';
import { Divergence } from '../../src/worker/divergence.ts';
import type { StepMetrics } from '../../src/train/index.ts';

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

it('promise 2: a lane whose gradient norm is not finite is marked, and the others go on', () => {
  const notices: string[] = [];
  const watch = new Divergence(2, (text) => notices.push(text));
  expect(watch.check(metrics([1, 2, 1, 2], [1, Infinity, 1, NaN]), null)).toBeNull();
  expect(notices).toEqual([
    'Lane 1 diverged at step 7: its gradient norm is Infinity. The other lanes are not touched by it and go on.',
  ]);
  expect(watch.check(metrics([NaN, NaN, NaN, NaN], [1, 1, 1, 1]), null)?.message).toContain(
    'step 7, lane 0: the loss of the last lane is not finite',
  );
});

it('names the first tensor that is not finite, and after which step it was looked for', async () => {
  const watch = new Divergence(2, () => undefined);
  const error = watch.check(metrics([NaN, NaN, NaN, NaN], [1, 1, 1, 1]), null);
  const found = { tensor: 'blocks.1.mlp.fc fprop.output', step: 9 };
  const explained = await watch.explain(error, () => Promise.resolve([null, found]));
  expect(String(explained)).toBe(
    'SpecError: step 7, lane 1: the loss of the last lane is not finite: got NaN, expected a finite number. ' +
      'blocks.1.mlp.fc fprop.output is the first tensor that is not finite in the pass after step 9. ' +
      'Choose a smaller learning rate, a longer warm-up or gradient clipping.',
  );
  // What cannot be looked at, or shows nothing, leaves the error as it is; and so are other errors.
  expect(await watch.explain(error, () => Promise.resolve([found, null]))).toBe(error);
  expect(await watch.explain(error, () => Promise.reject(new Error('out of memory')))).toBe(error);
  const other = new Error('other');
  expect(await watch.explain(other, () => Promise.resolve([found, found]))).toBe(other);
});
