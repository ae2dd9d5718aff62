import { describe, expect, it } from 'vitest';
import type { OwnFit } from '../../src/lab/laws/fit-protocol.ts';
import { NO_OPTIMA } from '../../src/lab/laws/optima.ts';
import { ownLaws, publishedLaws, rangeOf, type PlanLaw } from '../../src/lab/planner/law.ts';
import { allocate } from '../../src/lab/planner/plan.ts';
import { makePlan, UNMEASURED, type PlanContext, type PlanSettings } from '../../src/lab/planner/planner.ts';
import { ratesFor } from '../../src/lab/planner/rates.ts';
import { ladderAround, runOf } from '../../src/lab/planner/runs.ts';
import { nearestSize } from '../../src/lab/planner/size.ts';
import { budgetOfMinutes, nearestSpeed, peakSpeed, speedsOf, type Speed } from '../../src/lab/planner/speed.ts';
import { newRecord, type RunRecord } from '../../src/lab/store/record.ts';
import { COUNT_ALL, defaultSpec, expandSweep, parameterCount, parseSpec, specFaults, sweepToHash } from '../../src/spec/index.ts';
import { forecastOf } from '../support/fake-reports.ts';
import { DEVICE } from '../support/fake-worker.ts';

const lawCalled = (name: string): PlanLaw => {
  const law = publishedLaws().find(({ title }) => title.startsWith(name));
  if (law === undefined) throw new Error(name);
  return law;
};
const unrounded = lawCalled('Hoffmann et al., unrounded');

describe('a plan by a published law', () => {
  it('gives 40 B parameters and 2.38 T tokens for Chinchilla’s budget, as the unrounded constants do', () => {
    const { N, D, C, lossNats } = allocate(unrounded, 5.76e23);
    expect(N.value / 1e9).toBeCloseTo(40.3, 0);
    expect(D.value / 1e12).toBeCloseTo(2.38, 2);
    expect(6 * N.value * D.value).toBeCloseTo(C, -18);
    expect(lossNats.value).toBeCloseTo(1.6934 + 406.4 * N.value ** -0.33917 + 410.7 * D.value ** -0.28491, 10);
    expect(N.interval).toBeNull();
    expect(unrounded.certainty.none).toMatch(/^No interval published that is of use/);
  });

  it('has no interval where none is published for N and D; an exponent’s error is said', () => {
    const besiroglu = lawCalled('Besiroglu');
    for (const C of [1e12, 3.175e20]) {
      const { N, D, lossNats } = allocate(besiroglu, C);
      expect([N.interval, D.interval, lossNats.interval]).toEqual([null, null, null]);
    }
    expect(besiroglu.certainty.none).toMatch(/^No interval published for N and D: .* standard error of 0\.02/);
  });

  it.each([
    ['Hoffmann et al., as printed', 32, 2.98],
    ['Besiroglu', 72, 1.33],
  ])('by %s is %f B and %f T', (name, billions, trillions) => {
    const { N, D } = allocate(lawCalled(name), 5.76e23);
    expect(Math.abs(N.value / 1e9 / billions - 1)).toBeLessThan(0.02);
    expect(Math.abs(D.value / 1e12 / trillions - 1)).toBeLessThan(0.02);
  });

  it('warns that a lab’s models are far smaller than any that it was fitted on', () => {
    expect(allocate(unrounded, 5.76e23).warnings).toEqual([
      'N is 2.5 times larger than the largest that the law was fitted on.',
      'D is 4.8 times larger than the largest that the law was fitted on.',
    ]);
    const [size, tokens] = allocate(unrounded, 1e13).warnings;
    expect(size).toMatch(
      /^N is \d+ times smaller than the smallest that the law was fitted on\. That far, the law is a guess\.$/,
    );
    expect(tokens).toMatch(/^D is [\d,]+ times smaller than the smallest/);
  });

  it('that pays for inference too buys a smaller model, where the marginal costs balance', () => {
    const plain = allocate(unrounded, 1e21);
    const served = allocate(unrounded, 1e21, 1e12);
    const [N, D] = [served.N.value, served.D.value];
    expect(N).toBeLessThan(plain.N.value);
    expect(6 * N * D + 2 * N * 1e12).toBeCloseTo(1e21, -15);
    // alpha A N^-alpha / (beta B D^-beta) = 1 + D_inf / 3 D, Sardana et al., eq. 3.
    const left = (0.33917 * 406.4 * N ** -0.33917) / (0.28491 * 410.7 * D ** -0.28491);
    expect(left).toBeCloseTo(1 + 1e12 / (3 * D), 5);
    expect(allocate(unrounded, 1e21, 0).N.value).toBe(plain.N.value);
  });
});

