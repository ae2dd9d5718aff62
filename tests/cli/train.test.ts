import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { learningRate, parameterCount, parseSpec } from '../../src/spec/index.ts';
import { decodeCheckpoint, encodeCheckpoint, encodeWeights, initialWeights } from '../../src/train/index.ts';
import type { Checkpoint } from '../../src/train/index.ts';
import { isoflop, parseLines, replaySpec, Scratch, TEXT, tinySpec } from './run-cli.ts';
import type { Said } from './run-cli.ts';

/** The words of a run of `spec` on {@link TEXT}. */
function trainWords(scratch: Scratch, spec: object = tinySpec): string[] {
  return ['train', scratch.put('spec.json', spec), '--data', scratch.put('text.txt', TEXT)];
}

const FILES = ['spec.json', 'metrics.jsonl', 'checkpoint.safetensors'];
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

function savedIn(scratch: Scratch, folder: string): Checkpoint {
  return decodeCheckpoint(scratch.bytes(`${folder}/checkpoint.safetensors`).buffer, folder);
}

function metricsIn(scratch: Scratch, folder: string): unknown {
  return parseLines(`${readFileSync(scratch.at(`${folder}/metrics.jsonl`), 'utf8')}{}`).steps;
}

// A process of its own compiles every kernel, which takes a software adapter on a busy machine its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** One whole run of {@link tinySpec}, with its files in `whole/`, that the tests compare theirs with. */
let shared: Scratch;
let whole: Said;
beforeAll(async () => {
  shared = new Scratch('suite');
  whole = await isoflop([...trainWords(shared), '--json', '--out', shared.at('whole')]);
  return () => shared.remove();
});

describe('isoflop train --json', () => {
  it('prints one object a step and a summary, with held-out losses where the spec asks for them', () => {
    expect(whole).toMatchObject({ status: 0, err: '' });
    const { steps, summary } = parseLines(whole.out);
    expect(steps.map(({ step, tokens }) => [step, tokens])).toEqual(range(1, 12).map((step) => [step, 16 * step]));
    for (const { loss } of steps) expect(Math.fround(loss ?? NaN)).toBe(loss);
    expect(steps.filter((line) => line.validation !== undefined).map(({ step }) => step)).toEqual([4, 8, 12]);
    expect(summary).toMatchObject({
      done: true,
      steps: 12,
      tokens: 192,
      loss: steps[11]?.loss,
      validation: steps[11]?.validation,
      parameters: parameterCount(parseSpec(tinySpec)).total,
      software: expect.any(Boolean) as boolean,
      adapter: expect.stringMatching(/./) as string,
      checkpoint: shared.at('whole/checkpoint.safetensors'),
    });
    for (const key of ['flopsPerToken', 'peakBytes', 'dispatchesPerStep', 'tokensPerSecond'])
      expect(summary[key]).toBeGreaterThan(0);
  });

  it('reads the spec from stdin, and --steps replaces its budget', async () => {
    const words = ['train', '-', '--data', shared.at('text.txt'), '--steps', '3', '--json'];
    const { steps } = parseLines((await isoflop(words, { stdin: JSON.stringify(tinySpec) })).out);
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3]);
    const short = parseSpec({ ...tinySpec, budget: { steps: 3 } });
    for (const { step, lr } of steps) expect(Math.fround(lr)).toBe(Math.fround(learningRate(short, step, 3)));
  });

  it('promise 1: gives the same lines from the weights of isoflop init as from the spec', async () => {
    const scratch = new Scratch();
    const train = trainWords(scratch);
    await isoflop(['init', scratch.at('spec.json'), '--out', scratch.at('w.safetensors')]);
    const given = await isoflop([...train, '--init', scratch.at('w.safetensors'), '--json']);
    expect(given.status).toBe(0);
    expect(parseLines(given.out).steps).toEqual(parseLines(whole.out).steps);
  });

  it('promise 6: stops at a loss that is not finite, with null in its place, and keeps the last checkpoint', async () => {
    const scratch = new Scratch();
    const kept = scratch.put('checkpoint.safetensors', shared.bytes('whole/checkpoint.safetensors'));
    scratch.put('metrics.jsonl', '');
    const train = trainWords(scratch, parseSpec(tinySpec));
    const spec = parseSpec(tinySpec);
    const weights = initialWeights(spec, 256).map((tensor) => ({ ...tensor, data: tensor.data.map(() => NaN) }));
    const init = scratch.put('w.safetensors', new Uint8Array(encodeWeights(weights, spec)));
    const said = await isoflop([...train, '--init', init, '--json', '--out', scratch.path]);
    expect(said.status).toBe(1);
    expect(said.err).toMatch(
      /^isoflop train: step 1: the loss is not finite: got NaN\. \S+\.weight was not finite before step 1: .+\. The run diverged: .*\n$/,
    );
    const { steps, summary } = parseLines(said.out);
    expect(steps[0]).toMatchObject({ step: 1, loss: null, nonFinite: { loss: 'NaN' } });
    expect(summary).toMatchObject({ done: false, stopped: 'error', checkpoint: null });
    expect(readFileSync(kept)).toEqual(Buffer.from(shared.bytes('whole/checkpoint.safetensors')));
  });
});

describe('isoflop train without --json', () => {
  it('promise 9: prints a table with the adapter named, a software adapter as such', async () => {
    const { out, status } = await isoflop(trainWords(new Scratch()));
    expect(status).toBe(0);
    const device = JSON.parse((await isoflop(['device', '--json'])).out) as { adapter: string; software: boolean };
    expect(out).toContain(device.software ? `${device.adapter} (software adapter` : device.adapter);
    expect(out).toMatch(/^tiny: [\d,]+ parameters, text.txt, /);
    expect(out).toMatch(/\n +12 +192 +\d\.\d{4} +\d\.\d{4} /);
    expect(out).toMatch(/\ndone at step 12: loss \d\.\d{4} nats, 12 steps in /);
  });
});

