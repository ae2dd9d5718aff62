import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  armSpecs,
  COMPARISON_START,
  comparisonFromJson,
  comparisonFromText,
  comparisonJson,
  comparisonToText,
  gapsCsv,
  Lab,
  lossesCsv,
  recipeArm,
  stabilityCsv,
  stabilitySeries,
  tensorAt,
  tensorMap,
  tensorsCsv,
  tensorSeries,
  type Comparison,
  type ComparisonSetup,
} from '../../src/lab/index.ts';
import { defaultSpec, parseSpec } from '../../src/spec/index.ts';
import { FakeWorker } from '../support/fake-worker.ts';

const BASE = parseSpec({ budget: { steps: 120 } });

/** A lab with a comparison that has begun, and the worker behind it. */
async function compared(
  change: Partial<ComparisonSetup> = {},
): Promise<{ lab: Lab; worker: FakeWorker; comparison: Comparison }> {
  const worker = new FakeWorker();
  const lab = new Lab({ connect: () => worker, storage: null });
  await lab.open();
  lab.setSpec(BASE);
  lab.comparisons.change({ probeEvery: 40, whatIf: ['e5m2'], ...change });
  await lab.comparisons.start();
  const { current } = lab.comparisons;
  if (current === null) throw new Error('no comparison');
  await vi.waitFor(() => expect(current.state).toBe('running'));
  return { lab, worker, comparison: current };
}

async function finished(change: Partial<ComparisonSetup> = {}): Promise<{ lab: Lab; comparison: Comparison }> {
  const { lab, worker, comparison } = await compared(change);
  worker.host.comparison?.train(40);
  worker.host.comparison?.train(40);
  worker.host.comparison?.train(40);
  await vi.waitFor(() => expect(comparison.state).toBe('finished'));
  return { lab, comparison };
}

function armAt(comparison: Comparison, place: number): Comparison['arms'][number] {
  const arm = comparison.arms[place];
  if (arm === undefined) throw new Error(`no arm ${place}`);
  return arm;
}

afterEach(() => void vi.useRealTimers());

