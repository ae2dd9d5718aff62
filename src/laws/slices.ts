/** Work that stops now and then to say how far it is. */
export type Work<Progress, Result> = Generator<Progress, Result, undefined>;

/** Does all of it at once. */
export function finish<Progress, Result>(work: Work<Progress, Result>): Result {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

export interface Slices<Progress> {
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
  /** How long to work before letting others have the thread; default 30. */
  readonly sliceMs?: number;
}

/**
 * Does it in slices, so that a worker answers messages and a page stays smooth meanwhile; progress is told once a slice.
 *
 * @throws the signal's reason once it is aborted.
 */
export async function inSlices<Progress, Result>(
  work: Work<Progress, Result>,
  { onProgress, signal, sliceMs = 30 }: Slices<Progress> = {},
): Promise<Result> {
  for (;;) {
    signal?.throwIfAborted();
    const until = performance.now() + sliceMs;
    let step = work.next();
    while (step.done !== true && performance.now() < until) step = work.next();
    if (step.done === true) return step.value;
    onProgress?.(step.value);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}