const NO_FRONTIERS = { 'chinchilla-envelope': null, 'chinchilla-isoflop': null };
const ownLaw = (fit: OwnFit | null, range: PlanLaw['range']): PlanLaw | null => ownLaws(fit, NO_FRONTIERS, range)[0] ?? null;

describe('a plan by one’s own fit', () => {
  const outcome = {
    lawId: 'chinchilla',
    loss: 'huber:1e-3',
    objective: 1,
    params: unrounded.params,
    intervals: {},
    level: 0.9,
    starts: { total: 10, agree: 9 },
    points: 40,
    counting: COUNT_ALL,
    warnings: [],
    condition: 1,
    r2: 1,
    shares: [0.05, 0.95] as const,
    replicates: Array.from({ length: 100 }, (_, i) => ({ ...unrounded.params, A: 300 + 2 * i })),
  };

  it('has intervals from the fit’s resamples', () => {
    const law = ownLaw(outcome, null);
    if (law === null) throw new Error('no law');
    const { N, D } = allocate(law, 1e18);
    const sizeAt = (A: number): number => allocate({ ...law, params: { ...law.params, A } }, 1e18).N.value;
    // N rises with A, so quantiles of N are those of A: 5 % of 300, 302, .. 498.
    expect(N.interval?.[0]).toBeCloseTo(sizeAt(309.9), -6);
    expect(N.interval?.[1]).toBeCloseTo(sizeAt(488.1), -6);
    const wide = allocate({ ...law, shares: [0.01, 0.99] }, 1e18).N;
    expect(wide.interval?.[0]).toBeCloseTo(sizeAt(301.98), -6);
    expect((D.interval?.[0] ?? 0) < D.value && D.value < (D.interval?.[1] ?? 0)).toBe(true);
  });

  it('by approaches 1 and 2 is the closed form of their power laws, with intervals from resamples, and without a loss', () => {
    const params = { k_N: 0.3, a: 0.5, k_D: 0.5, b: 0.5 };
    const optima = [1e10, 1e12].map((C) => ({ C, N: 0.3 * C ** 0.5, D: 0.5 * C ** 0.5, loss: 3 }));
    const replicates = Array.from({ length: 101 }, (_, i) => ({ ...params, k_N: 0.25 + i / 1000 }));
    const isoflop: OwnFit = { ...outcome, lawId: 'chinchilla-isoflop', params, replicates, optima };
    const laws = ownLaws(outcome, { ...NO_FRONTIERS, 'chinchilla-isoflop': isoflop }, null);
    expect(laws.map(({ id }) => id)).toEqual(['own', 'own-isoflop']);
    const [, law] = laws;
    if (law === undefined) throw new Error('no law');
    expect(law.provenance).toBe(
      'Your own fit to 40 points, through the best sizes of 2 budgets. N counts all parameters, C counts every matmul with attention and ' +
        'with the last layer. The budget is C as these points have it.',
    );
    const { N, D, C, lossNats, warnings } = allocate(law, 4e12);
    expect([N.value, D.value, C]).toEqual([0.3 * 4e12 ** 0.5, 0.5 * 4e12 ** 0.5, 4e12]);
    expect(N.interval?.[0]).toBeCloseTo(0.255 * 4e12 ** 0.5, 6);
    expect(N.interval?.[1]).toBeCloseTo(0.345 * 4e12 ** 0.5, 6);
    expect(lossNats).toEqual({ value: NaN, interval: null });
    expect(warnings[0]).toBe('N is 2 times larger than the largest that the law was fitted on.');
    expect(() => allocate(law, 4e12, 1e6)).toThrow(
      'Your isoFLOP minima (approach 2): it knows the best size of a budget and no loss beside it, so it cannot weigh inference. Plan by',
    );
    // Chosen as the law of the page, it comes first and once.
    expect(ownLaws(isoflop, { ...NO_FRONTIERS, 'chinchilla-isoflop': isoflop }, null).map(({ id }) => id)).toEqual([
      'own-isoflop',
    ]);
  });

  it('by another law of N and D is that law’s', () => {
    const params = { N_c: 3e6, alpha_N: 0.2, D_c: 4e7, alpha_D: 0.25 };
    const law = ownLaw({ ...outcome, lawId: 'kaplan-nd', params, replicates: [] }, null);
    const { N, D } = allocate(law ?? unrounded, 1e12);
    expect(law?.title).toBe('Your own fit (kaplan-nd)');
    expect((6 * N.value * D.value) / 1e12).toBeCloseTo(1, 9);
    expect(law?.certainty.none).toBe('No interval: the bootstrap is switched off.');
  });

  it('counts N as its points did, whatever the page counts now', () => {
    const law = ownLaw({ ...outcome, counting: { ...COUNT_ALL, parameters: 'non-embedding' } }, null);
    if (law === null) throw new Error('no law');
    const settings: PlanSettings = { unit: 'flops', flops: 1e14, minutes: 1, inferenceTokens: 0, rates: 'settings' };
    const sizeBy = (counted: PlanContext['counted'], by: PlanLaw): number | undefined => {
      const plan = makePlan(settings, { base: defaultSpec, law: by, counted, own: NO_OPTIMA, speeds: [], peak: null });
      return plan === UNMEASURED ? undefined : plan.run?.flops;
    };
    expect(sizeBy('all', law)).toBe(sizeBy('non-embedding', law));
    const file = ownLaw({ ...outcome, counting: null }, null);
    if (file === null) throw new Error('no law');
    expect(file.provenance).toContain('N and C are those of the file.');
    expect(sizeBy('all', file)).not.toBe(sizeBy('non-embedding', file));
  });

  it('says so where many resamples give no size', () => {
    const lost = outcome.replicates.map((params, i) => (i % 4 === 0 ? { ...params, beta: 0 } : params));
    const law = ownLaw({ ...outcome, replicates: lost }, null);
    expect(law && allocate(law, 1e18).warnings).toEqual([expect.stringMatching(/^25 of 100 resamples/)]);
  });

  it('spans what its points span', () => {
    const columns = { N: Float64Array.of(3, 1, 2), C: Float64Array.of(18, 60, 24) };
    expect(rangeOf({ columns })).toEqual({ N: [1, 3], D: [1, 10] });
    expect(rangeOf({ columns: { N: columns.N } })).toBeNull();
    expect(rangeOf({ columns }, new Set([0, 1]))).toEqual({ N: [2, 2], D: [2, 2] });
  });

  it('is none where the fit is of another law', () => {
    expect(ownLaw({ ...outcome, lawId: 'power-n' }, null)).toBeNull();
    expect(ownLaw(null, null)).toBeNull();
  });
});

