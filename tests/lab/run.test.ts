import { describe, expect, it } from 'vitest';
import { Run, runCsv, type RunTopic } from '../../src/lab/index.ts';
import { defaultSpec } from '../../src/spec/index.ts';
import type { MetricsEvent, RunState } from '../../src/worker/protocol.ts';
import { dataOf, forecastOf } from '../support/fake-reports.ts';

function metrics(firstStep: number, losses: readonly number[], lanes = 1): MetricsEvent {
  const steps = losses.length / lanes;
  return {
    type: 'metrics',
    runId: 'a',
    firstStep,
    lanes,
    lossNats: Float32Array.from(losses),
    gradNorm: new Float32Array(losses.length).fill(0.5),
    learningRate: new Float32Array(losses.length).fill(0.25),
    epochs: Float32Array.from({ length: steps }, (_, i) => (firstStep + i) / 8),
  };
}

function started(): Run {
  const run = new Run('a', defaultSpec);
  run.started({ ...forecastOf(defaultSpec), data: dataOf('sotu'), startStep: 0, lanes: 1, tunedKernels: 0, choices: [] });
  return run;
}

const state = (to: RunState, step: number): Parameters<Run['apply']>[0] => ({
  type: 'state',
  runId: 'a',
  state: to,
  step,
  totalSteps: 2000,
});

describe('Run', () => {
  it('appends steps and tells those who watch the series', () => {
    const run = started();
    const told: RunTopic[] = [];
    run.on('series', () => told.push('series'));
    run.apply(metrics(1, [5, 4.5]), 0);
    run.apply(metrics(3, [4]), 0);
    expect([...run.steps.view()]).toEqual([1, 2, 3]);
    expect([...run.lane0.lossNats.view()]).toEqual([5, 4.5, 4]);
    expect(run.step).toBe(3);
    expect(told).toHaveLength(2);
  });

  it('keeps the lanes apart', () => {
    const run = started();
    run.apply(metrics(1, [5, 6, 4, 5.5], 2), 0);
    expect(run.lanes.map((lane) => [...lane.lossNats.view()])).toEqual([
      [5, 4],
      [6, 5.5],
    ]);
  });

  it('promise 7: after going back to a checkpoint, the repeated steps replace the first ones', () => {
    const run = started();
    run.apply(metrics(1, [5, 4, Number.NaN, 2]), 0);
    run.apply(metrics(3, [3.5, 3]), 0);
    expect([...run.steps.view()]).toEqual([1, 2, 3, 4]);
    expect([...run.lane0.lossNats.view()]).toEqual([5, 4, 3.5, 3]);
    expect(run.broken).toEqual([]);
  });

  it('continues from a checkpoint at its own step', () => {
    const run = started();
    run.apply(metrics(401, [2, 1.5]), 0);
    expect([...run.xs('step')]).toEqual([401, 402]);
    expect(run.xOf(402, 'tokens')).toBe(402 * 1024);
  });

  it('notes every loss that is not finite with its step', () => {
    const run = started();
    run.apply(metrics(10, [2, Number.NaN, Infinity]), 0);
    expect(run.broken).toEqual([
      { step: 11, value: Number.NaN },
      { step: 12, value: Infinity },
    ]);
  });

  it('spreads training time over the steps of a submit and leaves pauses out', () => {
    const run = started();
    run.apply(state('running', 0), 1000);
    run.apply(metrics(1, [5, 4]), 1100);
    run.apply(state('paused', 2), 1100);
    run.apply(state('running', 2), 61_100);
    run.apply(metrics(3, [3]), 61_150);
    expect([...run.timeMs.view()]).toEqual([50, 100, 150]);
    expect(run.xOf(3, 'time')).toBeCloseTo(0.15, 12);
  });

  it('replaces an evaluation that is made again after a recovery', () => {
    const run = started();
    for (const [step, loss] of [
      [50, 3],
      [100, 2.5],
      [50, 3],
    ] as const) {
      run.apply({ type: 'eval', runId: 'a', step, split: 'validation', lossNats: Float64Array.of(loss) }, 0);
    }
    expect([...run.evals.validation.steps.view()]).toEqual([50]);
  });
});

describe('runCsv', () => {
  it('writes a row a step, with evaluations beside it and NaN in words', () => {
    const run = started();
    run.apply({ type: 'eval', runId: 'a', step: 0, split: 'validation', lossNats: Float64Array.of(5.5) }, 0);
    run.apply(metrics(1, [5, Number.NaN]), 0);
    const perToken = forecastOf(defaultSpec).flopsPerToken;
    expect(runCsv(run).split('\n')).toEqual([
      'step,tokens,flops,seconds,epochs,learningRate,gradNorm,trainNats,validationNats,oodNats',
      '0,0,0,0,,,,,5.5,',
      `1,1024,${1024 * perToken},0,0.125,0.25,0.5,5,,`,
      `2,2048,${2048 * perToken},0,0.25,0.25,0.5,nan,,`,
      '',
    ]);
  });
});
