import { appendFileSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { expandSweep, parseSweep, sweepToHash } from '../../src/spec/index.ts';
import { decodeCheckpoint } from '../../src/train/index.ts';
import { isoflop, parseLines, Scratch, TEXT } from './run-cli.ts';
import type { Line, Said } from './run-cli.ts';

// A process of its own compiles every kernel, which takes a software adapter on a busy machine its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const base = {
  data: { source: 'file', context: 8, batch: 2 },
  model: { layers: 1, width: 16, heads: 2 },
  optimizer: { weightDecay: 10 },
  schedule: { kind: 'constant', warmupSteps: 0 },
  budget: { steps: 30 },
  eval: { everySteps: 6, batches: 2 },
};

/** Two runs, of which the second multiplies weights by -99 a step and diverges. */
const SWEEP = { name: 'tiny', base, axes: [{ path: 'optimizer.lr', values: [1e-3, 10] }] };
const RUNS = expandSweep(parseSweep(SWEEP));

interface Result {
  readonly id: string;
  readonly status: string;
  readonly values: Record<string, unknown>;
  readonly steps: number;
  readonly loss: number | null;
  readonly validation?: number;
}

const resultsOf = (out: string): Result[] => out.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Result]));
const byId = (results: readonly Result[]): Result[] => results.toSorted((a, b) => (a.id < b.id ? -1 : 1));

interface RunFiles {
  readonly spec: unknown;
  readonly steps: readonly Line[];
  readonly result: unknown;
  readonly files: readonly string[];
}

/** Runs with a state to go on from. */
const checkpoints = (folder: string): string[] =>
  readdirSync(folder).filter((name) => existsSync(join(folder, name, 'checkpoint.safetensors')));

/** What a folder says of its runs, without times: results and the lines of the metrics. */
function contents(folder: string): Record<string, RunFiles> {
  const runs = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return Object.fromEntries(
    runs.map(({ name }) => {
      const file = (of: string): string => readFileSync(join(folder, name, of), 'utf8');
      const { steps } = parseLines(`${file('metrics.jsonl')}{}`);
      const { msPerStep: _, endedAt: __, lanes: ___, ...result } = JSON.parse(file('result.json')) as Record<string, unknown>;
      return [
        name,
        { spec: JSON.parse(file('spec.json')) as unknown, steps, result, files: readdirSync(join(folder, name)).toSorted() },
      ];
    }),
  );
}

/** The whole sweep, uninterrupted, in `whole/`. */
let shared: Scratch;
let whole: Said;
let words: string[];
let data: string[];
/** The same, interrupted when the first line is told: that of the run that diverges, halfway through its group. In `cut/`. */
let cut: Said;
beforeAll(async () => {
  shared = new Scratch('suite');
  data = ['--data', shared.put('text.txt', TEXT)];
  words = ['sweep', shared.put('sweep.json', SWEEP), '--json', ...data];
  whole = await isoflop([...words, '--out', shared.at('whole')]);
  cut = await isoflop([...words, '--out', shared.at('cut')], { interrupt: (text) => text.includes('diverged') });
  return () => shared.remove();
});