describe('the nearest model', () => {
  it.each([6_000, 15_000, 100_000, 433_000, 1_000_000, 7_500_000])(
    'to %i parameters is within 6 % and breaks no rule',
    (target) => {
      const size = nearestSize(defaultSpec, target);
      if (size === null) throw new Error('none');
      expect(Math.abs(size.difference)).toBeLessThan(0.06);
      expect(parameterCount(size.spec).total).toBe(size.parameters);
      expect(size.parameters / target - 1).toBe(size.difference);
      expect(specFaults(size.spec)).toEqual([]);
      expect(size.width % size.heads).toBe(0);
    },
  );

  it('to the base’s own size is the base', () => {
    const { layers, width, heads } = defaultSpec.model;
    expect(nearestSize(defaultSpec, parameterCount(defaultSpec).total)).toMatchObject({ layers, width, heads, difference: 0 });
  });

  it('prefers widths that suit vectors', () => {
    const widths = [2e4, 5e4, 1e5, 3e5, 1e6, 3e6].map((target) => nearestSize(defaultSpec, target)?.width ?? 1);
    expect(widths.filter((width) => width % 4 === 0)).toHaveLength(widths.length);
  });

  it('keeps RoPE’s heads even and the groups of keys and values whole', () => {
    const base = parseSpec({ model: { position: 'rope', width: 64, heads: 4, kvHeads: 2 } });
    for (const target of [5e3, 8e4, 1.3e6]) expect(specFaults(nearestSize(base, target)?.spec)).toEqual([]);
  });

  it('is none beyond what specs allow', () => {
    expect(nearestSize(defaultSpec, 40e9)).toBeNull();
  });
});

