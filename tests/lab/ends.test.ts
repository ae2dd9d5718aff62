import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { askedEnd, predictHere, type AskedEnd, type EndPredictor } from '../../src/lab/ends/asked-end.ts';
import { joinEnds, NO_ENDS, tallyOf, type KeptEnds, type MarkedEnd } from '../../src/lab/ends/kept-ends.ts';
import { endOf, endWindow, predictEnd, type SeenRun } from '../../src/lab/ends/predict.ts';
import { RunEnds, type EndSource } from '../../src/lab/ends/run-ends.ts';
import { FitClient } from '../../src/lab/index.ts';
import { normals } from '../../src/base/random.ts';
import { annealingSums } from '../../src/laws/index.ts';
import { learningRate, parseSpec, totalSteps, type RunSpec } from '../../src/spec/index.ts';
import { FakeFits } from '../support/fake-fits.ts';

const STEPS = 400;

function specOf(kind: string, steps = STEPS): RunSpec {
  return parseSpec({ schedule: { kind, warmupSteps: 20 }, budget: { steps }, optimizer: { lr: 0.01 } });
}

/** Losses that fall by the law, with the noise of a batch. */
function curve(spec: RunSpec, seed: number, { floor = 1.8, gain = 0.1, alpha = 0.4, noise = 0.05 } = {}): Float64Array {
  const steps = 'steps' in spec.budget ? spec.budget.steps : 0;
  const rates = Array.from({ length: steps }, (_, i) => learningRate(spec, i + 1, steps));
  const { s1, s2 } = annealingSums(rates, Math.exp(-1 / (0.1 * steps)));
  const drawn = new Float32Array(steps);
  normals(drawn, seed, 'noise');
  return s1.map((sum, i) => {
    const power = 0.5 * (sum / (s1[steps - 1] ?? 1)) ** -alpha;
    const annealed = (gain * (s2[i] ?? 0)) / ((s2[steps - 1] ?? 0) || 1);
    return floor + power - annealed + noise * (drawn[i] ?? 0);
  });
}

function seen(spec: RunSpec, losses: Float64Array, share: number): SeenRun {
  return {
    lossNats: losses.subarray(0, Math.floor(share * losses.length)),
    firstStep: 1,
    totalSteps: losses.length,
    warmupSteps: spec.schedule.warmupSteps,
    rateOf: (step) => learningRate(spec, step, losses.length),
  };
}

async function settled(ends: RunEnds, ...sources: readonly EndSource[]): Promise<void> {
  ends.settle(() => sources);
  await answered(ends);
}

/** Until nothing is waited for: on this thread answers come in microtasks. */
async function answered(ends: RunEnds): Promise<void> {
  while (ends.catchingUp) await Promise.resolve();
}