describe('isoflop sweep', () => {
  it('prints an object for each run that ends and keeps a folder for each', () => {
    expect(whole.status).toBe(0);
    const results = resultsOf(whole.out);
    expect(byId(results).map(({ id }) => id)).toEqual(RUNS.map(({ id }) => id).toSorted());
    for (const { id, values } of results) expect(values).toEqual(RUNS.find((run) => run.id === id)?.values);
    const kept = contents(shared.at('whole'));
    for (const { id, spec } of RUNS) {
      expect(kept[id]?.spec).toEqual(spec);
      expect(kept[id]?.files).toEqual(['environment.json', 'metrics.jsonl', 'result.json', 'spec.json']);
    }
    expect(whole.err).toMatch(/\n2 of 2 runs done\n$/);
  });

  it('promise 9: names the adapter, a software adapter as such, beside every figure', async () => {
    const device = JSON.parse((await isoflop(['device', '--json'])).out) as { adapter: string; software: boolean };
    for (const result of resultsOf(whole.out))
      expect(result).toMatchObject({ adapter: device.adapter, software: device.software });
    if (device.software) expect(whole.err).toContain('software adapter');
    const environment = readFileSync(shared.at(`whole/${RUNS[0]?.id ?? ''}/environment.json`), 'utf8');
    expect(JSON.parse(environment)).toMatchObject({
      build: expect.stringMatching(/^\d/) as string,
      adapter: { software: device.software },
      fusion: 'all',
      variants: expect.arrayContaining([expect.stringMatching(/^\w.*\//)]) as string[],
    });
  });

  it('promise 6: stops a run that diverges, keeps and marks it, and trains the others on', () => {
    for (const { status, values, steps, loss, validation } of resultsOf(whole.out)) {
      const bad = values['optimizer.lr'] === 10;
      expect([status, steps < 30, loss === null, validation === undefined]).toEqual([
        bad ? 'diverged' : 'finished',
        bad,
        bad,
        bad,
      ]);
    }
  });

  it('promise 2: gives each run the lines that isoflop train gives it alone', async () => {
    const [run] = RUNS;
    const alone = await isoflop(['train', shared.at(`whole/${run?.id ?? ''}/spec.json`), '--json', ...data]);
    const kept = contents(shared.at('whole'));
    expect(kept[run?.id ?? '']?.steps).toEqual(parseLines(alone.out).steps);
  });

  it('trains nothing twice, and nothing that needs a run again changes it', async () => {
    const scratch = new Scratch();
    cpSync(shared.at('whole'), scratch.at('out'), { recursive: true });
    const again = await isoflop([...words, '--out', scratch.at('out')]);
    expect(again).toMatchObject({ status: 0, out: '' });
    // A crash before the last word, and metrics torn in the middle of a line: the run does not look finished, and is trained again.
    const [run] = RUNS;
    const folder = scratch.at(`out/${run?.id ?? ''}`);
    rmSync(join(folder, 'result.json'));
    appendFileSync(join(folder, 'metrics.jsonl'), '{"step":31,"lo');
    const rest = await isoflop([...words, '--out', scratch.at('out')]);
    expect(resultsOf(rest.out).map(({ id }) => id)).toEqual([run?.id]);
    expect(contents(scratch.at('out'))).toEqual(contents(shared.at('whole')));
  });

  it('promise 7: Ctrl-C saves, and the same command goes on to the very results of an uninterrupted sweep', async () => {
    const scratch = new Scratch();
    cpSync(shared.at('cut'), scratch.at('out'), { recursive: true });
    expect(cut.status).toBe(130);
    expect(cut.err).toMatch(/1 of 2 runs interrupted; what was trained is saved/);
    const saved = checkpoints(scratch.at('out'));
    expect(saved).toHaveLength(1);
    const before = readFileSync(scratch.at(`out/${saved[0]}/metrics.jsonl`), 'utf8').split('\n').length - 1;
    expect(before).toBeGreaterThan(0);
    appendFileSync(scratch.at(`out/${saved[0]}/metrics.jsonl`), `{"step":${before + 1},"loss":9}\n{"step":`);
    const rest = await isoflop([...words, '--out', scratch.at('out'), '--lanes', '1']);
    expect(rest.status).toBe(0);
    expect(byId([...resultsOf(cut.out), ...resultsOf(rest.out)]).map(({ id, loss }) => [id, loss])).toEqual(
      byId(resultsOf(whole.out)).map(({ id, loss }) => [id, loss]),
    );
    expect(contents(scratch.at('out'))).toEqual(contents(shared.at('whole')));
  });

  it('started twice at once, trains each run once between them, to the very results of one', async () => {
    const scratch = new Scratch();
    const twice = [...words, '--lanes', '1', '--out', scratch.at('out')];
    const both = await Promise.all([isoflop(twice), isoflop(twice)]);
    const ids = both.flatMap(({ out }) => resultsOf(out).map(({ id }) => id));
    expect(ids.toSorted()).toEqual(RUNS.map(({ id }) => id).toSorted());
    // Whoever was through while the other still trained has waited for it.
    for (const { status, err } of both) expect([status, err.endsWith('\n2 of 2 runs done\n')]).toEqual([0, true]);
    expect(readdirSync(scratch.at('out')).filter((name) => name.endsWith('.lock'))).toEqual([]);
    expect(contents(scratch.at('out'))).toEqual(contents(shared.at('whole')));
    const index = JSON.parse(readFileSync(scratch.at('out/index.json'), 'utf8')) as { runs: Result[] };
    expect(index.runs).toHaveLength(2);
  });

  describe('where another machine has the last runs', () => {
    const MINUTE = 60_000;
    const claim = { host: 'elsewhere', space: 'other', pid: 7, began: '1', token: 'other', at: '' };
    const [first, second] = [RUNS[0]?.id ?? '', RUNS[1]?.id ?? ''];

    /** The whole sweep but for runs that a process on another machine has; it gave a sign of life just now. */
    function held(...ids: readonly string[]): { scratch: Scratch; ageMs: (ms: number) => void; end: () => void } {
      const scratch = new Scratch();
      cpSync(shared.at('whole'), scratch.at('out'), { recursive: true });
      const lock = (id: string): string => scratch.at(`out/${id}.lock`);
      for (const id of ids) {
        rmSync(scratch.at(`out/${id}`), { recursive: true });
        writeFileSync(lock(id), JSON.stringify(claim));
      }
      return {
        scratch,
        ageMs: (ms) => {
          const then = new Date(Date.now() - ms);
          for (const id of ids) if (existsSync(lock(id))) utimesSync(lock(id), then, then);
        },
        end: () => {
          cpSync(shared.at('whole'), scratch.at('out'), { recursive: true });
          for (const id of ids) rmSync(lock(id), { force: true });
        },
      };
    }

    it('promise 7: waits until that is silent for too long, and takes up what it left', async () => {
      const { scratch, ageMs } = held(first);
      let waitedMs = 0;
      const wait = (ms: number): Promise<void> => Promise.resolve(ageMs((waitedMs += ms)));
      const said = await isoflop([...words, '--out', scratch.at('out')], { wait });
      expect([said.status, resultsOf(said.out).map(({ id }) => id)], said.err).toEqual([0, [first]]);
      expect(said.err).toContain('1 run is left to other processes: waiting until they end or are free, 5 min 5 s at most\n');
      expect(said.err).toContain(`run ${first} is taken over from process 7 on elsewhere, which is gone\n`);
      expect(said.err).toMatch(/\n2 of 2 runs done\n$/);
      expect(waitedMs).toBeGreaterThanOrEqual(5 * MINUTE);
      expect(contents(scratch.at('out'))).toEqual(contents(shared.at('whole')));
    });

    it('ends with status 75 only if that lives on for longer', async () => {
      const { scratch, ageMs } = held(first, second);
      let waitedMs = 0;
      const wait = (ms: number): Promise<void> => {
        waitedMs += ms;
        // One of them is given back, and is nobody's.
        if (waitedMs === MINUTE) rmSync(scratch.at(`out/${second}.lock`));
        return Promise.resolve(ageMs(0));
      };
      const said = await isoflop([...words, '--out', scratch.at('out')], { wait });
      expect([said.status, resultsOf(said.out).map(({ id }) => id)], said.err).toEqual([75, [second]]);
      expect(said.err).toContain('1 of 2 runs done; 1 run is being trained by other processes: start the same command again');
      expect(waitedMs).toBe(6 * MINUTE + 5000);
    });

    it('is done when those end, as soon as they have', async () => {
      const { scratch, end } = held(first, second);
      const said = await isoflop([...words, '--out', scratch.at('out')], { wait: () => Promise.resolve(end()) });
      expect([said.status, said.out], said.err).toEqual([0, '']);
      expect(said.err).toMatch(/\n2 of 2 runs done\n$/);
    });

    it('takes no run for its own that ended on other data, whether it was waiting for that or about to train it', async () => {
      const other = ['sweep', words[1] ?? '', '--json', '--data', shared.put('other.txt', TEXT.toUpperCase())];
      const { scratch, end } = held(first, second);
      const waited = await isoflop([...other, '--out', scratch.at('out')], { wait: () => Promise.resolve(end()) });
      const refused = 'its run is finished on other data, and not on this: got "other.txt"';
      expect([waited.status, waited.out]).toEqual([1, '']);
      expect(waited.err).toContain(refused);

      const meanwhile = scratch.at('meanwhile');
      const trained = await isoflop([...other, '--lanes', '1', '--out', meanwhile], {
        interrupt: (out) => {
          const left = [first, second].find((id) => !out.includes(id)) ?? '';
          cpSync(shared.at(`whole/${left}`), join(meanwhile, left), { recursive: true });
          return false;
        },
      });
      expect([trained.status, resultsOf(trained.out).length]).toEqual([1, 1]);
      expect(trained.err).toContain(refused);
      expect(readdirSync(meanwhile).filter((name) => name.endsWith('.lock'))).toEqual([]);
    });
  });

  it('writes over no result of a later build', async () => {
    const scratch = new Scratch();
    cpSync(shared.at('whole'), scratch.at('out'), { recursive: true });
    const path = scratch.at(`out/${RUNS[0]?.id ?? ''}/result.json`);
    writeFileSync(path, '{"version":2,"news":true}');
    const said = await isoflop([...words, '--out', scratch.at('out')]);
    expect(said.status).toBe(1);
    expect(said.err).toContain(`isoflop sweep: file "${path}": it is of a version that this build does not read. Use the build`);
    expect(readFileSync(path, 'utf8')).toBe('{"version":2,"news":true}');
  });

  it('keeps the last state of a run where asked, and ends one that was cut off before its last word', async () => {
    const scratch = new Scratch();
    const one = scratch.put('one.json', { ...SWEEP, axes: [{ path: 'optimizer.lr', values: [1e-3] }] });
    const sweep = ['sweep', one, '--json', '--keep-checkpoints', ...data, '--out', scratch.at('out')];
    const [first] = resultsOf((await isoflop(sweep)).out);
    const folder = scratch.at(`out/${first?.id ?? ''}`);
    const kept = decodeCheckpoint(new Uint8Array(readFileSync(join(folder, 'checkpoint.safetensors'))).buffer, folder);
    expect(kept).toMatchObject({ step: 30, targetStep: 30, runId: first?.id });
    rmSync(join(folder, 'result.json'));
    const [again] = resultsOf((await isoflop(sweep)).out);
    expect({ ...again, msPerStep: 0 }).toEqual({ ...first, msPerStep: 0 });
    const { result, steps } = contents(shared.at('whole'))[first?.id ?? ''] ?? {};
    const { values: _, ...figures } = result as Result;
    expect(again).toMatchObject({ ...figures, steps: 30 });
    expect(contents(scratch.at('out'))[first?.id ?? '']?.steps).toEqual(steps);
  });

  it('does not call a run finished whose folder another process writes to', async () => {
    const scratch = new Scratch();
    const pair = { base: { ...base, budget: { steps: 4 } }, axes: [{ path: 'optimizer.lr', values: [1e-3, 2e-3] }] };
    const [, second] = expandSweep(parseSweep(pair));
    const folder = scratch.at(`out/${second?.id ?? ''}`);
    const said = await isoflop(['sweep', scratch.put('pair.json', pair), '--json', ...data, '--out', scratch.at('out')], {
      interrupt: () => {
        appendFileSync(join(folder, 'metrics.jsonl'), '{"step":4}\n');
        return false;
      },
    });
    expect(said.status).toBe(1);
    expect(said.err).toContain('another process writes there too: got 5 lines of metrics, expected 4, one a step.');
    expect(existsSync(join(folder, 'result.json'))).toBe(false);
  });

  it('promise 1: goes on from a state of the same build with every step measured, and else begins the run anew', async () => {
    const scratch = new Scratch();
    const sweep = (out: string): string[] => [...words, '--out', scratch.at(out)];
    const id = checkpoints(shared.at('cut'))[0] ?? '';
    /** The first loss that the folder tells after it was changed and gone on from: 9 where the run was gone on with. */
    const firstLoss = async (out: string, name: string, change: (text: string) => string): Promise<unknown> => {
      cpSync(shared.at('cut'), scratch.at(out), { recursive: true });
      for (const [file, edit] of [
        ['metrics.jsonl', marked],
        [name, change],
      ] as const) {
        const path = scratch.at(`${out}/${id}/${file}`);
        writeFileSync(path, edit(readFileSync(path, 'utf8')));
      }
      expect((await isoflop(sweep(out))).status).toBe(0);
      return contents(scratch.at(out))[id]?.steps[0]?.loss;
    };
    const marked = (text: string): string => text.replace(/"loss":[^,]*/, '"loss":9');
    const right = contents(shared.at('whole'))[id]?.steps[0]?.loss;
    expect(await firstLoss('same', 'metrics.jsonl', (text) => text)).toBe(9);
    expect(await firstLoss('build', 'environment.json', (text) => text.replace(/"sources": "\w/, '"sources": "-'))).toBe(right);
    expect(await firstLoss('gap', 'metrics.jsonl', (text) => text.replace(/\n[^\n]*\n/, '\n'))).toBe(right);
  });
});

describe('isoflop sweep --shard', () => {
  it('parts the runs, whose folders merge by copying, and an index is made of them', async () => {
    const scratch = new Scratch();
    const link = `https://example.org/#${sweepToHash(parseSweep(SWEEP))}`;
    const shards: Said[] = [];
    for (const [i, operand] of [words[1] ?? '', link].entries())
      shards.push(await isoflop(['sweep', operand, '--json', ...data, '--shard', `${i}/2`, '--out', scratch.at(`shard-${i}`)]));
    const ids = shards.flatMap(({ out }) => resultsOf(out).map(({ id }) => id));
    expect(ids.toSorted()).toEqual(RUNS.map(({ id }) => id).toSorted());
    expect(shards.every(({ out }) => resultsOf(out).length > 0)).toBe(true);
    for (const i of [0, 1]) cpSync(scratch.at(`shard-${i}`), scratch.at('all'), { recursive: true });
    expect(contents(scratch.at('all'))).toEqual(contents(shared.at('whole')));
    expect((await isoflop([...words, '--out', scratch.at('all')])).out).toBe('');
    const index = JSON.parse(readFileSync(scratch.at('all/index.json'), 'utf8')) as { runs: Result[] };
    expect(index.runs.map(({ id }) => id)).toEqual(ids.toSorted());
  });

  it.each([
    ['2/2', 'isoflop sweep: --shard I/N: I, counted from 0: it is not a whole number in bounds: got 2, expected 0..1.'],
    ['1', 'isoflop sweep: --shard: it is not a part of a whole: got 1, expected I/N such as 0/8.'],
  ])('%s cannot be meant', async (shard, message) => {
    const said = await isoflop([...words, '--shard', shard, '--out', shared.at('none')]);
    expect(said.status).toBe(2);
    expect(said.err).toContain(message);
  });
});

describe('isoflop sweep --plan', () => {
  it('prints groups, lanes, memory and arithmetic, what is done and what was timed, and trains nothing', async () => {
    const wide = { ...SWEEP, axes: [{ path: 'model.width', values: [16, 8] }, ...SWEEP.axes] };
    const fresh = await isoflop(['sweep', shared.put('wide.json', wide), '--plan', '--out', shared.at('planned')]);
    expect(fresh.status).toBe(0);
    expect(existsSync(shared.at('planned'))).toBe(false);
    expect(fresh.out).toMatch(/group +lanes +steps +arithmetic +memory/);
    expect(fresh.out).toMatch(/\n +1 +2 +30 +[\d.]+ MFLOP +[\d.]+ [KM]iB +model\.width 8 · optimizer\.lr 0\.001, 10\n/);
    expect(fresh.out).toMatch(
      /\n4 runs in 2 groups: [\d.]+ MFLOP, [\d.]+ [KM]iB at most, and nothing like it was timed here yet\n$/,
    );
    const seeds = { ...SWEEP, axes: [...SWEEP.axes, { path: 'seed.init', values: [1, 2] }] };
    const more = ['sweep', shared.put('seeds.json', seeds), '--plan', '--json', '--out', shared.at('whole')];
    const plan = JSON.parse((await isoflop(more)).out) as Record<string, unknown>;
    expect(plan).toMatchObject({ runs: 2, ended: 2, ms: expect.any(Number) as number, peakBytes: expect.any(Number) as number });
  });
});

describe('isoflop sweep refuses', () => {
  it.each<[string, unknown, string]>([
    [
      'a sweep of a million runs',
      {
        axes: [
          { path: 'optimizer.lr', values: { log: [1e-5, 1], count: 1000 } },
          { path: 'seed.init', values: { linear: [1, 1000], count: 1000 } },
        ],
      },
      'sweep: has too many runs: got 1000000',
    ],
    ['axes of unknown fields', { axes: [{ path: 'model.size', values: [1] }] }, 'sweep axes.0.path: names no field of a spec'],
    ['a spec in place of a sweep', base, 'sweep data: is not a key of a sweep'],
  ])('%s in one line, and writes nothing', async (_, value, message) => {
    const said = await isoflop(['sweep', '-', '--out', shared.at('refused')], { stdin: JSON.stringify(value) });
    expect(said.status).toBe(1);
    expect(said.err).toContain(`isoflop sweep: ${message}`);
    expect(said.err.match(/\n/g)).toHaveLength(1);
    expect(existsSync(shared.at('refused'))).toBe(false);
  });

  it('a folder whose runs were trained on another file, and a file that nothing reads', async () => {
    const scratch = new Scratch();
    const short = { ...base, budget: { steps: 2 }, optimizer: { lr: 1e-3 } };
    const sweep = scratch.put('file.json', { base: short, recipe: { kind: 'seeds', seeds: 2 } });
    const run = (text: string): Promise<Said> =>
      isoflop(['sweep', sweep, '--json', '--out', scratch.at('out'), '--data', scratch.put('text.txt', text)]);
    expect(resultsOf((await run('to be or not to be '.repeat(20))).out)).toHaveLength(2);
    const other = await run('the rest is silence '.repeat(20));
    expect(other.status).toBe(1);
    const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
    const [mine, yours] = ['to be or not to be ', 'the rest is silence '].map((text) => hash(text.repeat(20)));
    expect(other.err).toContain(
      `its run is finished on other data, and not on this: got "text.txt" (SHA-256 ${yours?.slice(0, 8)}), expected "text.txt" (SHA-256 ${mine?.slice(0, 8)}). Name the data that it was started on with --data`,
    );
    const kept = Object.values(contents(scratch.at('out'))).map(({ result }) => (result as { data: unknown }).data);
    expect(kept).toMatchObject([{ fileHash: mine }, { fileHash: mine }]);
    const markov = scratch.put('markov.json', { base: { data: { source: 'markov' } }, recipe: { kind: 'seeds', seeds: 2 } });
    const surplus = await isoflop(['sweep', markov, '--out', scratch.at('none'), ...data]);
    expect(surplus.err).toContain('--data: no run of the sweep reads a file');
  });
});