describe('isoflop train --out and --resume', () => {
  it('promise 1: 12 steps are 5 steps, a checkpoint and 7 more', async () => {
    const scratch = new Scratch();
    const train = [...trainWords(scratch, replaySpec), '--json'];
    const all = await isoflop([...train, '--out', scratch.at('all')]);
    const head = await isoflop([...train, '--steps', '5', '--out', scratch.at('head')]);
    const resume = ['--steps', '12', '--resume', scratch.at('head/checkpoint.safetensors')];
    const tail = await isoflop([...train, ...resume, '--out', scratch.at('tail')]);
    expect(tail.err).toBe('');
    expect([...parseLines(head.out).steps, ...parseLines(tail.out).steps]).toEqual(parseLines(all.out).steps);
    expect(savedIn(scratch, 'tail').lanes).toEqual(savedIn(scratch, 'all').lanes);
  });

  it('promise 7: Ctrl-C saves, and the resumed run leaves the very files of an uninterrupted one', async () => {
    const scratch = new Scratch();
    const train = [...trainWords(scratch), '--json', '--out', scratch.at('cut')];
    const cut = await isoflop(train, { interrupt: (out) => out.includes('"step":1,') });
    const { step } = savedIn(scratch, 'cut');
    expect(cut.status).toBe(130);
    expect(parseLines(cut.out).summary).toMatchObject({ done: false, stopped: 'interrupted', steps: step });
    expect(step).toBeLessThan(12);
    // Lines past the checkpoint, the last one torn, as a crash leaves them: they are measured again.
    appendFileSync(scratch.at('cut/metrics.jsonl'), `{"step":${step + 1},"loss":9}\n{"step":`);
    const rest = await isoflop([...train, '--resume', scratch.at('cut/checkpoint.safetensors')]);
    expect(rest).toMatchObject({ status: 0, err: '' });
    expect([...parseLines(cut.out).steps, ...parseLines(rest.out).steps]).toEqual(parseLines(whole.out).steps);
    for (const name of ['spec.json', 'checkpoint.safetensors'])
      expect(scratch.bytes(`cut/${name}`)).toEqual(shared.bytes(`whole/${name}`));
    expect(metricsIn(scratch, 'cut')).toEqual(parseLines(whole.out).steps);
    expect(metricsIn(shared, 'whole')).toEqual(parseLines(whole.out).steps);
  });

  it('has nothing to do for a run that is at its end', async () => {
    const said = await isoflop([...trainWords(shared), '--resume', shared.at('whole/checkpoint.safetensors'), '--json']);
    expect(said).toMatchObject({ status: 0, err: '' });
    expect(parseLines(said.out)).toMatchObject({ steps: [], summary: { done: true, steps: 12 } });
  });

  it('leaves a folder alone that holds another run', async () => {
    const kept = FILES.map((name) => shared.bytes(`whole/${name}`));
    const other = trainWords(new Scratch(), { ...tinySpec, seed: { init: 2 } });
    const said = await isoflop([...other, '--out', shared.at('whole')]);
    expect(said.status).toBe(1);
    expect(said.err).toContain('it holds another run. Name another folder');
    expect(FILES.map((name) => shared.bytes(`whole/${name}`))).toEqual(kept);
  });

  it('refuses a checkpoint of another spec, budget, data or kind, and writes nothing', async () => {
    const scratch = new Scratch();
    const train = trainWords(scratch);
    const longer = trainWords(new Scratch(), { ...tinySpec, budget: { steps: 20 } });
    const saved = savedIn(shared, 'whole');
    const file = scratch.put('saved.safetensors', shared.bytes('whole/checkpoint.safetensors'));
    const resume = async (words: readonly string[], from: string, ...more: string[]): Promise<string> => {
      const { status, err } = await isoflop([...words, '--resume', from, '--out', scratch.at('new'), ...more]);
      expect(status).toBe(1);
      expect(err.match(/\n/g)).toHaveLength(1);
      return err;
    };
    expect(await resume(longer, file)).toContain(
      'it was trained with another budget: got 12 steps, expected 20 steps. Say with --steps N',
    );
    expect(await resume(train, file, '--steps', '4')).toContain('--steps: the checkpoint is past it: got 4, expected 12 or more');
    const foreign = scratch.put('foreign.safetensors', new Uint8Array(encodeCheckpoint({ ...saved, dataHash: '0'.repeat(64) })));
    expect(await resume(train, foreign)).toContain('it was trained on other data');
    const weights = scratch.put(
      'w.safetensors',
      new Uint8Array(encodeWeights(saved.lanes[0]?.weights ?? [], parseSpec(tinySpec))),
    );
    expect(await resume(train, weights)).toContain('the file is no Isoflop checkpoint');
    const cut = scratch.put('cut.safetensors', shared.bytes('whole/checkpoint.safetensors').subarray(0, -4));
    expect(await resume(train, cut)).toMatch(/file "[^"]*cut.safetensors": the file is truncated/);
    const wider = trainWords(scratch, { ...tinySpec, model: { ...tinySpec.model, mlpRatio: 2 } });
    expect(await resume(wider, file)).toContain('it is of another spec: model.mlpRatio differs');
    expect(existsSync(scratch.at('new'))).toBe(false);
  });
});