describe('a comparison on the page', () => {
  it('collects the arms, each seed apart, with mean and band', async () => {
    const { comparison, lab } = await finished();
    expect(comparison.arms.map(({ name, state, step }) => [name, state, step])).toEqual([
      ['bf16', 'done', 120],
      ['fp8-current', 'done', 120],
    ]);
    const { seeds, raw } = armAt(comparison, 1);
    const at = seeds.map(({ lossNats }) => lossNats.at(6));
    expect(at).toHaveLength(3);
    expect(raw.mean[6]).toBeCloseTo(at.reduce((sum, loss) => sum + loss, 0) / 3, 12);
    expect([raw.low[6], raw.high[6]]).toEqual([Math.min(...at), Math.max(...at)]);
    comparison.smoothing = 0.9;
    expect(armAt(comparison, 1).band.mean[119]).not.toBe(raw.mean[119]);
    expect(lab.comparisons.busy).toBe(false);
  });

  it('says in words how an arm stands against the baseline, and the other way round when that changes', async () => {
    const { comparison } = await finished();
    const [bf16, fp8] = [armAt(comparison, 0), armAt(comparison, 1)];
    expect(comparison.gapsOf(bf16)).toEqual([]);
    expect(comparison.gapsOf(fp8).map((gap) => gap?.lastStep)).toEqual(Array.from({ length: 27 }, (_, i) => 16 + 4 * i));
    const verdict = comparison.verdictOf(fp8);
    expect(verdict).toMatchObject({ kind: 'above', line: 'beyond' });
    expect(verdict.text).toMatch(/^fp8-current is 0\.4\d* % ± 0\.0\d+ % above bf16 at 123 k tokens$/);
    expect(comparison.heldOutGapOf(fp8, 'validation')?.relative).toBeGreaterThan(0.003);
    expect(comparison.heldOutGapOf(fp8, 'ood')).toBeNull();
    expect(comparison.costRatioOf(fp8)).toBeCloseTo(7 / 6, 12);
    comparison.setBaseline(1);
    expect(comparison.verdictOf(bf16).kind).toBe('below');
    expect(comparison.gapsOf(fp8)).toEqual([]);
  });

  it('computes gaps at most every half second while the arms train', async () => {
    const { comparison, worker } = await compared();
    const told = vi.fn<() => void>();
    comparison.on('gap', told);
    const series = vi.fn<() => void>();
    comparison.on('series', series);
    for (let i = 0; i < 10; i++) worker.host.comparison?.train(8);
    await vi.waitFor(() => expect(series).toHaveBeenCalledTimes(20));
    expect(told).not.toHaveBeenCalled();
    await vi.waitFor(() => expect(told).toHaveBeenCalledTimes(1), 2000);
    expect(comparison.endGapOf(armAt(comparison, 1))?.lastStep).toBe(80);
  });

  it('gives each tensor over training, a map of all, and the figures of stability', async () => {
    const { comparison } = await finished();
    const arm = armAt(comparison, 1);
    const site = 'blocks.0.mlp.up dgrad.gradient';
    expect(tensorSeries(arm, 2, site, { measure: 'amax' })).toEqual({ steps: [40, 80, 120], values: [44, 84, 124] });
    expect(tensorSeries(arm, 0, site, { measure: 'underflow', format: 'e5m2' }).values[1]).toBeCloseTo(0.8, 12);
    expect(tensorSeries(arm, 0, site, { measure: 'underflow', format: 'e2m1' }).values).toEqual([NaN, NaN, NaN]);
    const map = tensorMap(arm, 0, { measure: 'amax' });
    expect(map.rows.map(({ layer, role }) => [layer, role])).toEqual([
      ['blocks.0.mlp.up', 'fprop.activation'],
      ['blocks.0.mlp.up', 'dgrad.gradient'],
    ]);
    expect([...map.values]).toEqual([42, 82, 122, 42, 82, 122]);
    expect(tensorAt(arm, 0, site, 100)?.amax).toBe(82);
    expect(stabilitySeries(arm, 0, { kind: 'attentionLogit', layer: 0 }).values).toEqual([43, 83, 123]);
  });

  it('exports tidy tables, one row a thing measured', async () => {
    const { comparison } = await finished({ seeds: 2 });
    const lines = (text: string): string[] => text.trimEnd().split('\n');
    const losses = lines(lossesCsv(comparison));
    expect(losses).toHaveLength(1 + 2 * 2 * 120);
    expect(losses[0]).toBe('arm,seed,step,tokens,lossNats,gradNorm,learningRate');
    expect(losses[1]).toMatch(/^bf16,1,1,1024,\d\.\d+,0\.5,0\.003\d*$/);
    const tensors = lines(tensorsCsv(comparison));
    expect(tensors).toHaveLength(1 + 2 * 2 * 3 * 2 * 2);
    expect(tensors[2]).toMatch(/^bf16,1,40,blocks\.0\.mlp\.up,fprop\.activation,64,42,1,0,1,e5m2,current,16,/);
    expect(lines(gapsCsv(comparison))).toHaveLength(1 + 27);
    expect(lines(stabilityCsv(comparison))).toHaveLength(1 + 2 * 2 * 3 * 4);
  });

  it('promise 7: an exported comparison comes back as it was, NaN and infinities with it', async () => {
    const { lab, comparison } = await finished({ whatIf: ['f32', 'e5m2'] });
    const seed = armAt(comparison, 1).seeds[1];
    if (seed === undefined) throw new Error('no seed');
    seed.lossNats.truncate(119);
    seed.lossNats.push(NaN);
    const text = comparisonJson(comparison, 1_700_000_000_000);
    expect(JSON.parse(text)).toMatchObject({ format: 'isoflop-comparison', version: 1, device: { software: true } });
    expect(comparison.device).toEqual(lab.device);
    const again = comparisonFromJson(text, 'kept.json');
    expect(again).toMatchObject({ state: 'finished', imported: true, totalSteps: 120, setup: comparison.setup });
    // Saved again, the file names the adapter that measured, not the one that reads.
    expect(JSON.parse(comparisonJson(again, 0))).toMatchObject({ device: lab.device });
    expect(again).toMatchObject({ file: 'kept.json', device: lab.device });
    for (const [place, arm] of comparison.arms.entries()) {
      const other = armAt(again, place);
      expect(other.probes).toEqual(arm.probes);
      expect(other.spec).toEqual(arm.spec);
      expect(other.seeds.map(({ lossNats }) => [...lossNats.view()])).toEqual(
        arm.seeds.map(({ lossNats }) => [...lossNats.view()]),
      );
    }
    expect(armAt(again, 1).probes[0]?.tensors[0]?.whatIf[0]?.sqnrDb).toBe(Infinity);
    expect(again.gapsOf(armAt(again, 1)).at(-1)?.lost).toEqual([1]);
    lab.comparisons.open(text, 'kept.json');
    expect(lab.comparisons.current?.imported).toBe(true);
    expect(lab.comparisons.kept).toEqual([comparison, lab.comparisons.current]);
  });

  it('keeps those before, and shows one again while another trains', async () => {
    const { lab, comparison: first } = await finished();
    const { comparisons } = lab;
    const told = vi.fn<() => void>();
    comparisons.on('comparison', told);
    await comparisons.start();
    const second = comparisons.current;
    expect(comparisons.kept).toEqual([first, second]);
    comparisons.show(first);
    expect(told).toHaveBeenCalled();
    expect(comparisons).toMatchObject({ current: first, started: second, live: second, busy: true, kept: [first, second] });
    await vi.waitFor(() => expect(second?.state).toBe('running'));
    await comparisons.pause();
    await vi.waitFor(() => expect(second?.state).toBe('paused'));
    expect(first.state).toBe('finished');
    await comparisons.stop();
    await vi.waitFor(() => expect(second?.state).toBe('stopped'));
    expect(comparisons).toMatchObject({ live: first, busy: false });
    // It has not trained a step, so there is nothing of it to keep.
    comparisons.show(first);
    expect(comparisons.kept).toEqual([first]);
  });

  it('brings back from a file why a comparison failed, and does without an adapter that the file does not name', async () => {
    const { worker, comparison } = await compared();
    worker.host.comparison?.train(20);
    await vi.waitFor(() => expect(comparison.step).toBe(20));
    worker.emit('error', { message: 'boom' });
    await vi.waitFor(() => expect(comparison.state).toBe('failed'));
    comparison.device = null;
    const text = comparisonJson(comparison, 0);
    const again = comparisonFromJson(text, 'failed.json');
    expect(again).toMatchObject({ state: 'failed', device: null });
    expect(again.failure?.message).toBe(comparison.failure?.message);
    expect(() => comparisonFromJson(text.replace('"device":null', '"device":{"vendor":1}'), 'x.json')).toThrow(
      'x.json: its device is mangled.',
    );
  });

  it('refuses files that are no comparisons, in words', async () => {
    const { lab, comparison } = await finished();
    const text = comparisonJson(comparison, 0);
    const cure = 'Choose a file that this page exported as JSON.';
    expect(() => comparisonFromJson('{', 'x.json')).toThrow(`x.json: it is not JSON. ${cure}`);
    expect(() => comparisonFromJson('{"a":1}', 'x.json')).toThrow(`x.json: it holds no comparison. ${cure}`);
    expect(() => comparisonFromJson(text.replace('"version":1', '"version":9'), 'x.json')).toThrow(
      'a version that this build does not read',
    );
    expect(() => comparisonFromJson(text.replace(/"lossNats":\[/, '"lossNats":["word",'), 'x.json')).toThrow(
      `x.json: lossNats holds what is no number. ${cure}`,
    );
    lab.comparisons.open('{}', 'x.json');
    expect(lab.messages.alerts.at(-1)?.error.message).toBe(`x.json: it holds no comparison. ${cure}`);
    expect(lab.comparisons.current).toBe(comparison);
  });

  it('pauses, resumes and stops; a setup that makes no comparison is refused before anything is sent', async () => {
    const { lab, worker, comparison } = await compared();
    await lab.comparisons.pause();
    await vi.waitFor(() => expect(comparison.state).toBe('paused'));
    await lab.comparisons.resume();
    await lab.comparisons.stop();
    await vi.waitFor(() => expect(comparison.state).toBe('stopped'));
    const sent = worker.host.received.length;
    lab.comparisons.change({ arms: [recipeArm('bf16')] });
    expect(lab.comparisons.fault()?.message).toBe('comparison: number of arms: got 1, expected 2..8.');
    await lab.comparisons.start();
    expect(lab.messages.alerts.at(-1)?.error.message).toBe('comparison: number of arms: got 1, expected 2..8.');
    expect(worker.host.received).toHaveLength(sent);
  });

  it('promise 6: a refusal and a crash leave it failed, with what was measured', async () => {
    const { lab, worker, comparison } = await compared();
    worker.host.comparison?.train(20);
    await vi.waitFor(() => expect(comparison.step).toBe(20));
    worker.emit('error', { message: 'boom' });
    await vi.waitFor(() => expect(comparison.state).toBe('failed'));
    expect(comparison.step).toBe(20);
    expect(comparison.failure?.message).toContain('boom');
    expect(lab.messages.alerts).toHaveLength(1);
  });
});

describe('a setup', () => {
  it('gives each arm the base with its changes, and names the arm whose changes make no spec', () => {
    const arms = [
      recipeArm('bf16'),
      recipeArm('fp8-delayed', { margin: 2 }, 'roomy'),
      { name: 'qk', changes: { model: { qkNorm: true } } },
    ];
    const specs = armSpecs(BASE, { ...COMPARISON_START, arms });
    expect(specs.map(({ spec }) => [spec.precision.recipe, spec.precision.margin, spec.model.qkNorm, spec.budget])).toEqual([
      ['bf16', 0, false, { steps: 120 }],
      ['fp8-delayed', 2, false, { steps: 120 }],
      ['f32', 0, true, { steps: 120 }],
    ]);
    expect(() =>
      armSpecs(BASE, { ...COMPARISON_START, arms: [recipeArm('bf16'), recipeArm('fp8-delayed', { margin: 1000 })] }),
    ).toThrow(/^arm fp8-delayed: spec precision\.margin/);
    expect(() => armSpecs(BASE, { ...COMPARISON_START, whatIf: ['e9m9'] })).toThrow(
      'comparison: a what-if is no format: got "e9m9"',
    );
  });

  it('has a text for links that outlives this code', () => {
    const setup: ComparisonSetup = {
      arms: [recipeArm('bf16'), recipeArm('fp8-delayed', { margin: 2 }, 'with_room*')],
      seeds: 2,
      probeEvery: 25,
      whatIf: ['e4m3', 'e5m2'],
      baseline: 1,
    };
    const text = '1_s2_p25_b1_we4m3.e5m2_n2_rbf16_awith%5Froom%2A*precision.recipe*"fp8-delayed"*precision.margin*2_z';
    expect(comparisonToText(setup)).toBe(text);
    expect(comparisonFromText(text)).toEqual(setup);
    expect(comparisonFromText('1_s3_p50_b0_we4m3.e5m2_n2_rbf16_rfp8-current_z')).toEqual(COMPARISON_START);
    expect(comparisonFromText('1_s3_p50_b0_w_n2_rbf16_rfp8-current_z')).toEqual({ ...COMPARISON_START, whatIf: [] });
  });

  it('comes back from its text, whatever its names and changes', () => {
    const changes = fc.constantFrom(
      {},
      { optimizer: { lr: 0.01 } },
      { precision: { overrides: { 'blocks.0.mlp:fprop_*': 'e4m3/current' } } },
      { data: { markov: { symbols: 4, order: 1 } }, model: { qkNorm: true } },
    );
    const setup = fc.record({
      arms: fc.array(fc.record({ name: fc.string({ minLength: 1 }), changes }), { minLength: 2, maxLength: 8 }),
      seeds: fc.integer({ min: 1, max: 16 }),
      probeEvery: fc.nat(),
      whatIf: fc.subarray(['e4m3', 'mxfp8-e4m3', 'nvfp4']),
      baseline: fc.nat(7),
    });
    fc.assert(
      fc.property(setup, (value) => {
        expect(comparisonFromText(comparisonToText(value))).toEqual(value);
      }),
      { numRuns: 50 },
    );
  });

  it('refuses texts that are cut, mangled or of another version, in words', () => {
    const cure = 'Copy the whole link again.';
    expect(() => comparisonFromText('2_s3')).toThrow(
      `URL: the comparison is not of a version that this build reads: got "2", expected 1. ${cure}`,
    );
    const whole = comparisonToText(COMPARISON_START);
    for (let length = 1; length < whole.length; length++)
      expect(() => comparisonFromText(whole.slice(0, length))).toThrow(/^URL: /);
    expect(() => comparisonFromText('1_s3_p50_b0_w_n2_rbf16_ax*model.colour*1_z')).toThrow('is mangled');
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          armSpecs(defaultSpec, comparisonFromText(text));
        } catch (error) {
          expect(error).toMatchObject({ name: 'SpecError' });
        }
      }),
    );
  });
});
