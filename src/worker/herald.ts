import { toWireError } from './client.ts';
import type { Event, RunState, Task } from './protocol.ts';

export type Emit = (event: Event, transfer?: Transferable[]) => void;

const PROGRESS_MS = 50;

/** Says things about one run. */
export class Herald {
  readonly emit: Emit;
  private readonly runId: string;
  private readonly now: () => number;
  private lastProgressAt = -Infinity;

  constructor(runId: string, emit: Emit, now: () => number) {
    this.runId = runId;
    this.emit = emit;
    this.now = now;
  }

  state(state: RunState, step: number, totalSteps: number): void {
    this.emit({ type: 'state', runId: this.runId, state, step, totalSteps });
  }

  /** The first and the last word on a task are said, those between now and then. */
  progress(task: Task, done: number, total: number): void {
    const now = this.now();
    if (done > 0 && done < total && now - this.lastProgressAt < PROGRESS_MS) return;
    this.lastProgressAt = now;
    this.emit({ type: 'progress', runId: this.runId, task, done, total });
  }

  notice(text: string): void {
    this.emit({ type: 'notice', runId: this.runId, text });
  }

  fault(error: unknown, recovering: boolean): void {
    this.emit({ type: 'fault', runId: this.runId, error: toWireError(error, `run ${this.runId}`), recovering });
  }

  saved(step: number, sizeBytes: number): void {
    this.emit({ type: 'saved', runId: this.runId, step, sizeBytes });
  }

  sample(step: number, prompt: string, text: string): void {
    this.emit({ type: 'sample', runId: this.runId, step, prompt, text });
  }
}