describe('learning rate and batch', () => {
  it('by the Step Law are those of its formulas', () => {
    const { learningRate, batch, words, warnings } = ratesFor('step-law', defaultSpec, 1e6, 1e8, NO_OPTIMA);
    expect(learningRate.value).toBeCloseTo(1.79 * 1e6 ** -0.713 * 1e8 ** 0.307, 12);
    const rows = (0.58 * 1e8 ** 0.571) / defaultSpec.data.context;
    expect(Math.abs(batch.value - rows)).toBeLessThanOrEqual(4);
    expect(batch.value % 8).toBe(0);
    expect([learningRate.interval, batch.interval]).toEqual([null, null]);
    expect(words.join()).toContain('No interval published');
    expect(warnings).toEqual([
      'N is 210 times smaller than the smallest that Step Law was fitted on. That far, the law is a guess.',
      'D is 40 times smaller than the smallest that Step Law was fitted on. That far, the law is a guess.',
    ]);
  });

  it('that ask for more rows than a run takes are the most it takes, without an interval, and say so', () => {
    const { batch, warnings } = ratesFor('critical-batch', defaultSpec, 1e12, 1e13, NO_OPTIMA);
    expect(batch).toEqual({ value: 4096, interval: null, none: 'the most that a run takes' });
    expect(warnings.at(-1)).toMatch(/^A batch of \S+ rows is asked for, and a run takes 4,100 at most\.$/);
  });

  it('by the critical batch are its rows and the rate that is set', () => {
    const { learningRate, batch } = ratesFor('critical-batch', defaultSpec, 1e6, 1e8, NO_OPTIMA);
    expect(learningRate).toEqual({ value: defaultSpec.optimizer.lr, interval: null, none: 'as it is set' });
    expect(batch.value).toBe(8 * Math.round((93.2 * 512) / defaultSpec.data.context / 8));
    const [low = NaN, high = NaN] = batch.interval ?? [];
    expect(low < batch.value && batch.value < high && high < 1.5 * batch.value).toBe(true);
    expect(ratesFor('settings', defaultSpec, 1e6, 1e8, NO_OPTIMA).batch).toEqual({
      value: defaultSpec.data.batch,
      interval: null,
      none: 'as it is set',
    });
  });
});

describe('a planned run', () => {
  const rates = { learningRate: 0.0123456, batch: 24 };

  it('has the tokens asked for, in whole steps, and keeps the warm-up’s share', () => {
    const run = runOf(defaultSpec, { N: 1e5, D: 2e6 }, rates);
    if (run === null) throw new Error('none');
    expect(run.faults).toEqual([]);
    expect(run.tokens).toBe(run.steps * 24 * defaultSpec.data.context);
    expect(Math.abs(run.tokens / 2e6 - 1)).toBeLessThan(0.01);
    expect(run.spec.optimizer.lr).toBe(0.0123);
    const share = defaultSpec.schedule.warmupSteps / 2000;
    expect(run.spec.schedule.warmupSteps / run.steps).toBeCloseTo(share, 2);
  });

  it('stands in the middle of a ladder that fits in a link', () => {
    const run = runOf(defaultSpec, { N: 1e5, D: 2e6 }, rates);
    const sweep = run && ladderAround(run);
    if (sweep === null) throw new Error('none');
    expect(expandSweep(sweep)).toHaveLength(15);
    expect(sweepToHash(sweep)).toMatch(/^sweep1\./);
    expect(JSON.stringify(sweep.recipe)).toContain(`"width":${run?.size.width}`);
  });

  it('says its faults where the plan breaks a rule of specs', () => {
    expect(runOf(defaultSpec, { N: 1e5, D: 1e15 }, rates)?.faults.length).toBeGreaterThan(0);
  });
});

