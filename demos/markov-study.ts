import { MarkovSource } from '../src/data/index.ts';
import { fitting, inSlices, lawNamed, type Fit, type Points } from '../src/laws/index.ts';
import { parseSpec, type RunSpec } from '../src/spec/index.ts';

/** A run of the ladder and the held-out loss that it came to. */
export interface StudyPoint {
  readonly width: number;
  readonly steps: number;
  readonly seed: number;
  /** Parameters, embeddings included. */
  readonly N: number;
  /** Tokens trained on. */
  readonly D: number;
  /** Nats per symbol. */
  readonly loss: number;
}

/** Runs that `isoflop sweep` trained, and what all of them have in common. */
export interface Study {
  readonly spec: object;
  readonly adapter: string;
  readonly software: boolean;
  readonly points: readonly StudyPoint[];
}

/** A size, a length and a seed. */
export type Rung = Pick<StudyPoint, 'width' | 'steps' | 'seed'>;

/** Every size at every length under every seed, short runs first. */
export function rungs(widths: readonly number[], lengths: readonly number[], seeds: readonly number[]): readonly Rung[] {
  return lengths.flatMap((steps) => widths.flatMap((width) => seeds.map((seed) => ({ width, steps, seed }))));
}

/** The run of a rung. */
export function specOf({ spec }: Study, { width, steps, seed }: Rung): RunSpec {
  const base = parseSpec(spec);
  const { warmupSteps } = base.schedule;
  return parseSpec({
    ...base,
    model: { ...base.model, width },
    schedule: { ...base.schedule, warmupSteps: Math.min(warmupSteps, steps >> 1) },
    seed: { init: seed, data: seed },
    budget: { steps },
  });
}

/** Nats per symbol that no model goes below on average: the exact entropy rate of the study's source. */
export function knownEntropy({ spec }: Study): number {
  return new MarkovSource(parseSpec(spec).data.markov).entropyRateNats;
}

const LAW = lawNamed('chinchilla');
const STARTS = 60;
const RESAMPLES = 200;

/** Why points cannot be fitted yet; null where they can. */
export function tooFew(points: readonly StudyPoint[]): string | null {
  const kinds = (of: (point: StudyPoint) => number): number => new Set(points.map(of)).size;
  const enough = points.length > LAW.parameters.length && kinds(({ N }) => N) > 1 && kinds(({ D }) => D) > 1;
  return enough
    ? null
    : `The fit takes ${LAW.parameters.length + 1} runs of two sizes and two lengths; there are ${points.length}.`;
}

/** L = E + A / N^alpha + B / D^beta, fitted to the points with intervals from resamples of them. */
export function fitStudy(points: readonly StudyPoint[], signal?: AbortSignal): Promise<Fit> {
  const column = (of: (point: StudyPoint) => number): Float64Array => Float64Array.from(points, of);
  const runs = points.map(({ width, steps, seed }) => `${width} ${steps} ${seed}`);
  const columns = { N: column(({ N }) => N), D: column(({ D }) => D), loss: column(({ loss }) => loss) };
  const made: Points = { columns, runs };
  const work = fitting(LAW, made, { starts: STARTS, bootstrap: RESAMPLES, projected: true, seed: 1 });
  return inSlices(work, { sliceMs: 12, ...(signal === undefined ? {} : { signal }) });
}

export interface StudyVerdict {
  readonly E: number;
  /** null where the points do not bound it. */
  readonly interval: readonly [number, number] | null;
  readonly inside: boolean;
  readonly words: string;
}

/** What a fit says of the entropy that is known; without an interval it says nothing. */
export function verdictOf({ params, intervals, level, warnings, points }: Fit, known: number): StudyVerdict {
  const E = params['E'] ?? Number.NaN;
  const [low, high] = intervals['E'] ?? [null, null];
  const unsaid = warnings.some((warning) => warning.startsWith('E is not identified'));
  if (low === null || high === null || unsaid) {
    const words = `${points} such runs do not say where the loss ends: the irreducible loss is not identified. Longer ones would.`;
    return { E, interval: null, inside: false, words };
  }
  const inside = low <= known && known <= high;
  const found = `The fit puts the irreducible loss at ${E.toFixed(3)} nats, ${Math.round(100 * level)} % interval ${low.toFixed(3)} to ${high.toFixed(3)}.`;
  const truth = `The entropy of the source is ${known.toFixed(4)} nats: ${inside ? 'inside' : 'outside'} the interval.`;
  return { E, interval: [low, high], inside, words: `${found} ${truth}` };
}
