import type { Gpu } from '../../src/gpu/device.ts';
import { MarkovSource, SymbolTokenizer } from '../../src/data/index.ts';
import { parseSpec } from '../../src/spec/index.ts';
import type { RunSpec } from '../../src/spec/index.ts';
import type { Command, Event, Replies } from '../../src/worker/protocol.ts';
import { PROTOCOL_VERSION } from '../../src/worker/protocol.ts';
import type { Files } from '../../src/worker/storage.ts';
import { TrainingHost, type HostPorts } from '../../src/worker/training-host.ts';
import { testGpu } from '../support/run-graph.ts';
import { MemoryFiles } from './memory-files.ts';

type WithoutId<C> = C extends Command ? Omit<C, 'id'> : never;
type EventOf<T extends Event['type']> = Extract<Event, { type: T }>;

export interface HarnessOptions {
  readonly open?: () => Promise<Gpu>;
  readonly files?: Files;
  readonly slots?: number;
  readonly fetch?: HostPorts['fetch'];
  readonly build?: string;
  readonly createTrainer?: HostPorts['createTrainer'];
  readonly measurers?: HostPorts['measurers'];
  /** The host's clock, in milliseconds. */
  readonly now?: () => number;
  /** Longest that anything in the worker sleeps. */
  readonly sleepMs?: number;
}

/** A host with everything around it in memory, and what it said. */
export class Harness {
  readonly files: Files;
  readonly events: Event[] = [];
  private readonly host: TrainingHost;
  private nextId = 1;
  private readonly watchers = new Set<() => void>();

  constructor({
    open = testGpu,
    files = new MemoryFiles(),
    slots = 16,
    fetch,
    build = 'test',
    createTrainer,
    measurers,
    now = () => performance.now(),
    sleepMs = 100,
  }: HarnessOptions = {}) {
    this.files = files;
    const ports: HostPorts = {
      post: (event, transfer) => {
        this.events.push(structuredClone(event, { transfer }));
        for (const watcher of this.watchers) watcher();
      },
      open,
      files,
      now,
      wallClock: () => 1_700_000_000_000 + this.nextId,
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, Math.min(ms, sleepMs))),
      userAgent: 'test',
      build,
      plan: { slots },
      peakSizes: [64],
      ...(fetch === undefined ? {} : { fetch }),
      ...(createTrainer === undefined ? {} : { createTrainer }),
      ...(measurers === undefined ? {} : { measurers }),
    };
    this.host = new TrainingHost(ports);
  }

  /** Sends any message, as a page would that is not ours. */
  receive(message: unknown): Promise<void> {
    return this.host.receive(message);
  }

  /** Sends a command and gives its reply. @throws an Error with the message of a refusal. */
  async ask<R extends WithoutId<Command>>(request: R): Promise<Replies[R['type']]> {
    const id = this.nextId++;
    await this.host.receive({ ...request, id });
    const reply = this.of('reply').find((event) => event.id === id);
    if (reply === undefined) throw new Error(`no reply to ${request.type}`);
    if (!reply.ok) throw new Error(`${reply.error.name}: ${reply.error.message}`);
    return reply.value as Replies[R['type']];
  }

  of<T extends Event['type']>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is EventOf<T> => event.type === type);
  }

  /** Resolves as soon as something was said that makes `test` true. */
  until(test: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const watcher = (): void => {
        if (!test()) return;
        this.watchers.delete(watcher);
        resolve();
      };
      this.watchers.add(watcher);
      watcher();
    });
  }

  /** Resolves when the last state said is `state`, or `failed` where that was not asked for. */
  async untilState(state: string): Promise<void> {
    await this.until(() => [state, 'failed'].includes(this.of('state').at(-1)?.state ?? ''));
    const last = this.of('state').at(-1)?.state;
    if (last !== state) throw new Error(`the run is ${last}: ${JSON.stringify(this.of('fault').at(-1)?.error.message)}`);
  }

  /** The bits of each step's loss as they were said last, by step. */
  losses(lane = 0): Map<number, number> {
    const losses = new Map<number, number>();
    for (const { firstStep, lanes, lossNats } of this.of('metrics')) {
      for (let i = 0; i < lossNats.length / lanes; i++) losses.set(firstStep + i, lossNats[i * lanes + lane] ?? NaN);
    }
    return new Map([...losses].toSorted(([a], [b]) => a - b));
  }

  /** Adds {@link tinyText} and starts a run on it. */
  async start(options: Partial<Omit<Extract<Command, { type: 'start' }>, 'type' | 'id'>> = {}): Promise<Replies['start']> {
    await this.ask({ type: 'addFile', name: 'letters.txt', bytes: tinyText() });
    return this.ask({ type: 'start', runId: 'r', specs: [tinySpec()], ...options });
  }

  hello(): Promise<Replies['hello']> {
    return this.ask({ type: 'hello', version: PROTOCOL_VERSION });
  }
}

/** 32 KiB of a Markov chain over six letters: quicker to make than the data of a `markov` source, which has millions of tokens. */
export function tinyText(): ArrayBuffer {
  const source = new MarkovSource({ symbols: 6, order: 1, concentration: 0.2, seed: 3 });
  return new SymbolTokenizer(6).decode(source.tokens('train', 2 ** 15)).buffer;
}

/** About 11,000 parameters on the user's file. */
export function tinySpec(changes: Record<string, unknown> = {}): RunSpec {
  return parseSpec({
    data: { source: 'file', context: 16, batch: 4 },
    model: { layers: 1, width: 16, heads: 2 },
    optimizer: { lr: 0.01 },
    schedule: { warmupSteps: 0 },
    budget: { steps: 40 },
    eval: { everySteps: 10, batches: 2 },
    ...changes,
  });
}
