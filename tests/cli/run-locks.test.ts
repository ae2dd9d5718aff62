import { spawn, type ChildProcess } from 'node:child_process';
import fs, { existsSync, fstatSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { RunLocks } from '../../src/cli/run-locks.ts';
import { expandSweep, parseSweep } from '../../src/spec/index.ts';
import { Scratch, TEXT } from './run-cli.ts';

/** What happens once, when a process that takes a lock over has opened its draft, and before that takes its place. */
const meanwhile: { opened: ((file: number) => void) | null; renamed: (() => void) | null } = { opened: null, renamed: null };

/** Lets {@link meanwhile} happen, for the length of a test. */
function watchFiles(): void {
  const { openSync, renameSync } = fs;
  fs.openSync = (path, ...rest) => {
    const file = openSync(path, ...rest);
    if (/\.lock\.[\da-f-]{36}$/.test(String(path))) {
      const { opened } = meanwhile;
      meanwhile.opened = null;
      opened?.(file);
    }
    return file;
  };
  fs.renameSync = (from, to) => {
    if (String(to).endsWith('.lock')) meanwhile.renamed?.();
    renameSync(from, to);
  };
  syncBuiltinESMExports();
  onTestFinished(() => {
    Object.assign(fs, { openSync, renameSync });
    Object.assign(meanwhile, { opened: null, renamed: null });
    syncBuiltinESMExports();
  });
}

/** A folder, and what makes processes that train in it. */
function folder(): { scratch: Scratch; locks: (times?: ConstructorParameters<typeof RunLocks>[1]) => RunLocks } {
  const scratch = new Scratch();
  const locks = (times?: ConstructorParameters<typeof RunLocks>[1]): RunLocks => {
    const made = new RunLocks(scratch.path, times);
    onTestFinished(() => made.close());
    return made;
  };
  return { scratch, locks };
}

/** The lock of run a, as somebody else would have left it. */
function leave(scratch: Scratch, change: object, ageMs = 0): void {
  const path = scratch.at('a.lock');
  const claim = JSON.parse(readFileSync(path, 'utf8')) as object;
  writeFileSync(path, `${JSON.stringify({ ...claim, token: 'another', ...change })}\n`);
  const then = new Date(Date.now() - ageMs);
  utimesSync(path, then, then);
}

/** A process that is over, and whose number nobody has yet. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await new Promise((resolve) => child.once('exit', resolve));
  return child.pid ?? 0;
}

const HERE = `process ${process.pid} on ${hostname()}`;
const MINUTE = 60_000;

describe('locks of the runs of a folder', () => {
  it('give a run to one process at a time, and leave nothing behind', () => {
    const { scratch, locks } = folder();
    const [one, two] = [locks(), locks()];
    expect(one.take('a')).toEqual({ kind: 'own', after: null });
    expect(two.take('a')).toEqual({ kind: 'held', by: HERE });
    expect(two.take('b')).toEqual({ kind: 'own', after: null });
    one.release('a');
    expect(two.take('a')).toEqual({ kind: 'own', after: null });
    two.close();
    expect(readdirSync(scratch.path)).toEqual([]);
  });

  it('of a process that is gone are taken over by one, whichever it is', async () => {
    const { scratch, locks } = folder();
    locks().take('a');
    const pid = await deadPid();
    leave(scratch, { pid });
    const taken = [locks(), locks(), locks()].map((each) => each.take('a'));
    expect(taken).toEqual([
      { kind: 'own', after: `process ${pid} on ${hostname()}` },
      { kind: 'held', by: HERE },
      { kind: 'held', by: HERE },
    ]);
    expect(readdirSync(scratch.path)).toEqual(['a.lock']);
  });

  it('are not held by a later process of the same number, where the system tells them apart', () => {
    const { scratch, locks } = folder();
    locks().take('a');
    leave(scratch, {});
    expect(locks().take('a').kind).toBe('held');
    leave(scratch, { began: '1' });
    const told = existsSync('/proc/self/stat');
    expect(locks().take('a')).toEqual(told ? { kind: 'own', after: HERE } : { kind: 'held', by: HERE });
  });

  it('of a process that the system does not tell from a later one of its number are believed for minutes only', () => {
    const { scratch, locks } = folder();
    locks().take('a');
    leave(scratch, { began: '' }, 4 * MINUTE);
    expect(locks().take('a')).toEqual({ kind: 'held', by: HERE });
    leave(scratch, { began: '' }, 6 * MINUTE);
    expect(locks().take('a')).toEqual({ kind: 'own', after: HERE });
  });

  it.each([
    ['another machine', { host: 'elsewhere', pid: 1 }, 'process 1 on elsewhere'],
    ['another container of this one', { space: 'other', pid: 1 }, `process 1 on ${hostname()}`],
    ['nobody can tell whom, for it was torn', { pid: 'torn' }, 'another process'],
  ])('of %s are believed for minutes after its last sign of life', (_, change, words) => {
    const { scratch, locks } = folder();
    locks().take('a');
    leave(scratch, change, 4 * MINUTE);
    expect(locks().take('a')).toEqual({ kind: 'held', by: words });
    leave(scratch, change, 6 * MINUTE);
    expect(locks().take('a')).toEqual({ kind: 'own', after: words });
  });

  it('give signs of life', async () => {
    const { scratch, locks } = folder();
    locks({ beatMs: 20, silentMs: 1000 }).take('a');
    const old = new Date(Date.now() - MINUTE);
    utimesSync(scratch.at('a.lock'), old, old);
    await vi.waitFor(() => expect(statSync(scratch.at('a.lock')).mtimeMs).toBeGreaterThan(Date.now() - MINUTE / 2));
  });

  it('tell a process that was silent for too long before it writes again, and it takes no lock away from who has it now', async () => {
    const { scratch, locks } = folder();
    const slow = locks({ beatMs: 1, silentMs: 300_000 });
    slow.take('a');
    const pid = await deadPid();
    leave(scratch, { pid });
    locks().take('a');
    expect(() => slow.require('a')).toThrow(
      `folder "${scratch.at('a')}": another process has taken its run over, as this one gave no sign of life: got ${HERE}.`,
    );
    expect(() => slow.check()).toThrow('another process has taken its run over');
    slow.release('a');
    expect(existsSync(scratch.at('a.lock'))).toBe(true);
  });

  it('are not taken from a holder that gives a sign of life while they are taken over', () => {
    watchFiles();
    const { scratch, locks } = folder();
    locks().take('a');
    leave(scratch, { host: 'elsewhere', pid: 7 }, 6 * MINUTE);
    const before = readFileSync(scratch.at('a.lock'), 'utf8');
    meanwhile.opened = () => leave(scratch, { host: 'elsewhere', pid: 7 });
    expect(locks().take('a')).toEqual({ kind: 'held', by: 'process 7 on elsewhere' });
    expect(readFileSync(scratch.at('a.lock'), 'utf8')).toBe(before);
    expect(readdirSync(scratch.path)).toEqual(['a.lock']);
  });

  it('are not taken by one that stalled while others took them over, and it leaves what guards those alone', () => {
    watchFiles();
    const { scratch, locks } = folder();
    locks().take('a');
    leave(scratch, { host: 'elsewhere', pid: 7 }, 6 * MINUTE);
    const dead = readFileSync(scratch.at('a.lock'), 'utf8');
    const guard = scratch.at('a.lock.take');
    // Another has found its guard too old, and is about to put its own claim there.
    meanwhile.opened = () => writeFileSync(guard, 'of another');
    expect(locks().take('a').kind).toBe('held');
    expect(readFileSync(scratch.at('a.lock'), 'utf8')).toBe(dead);
    expect(readFileSync(guard, 'utf8')).toBe('of another');
    rmSync(guard);
    // Another has done so.
    meanwhile.opened = () => leave(scratch, { host: 'faster', pid: 8, token: 'faster' });
    expect(locks().take('a')).toEqual({ kind: 'held', by: 'process 8 on faster' });
    expect(readdirSync(scratch.path)).toEqual(['a.lock']);
  });

  it('that cannot be put in place leave neither a draft nor an open file', () => {
    watchFiles();
    const { scratch, locks } = folder();
    locks().take('a');
    leave(scratch, { host: 'elsewhere', pid: 7 }, 6 * MINUTE);
    const opened: number[] = [];
    meanwhile.opened = (file) => opened.push(file);
    meanwhile.renamed = () => {
      throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    };
    expect(() => locks().take('a')).toThrow('the disk is full');
    expect(readdirSync(scratch.path)).toEqual(['a.lock']);
    expect(opened).toHaveLength(1);
    for (const file of opened) expect(() => fstatSync(file)).toThrow('EBADF');
  });

  it('refuse a folder that cannot be written to in words', () => {
    const { scratch } = folder();
    const locks = new RunLocks(scratch.put('file.txt', ''));
    expect(() => locks.take('a')).toThrow('a part of its path is a file, not a folder');
  });
});

const base = {
  data: { source: 'file', context: 8, batch: 2 },
  model: { layers: 1, width: 16, heads: 2 },
  schedule: { kind: 'constant', warmupSteps: 0 },
  eval: { everySteps: 0 },
};
const LONG = 1_000_000;
const sweepOf = (...steps: readonly number[]): object => ({ base, axes: [{ path: 'budget.steps', values: steps }] });
const idOf = (steps: number): string => expandSweep(parseSweep(sweepOf(steps)))[0]?.id ?? '';

interface Process {
  readonly child: ChildProcess;
  said: string;
  readonly over: Promise<number | string>;
}

/** `isoflop` in a process of its own. */
function start(words: readonly string[]): Process {
  const main = fileURLToPath(new URL('../../src/cli/isoflop.mjs', import.meta.url));
  const child = spawn(process.execPath, [main, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const made: Process = {
    child,
    said: '',
    over: new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal ?? ''))),
  };
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text: Buffer) => (made.said += text.toString()));
  return made;
}