describe('predicted ends', () => {
  it.each(['cosine', 'linear', 'wsd', 'constant'])(
    'of a %s schedule lie inside nine of ten intervals or more, which narrow',
    (kind) => {
      const spec = specOf(kind);
      const widths = [0.25, 0.5, 0.75].map((share) => {
        let [inside, width] = [0, 0];
        for (let seed = 0; seed < 20; seed++) {
          const losses = curve(spec, seed, { gain: 0.02 + 0.008 * seed, alpha: 0.2 + 0.03 * seed, floor: 1.5 + 0.04 * seed });
          const end = predictEnd(seen(spec, losses, share));
          const came = endOf({ lossNats: losses, firstStep: 1, totalSteps: STEPS }) ?? Number.NaN;
          if (typeof end === 'string') throw new Error(end);
          inside += Number(end.low <= came && came <= end.high);
          width += (end.high - end.low) / 20;
        }
        expect(inside).toBeGreaterThanOrEqual(18);
        return width;
      });
      expect(widths[1]).toBeLessThan(widths[0] ?? 0);
      expect(widths[2]).toBeLessThan(widths[1] ?? 0);
    },
  );

  it('of runs that were really trained lie inside nine of ten intervals or more', async () => {
    const curves: unknown = JSON.parse(readFileSync(new URL('../fixtures/learning-curves.json', import.meta.url), 'utf8'));
    if (!Array.isArray(curves)) throw new TypeError('no curves');
    const kept: KeptEnds[] = [];
    for (const curve of curves as readonly { readonly spec: object; readonly lossNats: readonly number[] }[]) {
      const spec = parseSpec(curve.spec);
      const ends = new RunEnds();
      const whole = {
        spec,
        lossNats: Float64Array.from(curve.lossNats),
        firstStep: 1,
        totalSteps: totalSteps(spec),
        flopsPerToken: 1,
      };
      await settled(ends, whole);
      kept.push(ends.of(0).kept);
    }
    const tallies = ([0.25, 0.5, 0.75] as const).map((share) => tallyOf(kept, share));
    const sum = (of: 'runs' | 'inside'): number => tallies.reduce((total, tally) => total + (tally?.[of] ?? 0), 0);
    expect(sum('runs')).toBeGreaterThan(45);
    expect(sum('inside') / sum('runs')).toBeGreaterThanOrEqual(0.9);
    expect(tallies[1]?.medianErrorNats).toBeLessThan(0.06);
    expect(tallies[2]?.medianErrorNats).toBeLessThan(0.025);
  });

  it('say why there is none', () => {
    const spec = specOf('cosine');
    const losses = curve(spec, 1);
    expect(predictEnd(seen(spec, losses, 0.19))).toBe('early');
    expect(predictEnd(seen(spec, losses, 1))).toBe('over');
    const short = specOf('cosine', 100);
    expect(predictEnd(seen(short, curve(short, 1), 0.3))).toBe('few steps');
    const broken = losses.slice();
    broken[150] = Number.NaN;
    expect(predictEnd(seen(spec, broken, 0.5))).toBe('not finite');
  });

  it('need no beginning: a run that goes on after a reload is predicted from what this page saw', () => {
    const spec = specOf('cosine');
    const losses = curve(spec, 3);
    const end = predictEnd({ ...seen(spec, losses, 0.8), lossNats: losses.slice(200, 320), firstStep: 201 });
    expect(end).toMatchObject({ step: 320, totalSteps: STEPS });
  });

  it('of a perfect curve and of a very long run are numbers', () => {
    const spec = specOf('cosine', 30_000);
    const end = predictEnd(seen(spec, curve(spec, 1, { noise: 0 }), 0.6));
    if (typeof end === 'string') throw new Error(end);
    const came = endOf({ lossNats: curve(spec, 1, { noise: 0 }), firstStep: 1, totalSteps: 30_000 }) ?? Number.NaN;
    expect(Math.abs(end.lossNats - came)).toBeLessThan(0.03);
  });

  it('are of the mean of the last steps', () => {
    expect(endWindow(400)).toEqual({ from: 381, to: 400 });
    expect(endWindow(40)).toEqual({ from: 31, to: 40 });
    expect(endWindow(4)).toEqual({ from: 1, to: 4 });
    expect(endOf({ lossNats: [9, 9, 1, 2, 3, 4], firstStep: 1, totalSteps: 4 })).toBe(5.25);
    expect(endOf({ lossNats: [1, 2], firstStep: 1, totalSteps: 4 })).toBeNull();
  });
});

