/** What the tuner tells of the variants of kernels: plain data, found on the GPU by `engine`, kept by the worker, shown by the page. */

/** One variant as the tuner found it. */
export interface Candidate {
  readonly variant: string;
  /** Median milliseconds of the node; null where the variant did not pass its check or did not run, so that it was not timed. */
  readonly ms: number | null;
  /** Between the quartiles; null where there are too few regions, for it was slower by far. */
  readonly spreadMs: number | null;
}

/** What the tuner found of nodes of one signature. */
export interface Tuned {
  /** Op, types and attributes of the nodes, as `signatureOf` of `engine` writes them. */
  readonly signature: string;
  /** Op and shape as people read them. */
  readonly shape: string;
  /** The one that is used untuned first. */
  readonly candidates: readonly Candidate[];
  readonly chosen: string;
  /** By GPU timestamps, or by the wall clock from a submit until its work is done. */
  readonly timedBy: 'timestamps' | 'wall';
  /** The adapter computes on the CPU: these times are of no GPU (promise 9). */
  readonly software: boolean;
}

/** True where a value is a result of the tuner's, whole: what is chosen was timed, unless nothing was. */
export function isTuned(value: unknown): value is Tuned {
  if (!hasFields(value, { signature: 'string', shape: 'string', chosen: 'string', software: 'boolean' })) return false;
  const [candidates, chosen, timedBy] = ['candidates', 'chosen', 'timedBy'].map((name): unknown => Reflect.get(value, name));
  if (timedBy !== 'timestamps' && timedBy !== 'wall') return false;
  if (!Array.isArray(candidates) || !candidates.every(isCandidate)) return false;
  const own = candidates.find(({ variant }) => variant === chosen);
  return own !== undefined && (own.ms !== null || candidates.every(({ ms }) => ms === null));
}

/** True where a candidate ran: otherwise nothing is known of the shape that a plan could use. */
export function isTimed({ candidates }: Tuned): boolean {
  return candidates.some(({ ms }) => ms !== null);
}

function isCandidate(value: unknown): value is Candidate {
  if (!hasFields(value, { variant: 'string' })) return false;
  const [ms, spreadMs] = ['ms', 'spreadMs'].map((name): unknown => Reflect.get(value, name));
  const isTime = ms === null || (isFiniteNumber(ms) && ms > 0);
  return isTime && (spreadMs === null || (isFiniteNumber(spreadMs) && spreadMs >= 0));
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function hasFields(value: unknown, types: Readonly<Record<string, string>>): value is object {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(types).every(([name, type]) => typeof Reflect.get(value, name) === type);
}