describe('isoflop sweep in several processes', () => {
  it('on one folder: none trains what another does, and a killed one is taken over', { timeout: 180_000 }, async () => {
    const scratch = new Scratch();
    const rest = ['--data', scratch.put('text.txt', TEXT), '--out', scratch.at('out')];
    const [long, short] = [idOf(LONG), idOf(4)];
    const lock = scratch.at(`out/${long}.lock`);
    const metrics = scratch.at(`out/${long}/metrics.jsonl`);
    const steps = (): number => (existsSync(metrics) ? readFileSync(metrics, 'utf8').split('\n').length - 1 : 0);
    const first = start(['sweep', scratch.put('long.json', sweepOf(LONG)), ...rest]);
    await vi.waitFor(() => expect(steps(), first.said).toBeGreaterThan(0), 90_000);

    // Another sweep with the same run in it: when all else is done, it waits for that.
    const both = ['sweep', scratch.put('both.json', sweepOf(LONG, 4)), ...rest];
    const second = start(both);
    await vi.waitFor(() => expect(second.said).toContain('waiting until they end or are free'), 90_000);
    const holder = `process ${first.child.pid} on ${hostname()}`;
    expect(second.said).toContain(`1 run of it is being trained by ${holder}, and left to that\n`);
    expect(existsSync(join(scratch.at('out'), short, 'result.json'))).toBe(true);
    expect(existsSync(lock)).toBe(true);

    first.child.kill('SIGKILL');
    expect(await first.over).toBe('SIGKILL');
    const lines = readFileSync(metrics, 'utf8').split('\n');
    expect(lines.slice(0, -1).every((text, i) => (JSON.parse(text) as { step: number }).step === i + 1)).toBe(true);
    await vi.waitFor(() => expect(second.said).toContain(`run ${long} is taken over from ${holder}, which is gone\n`), 60_000);
    const before = statSync(metrics).mtimeMs;
    await vi.waitFor(() => expect(statSync(metrics).mtimeMs).toBeGreaterThan(before), 60_000);
    second.child.kill('SIGTERM');
    expect(await second.over, second.said).toBe(143);
    expect(readdirSync(scratch.at('out')).toSorted()).toEqual([long, short, 'index.json'].toSorted());
    expect(existsSync(scratch.at(`out/${long}/checkpoint.safetensors`))).toBe(true);
  });
});
