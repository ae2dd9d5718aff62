import { setTimeout } from 'node:timers/promises';

/** What a command has of the world around it, so that a test can stand in for it. */
export interface Io {
  /** Writes to stdout as it stands. */
  out(text: string): void;
  /** Writes to stderr as it stands. */
  err(text: string): void;
  /** All of stdin, as UTF-8. */
  stdin(): Promise<string>;
  /** Milliseconds since the epoch: what checkpoints are dated with. */
  now(): number;
  /** Resolves after so many milliseconds, and at once when the signal is aborted. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
  /**
   * Runs `body` with a signal that is aborted when the user or a scheduler asks the process to stop; the reason is the exit status.
   * Asked twice, the process ends at once.
   */
  interruptible<T>(body: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** Exit statuses of a process that a signal stopped: 128 and the signal's number. */
const STATUS = { SIGINT: 130, SIGTERM: 143 } as const;
const BROKEN_PIPE = 141;

/** The process's own streams, clock and signals. */
export function processIo(): Io {
  const gone = new AbortController();
  const onError = (error: NodeJS.ErrnoException): void => {
    // The reader went away, as `head` does: nothing more can be said, and that is no error of ours.
    if (error.code === 'EPIPE') gone.abort(BROKEN_PIPE);
    else throw error;
  };
  process.stdout.on('error', onError);
  process.stderr.on('error', onError);
  return {
    out: (text) => void (gone.signal.aborted || process.stdout.write(text)),
    err: (text) => void (gone.signal.aborted || process.stderr.write(text)),
    stdin: async () => {
      const parts: Buffer[] = [];
      for await (const part of process.stdin) parts.push(Buffer.from(part as Uint8Array));
      return Buffer.concat(parts).toString('utf8');
    },
    now: () => Date.now(),
    wait: (ms, signal) => setTimeout(ms, undefined, { signal }).catch(() => undefined),
    interruptible: async (body) => {
      const asked = new AbortController();
      const handlers = Object.entries(STATUS).map(([name, status]) => {
        const handler = (): void => asked.abort(status);
        process.once(name, handler);
        return { name, handler };
      });
      try {
        return await body(AbortSignal.any([asked.signal, gone.signal]));
      } finally {
        for (const { name, handler } of handlers) process.off(name, handler);
      }
    },
  };
}
