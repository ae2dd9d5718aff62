import { vi } from 'vitest';
import { Lab, type QueuedGroup, type RunRecord, type RunStore, type SweepDesk, type SweepQueue } from '../../src/lab/index.ts';
import type { Leaving } from '../../src/lab/store/recorder.ts';
import { expandSweep, parseSweep, type RunSpec, type Sweep } from '../../src/spec/index.ts';
import type { Command, CommandType, FileReport } from '../../src/worker/protocol.ts';
import { FakeBrowser } from './fake-browser.ts';
import { FakeWorker, type FakeCheckpoint, type FakeOptions } from './fake-worker.ts';

/** Two groups, of width 16 and of width 32, with three learning rates each and 20 steps. */
export function smallSweep(changes: object = {}): Sweep {
  return parseSweep({
    name: 'small',
    base: { budget: { steps: 20 }, eval: { everySteps: 10 }, schedule: { warmupSteps: 0 } },
    axes: [
      { path: 'model.width', values: [16, 32] },
      { path: 'optimizer.lr', values: [0.001, 0.003, 0.01] },
    ],
    ...changes,
  });
}

/** A tab of the page, and what is behind it. */
export interface SweepPage {
  readonly lab: Lab;
  readonly desk: SweepDesk;
  readonly store: RunStore;
  readonly worker: FakeWorker;
  /** The browser says so of the page, which stays as it is. */
  readonly tell: (leaving: Leaving) => void;
  /** The page goes away: told, or killed without a word. */
  readonly leave: (killed?: boolean) => Promise<void>;
}

/** A browser whose database and checkpoints outlive its pages. */
export class SweepSite {
  readonly browser = new FakeBrowser();
  readonly checkpoints = new Map<string, FakeCheckpoint>();
  readonly files: FileReport[] = [];

  async page(options: FakeOptions = {}): Promise<SweepPage> {
    const workers: FakeWorker[] = [];
    const store = this.browser.tab();
    const leavers = new Set<(leaving: Leaving) => void>();
    const lab = new Lab({
      connect: () => {
        const worker = new FakeWorker({ checkpoints: this.checkpoints, files: this.files, ...options });
        workers.push(worker);
        return worker;
      },
      storage: null,
      store,
      whenLeaving: (listener) => {
        leavers.add(listener);
        return () => leavers.delete(listener);
      },
    });
    await lab.open();
    const [worker] = workers;
    const desk = lab.sweeps;
    if (worker === undefined || desk === null) throw new Error('the lab did not open');
    await vi.waitFor(() => {
      if (desk.sweeps === null) throw new Error('the sweeps are not read');
    });
    const tell = (leaving: Leaving): void => leavers.forEach((listener) => listener(leaving));
    const leave = async (killed = false): Promise<void> => {
      worker.terminate();
      if (!killed) tell('gone');
      await new Promise((resolve) => setTimeout(resolve, 30));
      lab.recorder?.close();
      desk.close();
      store.close();
    };
    return { lab, desk, store, worker, tell, leave };
  }
}

/** The commands of a type that a worker was sent. */
export function sent<T extends CommandType>({ worker }: SweepPage, type: T): Extract<Command, { type: T }>[] {
  return worker.host.received.filter((command): command is Extract<Command, { type: T }> => command.type === type);
}

/** The specs of each program that was started, as widths and learning rates. */
export function started(page: SweepPage): string[] {
  const words = (specs: readonly RunSpec[]): string => specs.map(({ optimizer }) => optimizer.lr).join(' ');
  return sent(page, 'start').map(({ specs }) => `${specs[0]?.model.width}: ${words(specs)}`);
}

export function queueOf({ desk }: SweepPage, id: string): SweepQueue {
  const queue = desk.queueOf(id);
  if (queue === null) throw new Error('the queue is not read');
  return queue;
}

export function states(page: SweepPage, id: string): string[] {
  return queueOf(page, id).groups.map(({ state }) => state);
}

export function groupAt(page: SweepPage, id: string, at: number): QueuedGroup {
  const group = queueOf(page, id).groups[at];
  if (group === undefined) throw new Error(`no group ${at}`);
  return group;
}

/** Resolves once the `count`-th program trains. */
export async function training(page: SweepPage, count: number): Promise<void> {
  await vi.waitFor(() => {
    if (sent(page, 'start').length !== count || page.desk.run?.state !== 'running')
      throw new Error(`start ${count} is not there`);
  }, 3000);
}

/** A page with the small sweep kept. */
export async function kept(
  options: Parameters<SweepSite['page']>[0] = {},
  site = new SweepSite(),
): Promise<{ page: SweepPage; id: string; site: SweepSite }> {
  const page = await site.page(options);
  const id = await page.desk.keep(smallSweep());
  return { page, id, site };
}

/** Records of the runs of the small sweep. */
export async function allRuns(page: SweepPage): Promise<ReadonlyMap<string, RunRecord>> {
  return page.store.some(expandSweep(smallSweep()).map((run) => run.id));
}

export function alerts({ lab }: SweepPage): string[] {
  return lab.messages.alerts.map(({ error }) => error.message);
}

/** Resolves once the groups of a sweep have these states. */
export async function until(page: SweepPage, id: string, expected: readonly string[]): Promise<void> {
  await vi.waitFor(() => {
    const now = states(page, id);
    if (now.join() !== expected.join()) throw new Error(`the groups are ${now.join()}, not ${expected.join()}`);
  }, 3000);
}