describe('RunEnds', () => {
  const spec = specOf('cosine');
  const losses = curve(spec, 5);
  const sourceAt = (step: number): EndSource => ({
    spec,
    lossNats: losses.subarray(0, step),
    firstStep: 1,
    totalSteps: STEPS,
    flopsPerToken: 1,
  });

  it('remembers the same marks whenever it is asked, and scores them at the end', async () => {
    const often = new RunEnds();
    for (let step = 10; step <= STEPS; step += 10) {
      often.grown(() => [sourceAt(step)], step * 100);
      await answered(often);
    }
    await settled(often, sourceAt(STEPS));
    const once = new RunEnds();
    await settled(once, sourceAt(STEPS));
    expect(often.of(0).kept).toEqual(once.of(0).kept);
    expect(once.of(0).kept.marks.map(({ share, step }) => [share, step])).toEqual([
      [0.25, 100],
      [0.5, 200],
      [0.75, 300],
    ]);
    expect(once.of(0).kept.cameNats).toBeCloseTo(
      losses.slice(380).reduce((sum, loss) => sum + loss / 20, 0),
      12,
    );
    expect(once.of(0).latest).toBe('over');
  });

  it('asks every two seconds at most, for one lane at a time, and for lanes beyond the eighth at the marks alone', async () => {
    let asked = 0;
    const counting: EndPredictor = (end) => {
      asked++;
      return predictHere(end);
    };
    const ends = new RunEnds(counting);
    const lanes = (step: number): EndSource[] => Array.from({ length: 10 }, () => sourceAt(step));
    ends.grown(() => lanes(90), 0);
    ends.grown(() => lanes(90), 10);
    expect(asked, 'one at a time').toBe(1);
    for (let ms = 50; ms < 2000; ms += 50) {
      await answered(ends);
      ends.grown(() => lanes(90), ms);
    }
    expect(asked).toBe(8);
    expect(ends.of(7).latest).toMatchObject({ step: 90 });
    expect(ends.of(8).latest).toBeNull();
    for (let ms = 2000; ms < 4000; ms += 50) {
      await answered(ends);
      ends.grown(() => lanes(110), ms);
    }
    await answered(ends);
    expect(ends.of(9).kept.marks).toHaveLength(1);
  });

  it('takes what a run came to at once, and tells when the marks that are left are predicted', async () => {
    let told = 0;
    const ends = new RunEnds(predictHere, () => told++);
    const lanes = Array.from({ length: 10 }, () => sourceAt(STEPS));
    const marks = (): number => lanes.reduce((sum, _, i) => sum + ends.of(i).kept.marks.length, 0);
    ends.settle(() => lanes);
    expect(ends.of(9).kept.cameNats).toBeGreaterThan(0);
    expect([marks(), ends.catchingUp]).toEqual([0, true]);
    await answered(ends);
    expect(marks()).toBe(30);
    expect(told).toBeGreaterThan(30);
    // While it trains too.
    const growing = new RunEnds();
    growing.grown(() => [sourceAt(350)], 0);
    await answered(growing);
    expect(growing.of(0).kept.marks).toHaveLength(1);
  });

  it('drops an answer of a run that went back or was lengthened meanwhile, and asks again', async () => {
    const answers: (() => void)[] = [];
    const slow: EndPredictor = (end) => new Promise((resolve) => answers.push(() => resolve(askedEnd(end))));
    const ends = new RunEnds(slow);
    let source = sourceAt(90);
    ends.grown(() => [source], 0);
    source = { ...sourceAt(85), totalSteps: STEPS };
    answers.pop()?.();
    await answered(ends);
    expect(ends.of(0).latest, 'went back').toBeNull();
    ends.grown(() => [source], 5000);
    source = { ...sourceAt(95), totalSteps: 2 * STEPS };
    answers.pop()?.();
    await answered(ends);
    expect(ends.of(0).latest, 'lengthened').toBeNull();
    source = sourceAt(95);
    ends.grown(() => [source], 10_000);
    source = sourceAt(99);
    answers.pop()?.();
    await answered(ends);
    expect(ends.of(0).latest, 'trained on').toMatchObject({ step: 95, totalSteps: STEPS });
  });

  it('predicts by itself where nobody else can', async () => {
    const ends = new RunEnds(() => Promise.reject(new Error('the worker is gone')));
    await settled(ends, sourceAt(STEPS));
    const own = new RunEnds();
    await settled(own, sourceAt(STEPS));
    expect(ends.of(0)).toEqual(own.of(0));
  });

  it('gives no number to a lane that diverged', async () => {
    const broken = losses.slice();
    broken.fill(Number.NaN, 120);
    const ends = new RunEnds();
    await settled(ends, { ...sourceAt(STEPS), lossNats: broken });
    expect(ends.of(0).kept.marks.map(({ share }) => share)).toEqual([0.25]);
    expect(ends.of(0).kept.cameNats).toBeNull();
  });

  it('of the fit worker are those of this thread, to the bit', async () => {
    const asked: AskedEnd = { spec, lossNats: losses.slice(0, 200), firstStep: 1, totalSteps: STEPS, plannedSteps: STEPS };
    const fits = new FitClient(() => new FakeFits());
    const there = await fits.predictEnd({ ...asked, lossNats: asked.lossNats.slice() });
    expect(there).toEqual(askedEnd(asked));
    expect(there).toEqual(predictEnd(seen(spec, losses, 0.5)));
    expect(await fits.predictEnd({ ...asked, lossNats: losses.slice(0, 20) })).toBe('early');
  });
});

describe('kept ends', () => {
  const mark = (share: MarkedEnd['share'], lossNats: number, totalSteps = STEPS): MarkedEnd => {
    return { share, step: share * totalSteps, totalSteps, lossNats, low: lossNats - 0.1, high: lossNats + 0.1 };
  };

  it('of a page that was left and of the one that goes on are one', () => {
    const before: KeptEnds = { marks: [mark(0.25, 2)], cameNats: null };
    const now: KeptEnds = { marks: [mark(0.25, 9), mark(0.75, 2.1)], cameNats: 2.05 };
    const joined = { marks: [mark(0.25, 2), mark(0.75, 2.1)], cameNats: 2.05 };
    expect(joinEnds(before, now)).toEqual(joined);
    expect(joinEnds(joined, { marks: [mark(0.5, 7)], cameNats: null })).toEqual(joined);
    // The last marks of a run are predicted when it has ended.
    expect(joinEnds(joined, { marks: [mark(0.5, 7)], cameNats: 2.05 }).marks).toEqual([
      mark(0.25, 2),
      mark(0.5, 7),
      mark(0.75, 2.1),
    ]);
    expect(joinEnds(before, { marks: [mark(0.5, 7, 800)], cameNats: null }).marks).toEqual([mark(0.5, 7, 800)]);
  });

  it('are counted over runs', () => {
    const of = (lossNats: number, cameNats: number | null): KeptEnds => ({ marks: [mark(0.5, lossNats)], cameNats });
    const tally = tallyOf([of(2, 2.05), of(2, 2.2), of(2, 1.98), of(2, null), NO_ENDS], 0.5);
    expect([tally?.runs, tally?.inside]).toEqual([3, 2]);
    expect(tally?.medianErrorNats).toBeCloseTo(0.05, 12);
    expect(tallyOf([of(2, 2)], 0.25)).toBeNull();
  });
});