describe('minutes on this GPU', () => {
  const device = DEVICE;
  const ran = (id: string, flopsPerToken: number, msPerStep: number | null, change: Partial<RunRecord> = {}): RunRecord => {
    const { vendor, architecture, software, description } = device;
    return {
      ...newRecord({ id, spec: defaultSpec, name: id }, 0),
      msPerStep,
      counts: { parameters: 1, nonEmbeddingParameters: 1, flopsPerToken, tokensPerStep: 1000 },
      environment: {
        adapter: description,
        vendor,
        architecture,
        device: device.device,
        software,
        features: [],
        userAgent: '',
        build: '',
        tunedKernels: 0,
        fusionOff: [],
        disabledVariants: [],
      },
      ...change,
    };
  };

  it('are counted at the speed of kept runs on this adapter alone, of which the nearest in size tells', () => {
    const other = ran('other', 1e6, 1);
    const environment = other.environment && { ...other.environment, vendor: 'another' };
    const lanes = ran('lanes', 1e6, 1, { program: { id: 'x', lane: 0, lanes: 4 } });
    const runs = [ran('small', 1e5, 2), ran('large', 1e7, 20), { ...other, environment }, ran('new', 1e6, null), lanes];
    const speeds = speedsOf({ device, runs, forecast: null });
    // 1e5 x 1000 FLOPs in 2 ms, 1e7 x 1000 in 20 ms.
    expect(speeds.map(({ flopsPerSecond }) => flopsPerSecond)).toEqual([5e10, 5e11]);
    expect(nearestSpeed(speeds, 2e10)?.source).toBe('measured here on the run large');
    const estimated = speedsOf({ device, runs: [], forecast: { ...forecastOf(defaultSpec), estimatedMs: 1000 } });
    const { flopsPerToken, tokensPerStep, totalSteps } = forecastOf(defaultSpec);
    expect(estimated.map(({ flopsPerSecond }) => flopsPerSecond)).toEqual([flopsPerToken * tokensPerStep * totalSteps]);
    expect(speedsOf({ device: null, runs, forecast: null })).toEqual([]);
  });

  it('are counted at the speed of the model that they lead to', () => {
    const speeds: Speed[] = [
      { flopsPerSecond: 1e10, flopsPerStep: 1e8, source: 'small' },
      { flopsPerSecond: 1e12, flopsPerStep: 1e10, source: 'large' },
    ];
    expect(budgetOfMinutes(1, speeds, () => 2e10)).toMatchObject({ flops: 6e13, speed: { source: 'large' } });
    expect(budgetOfMinutes(1, speeds, () => 1e8)).toMatchObject({ flops: 6e11 });
    expect(budgetOfMinutes(1, [], () => 1)).toBeNull();
  });

  const settings: PlanSettings = { unit: 'minutes', flops: 1e13, minutes: 10, inferenceTokens: 0, rates: 'settings' };
  const context: PlanContext = { base: defaultSpec, law: unrounded, counted: 'all', own: NO_OPTIMA, speeds: [], peak: null };

  it('make a plan once a speed is known, and say what to measure before', () => {
    expect(makePlan(settings, context)).toBe(UNMEASURED);
    const speeds = [{ flopsPerSecond: 1e10, flopsPerStep: 1e8, source: 'a run' }];
    const plan = makePlan(settings, { ...context, speeds });
    if (plan === UNMEASURED) throw new Error(plan);
    expect(plan.budget).toBe(6e12);
    expect(plan.speed?.source).toBe('a run');
    expect(plan.estimatedMs).toBeCloseTo(((plan.run?.flops ?? 0) / 1e10) * 1000, 3);
    const rough = makePlan(settings, { ...context, peak: peakSpeed({ matmulFlopsPerSecond: 1e12, kernel: 'k' }) });
    if (rough === UNMEASURED) throw new Error(rough);
    expect([rough.budget, rough.estimatedMs]).toEqual([6e14, null]);
    expect(rough.speed?.source).toMatch(/matmul peak/);
  });

  it.each(['all', 'non-embedding'] as const)('are kept by the run that they buy, N being of %s parameters', (counted) => {
    // A long context: attention costs much that 6 N D leaves out.
    const base = parseSpec({ data: { context: 1024 } });
    for (const [minutes, inferenceTokens] of [
      [1, 0],
      [10, 0],
      [100, 1e7],
    ] as const) {
      const speeds = [{ flopsPerSecond: 1e11, flopsPerStep: 1e8, source: 'a run' }];
      const plan = makePlan({ ...settings, minutes, inferenceTokens }, { ...context, base, counted, speeds });
      if (plan === UNMEASURED || plan.run === null) throw new Error('no plan');
      const inference = 2 * plan.allocation.N.value * inferenceTokens;
      const share = (plan.run.flops + inference) / (minutes * 60 * 1e11);
      expect(share).toBeLessThanOrEqual(1);
      expect(share).toBeGreaterThan(0.75);
    }
  });

  it('plan by each resample of a fit once, whatever is tried on the way', () => {
    let asked = 0;
    const replicates = Array.from({ length: 30 }, () => ({
      ...unrounded.params,
      get alpha(): number {
        asked += 1;
        return unrounded.params['alpha'] ?? 0;
      },
    }));
    const own = { ...unrounded, replicates };
    allocate(own, 6e12);
    const once = asked;
    asked = 0;
    makePlan(settings, { ...context, law: own, speeds: [{ flopsPerSecond: 1e10, flopsPerStep: 1e8, source: 'a run' }] });
    expect(asked).toBe(once);
  });

  it('say so where the law foretells a loss above that of a model that knows nothing', () => {
    const plan = makePlan({ ...settings, unit: 'flops', flops: 1e10 }, context);
    if (plan === UNMEASURED) throw new Error(plan);
    expect(plan.allocation.warnings.at(-1)).toMatch(/^The law foretells [\d.]+ nats where a model that knows nothing has 5\.55/);
  });

  it.each([0, -1, Number.NaN, Infinity])('a budget of %f is none', (flops) => {
    expect(() => makePlan({ ...settings, unit: 'flops', flops }, context)).toThrow(/budget: is no positive number/);
  });
});
