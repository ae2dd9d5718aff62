import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { Io } from '../../src/cli/io.ts';
import { main } from '../../src/cli/main.ts';

/** What the command remembers of the adapter between processes stays with the tests. */
const cache = mkdtempSync(join(tmpdir(), 'isoflop-cache-'));
process.env['XDG_CACHE_HOME'] = cache;
process.on('exit', () => rmSync(cache, { recursive: true, force: true }));

export interface Said {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export interface Around {
  readonly stdin?: string;
  /** Asked after each write to stdout; true is Ctrl-C. */
  readonly interrupt?: (out: string) => boolean;
  /** What happens while the command waits so many milliseconds; default: they pass. */
  readonly wait?: (ms: number) => Promise<void>;
}

/** Runs `isoflop` in this process, at a fixed time. */
export async function isoflop(
  argv: readonly string[],
  { stdin = '', interrupt, wait = (ms) => setTimeout(ms) }: Around = {},
): Promise<Said> {
  let [out, err] = ['', ''];
  const asked = new AbortController();
  const io: Io = {
    out: (text) => {
      out += text;
      if (interrupt?.(out) === true) asked.abort(130);
    },
    err: (text) => void (err += text),
    stdin: () => Promise.resolve(stdin),
    now: () => 1_700_000_000_000,
    wait,
    interruptible: (body) => body(asked.signal),
  };
  const status = await main(argv, io);
  return { status, out, err };
}

export interface Line {
  readonly step: number;
  readonly tokens: number;
  readonly loss: number | null;
  readonly gradNorm: number | null;
  readonly lr: number;
  readonly epochs: number;
  readonly validation?: number;
}

/** The steps of `train --json` without their times, and the summary. */
export function parseLines(out: string): { steps: Line[]; summary: Record<string, unknown> } {
  const objects = out
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text) as Record<string, unknown>);
  const summary = objects.pop() ?? {};
  for (const line of objects) delete line['ms'];
  return { steps: objects as unknown as Line[], summary };
}

/** A folder of a test's own, removed with it; one of a suite removes who made it. */
export class Scratch {
  readonly path: string;

  constructor(owner: 'test' | 'suite' = 'test') {
    this.path = mkdtempSync(join(tmpdir(), 'isoflop-cli-'));
    if (owner === 'test') onTestFinished(() => this.remove());
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  at(name: string): string {
    return join(this.path, name);
  }

  /** Writes a file, objects as JSON, and gives its path. */
  put(name: string, content: string | Uint8Array | object): string {
    const raw = typeof content === 'string' || content instanceof Uint8Array;
    writeFileSync(this.at(name), raw ? content : JSON.stringify(content));
    return this.at(name);
  }

  bytes(name: string): Uint8Array<ArrayBuffer> {
    return new Uint8Array(readFileSync(this.at(name)));
  }
}

/** A run of a few milliseconds: shuffled text, held-out losses every 4 steps, a schedule that depends on its length. */
export const tinySpec = {
  name: 'tiny',
  data: { source: 'file', context: 8, batch: 2 },
  model: { layers: 1, width: 16, heads: 2 },
  schedule: { kind: 'cosine', warmupSteps: 2 },
  budget: { steps: 12 },
  eval: { everySteps: 4, batches: 2 },
};

/** The same in order and at a constant rate: what other frameworks replay. */
export const replaySpec = {
  ...tinySpec,
  data: { ...tinySpec.data, order: 'sequential' },
  schedule: { kind: 'constant', warmupSteps: 0 },
};

export const TEXT = 'It was the best of times, it was the worst of times. '.repeat(4);
