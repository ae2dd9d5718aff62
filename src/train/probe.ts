import type { CastStats, Probe, StabilityProbe, TensorProbe } from '../base/probe.ts';
import { floatOf } from '../numerics/index.ts';
import { CAST_COUNTS, STATS } from '../ops/tensor-stats.ts';
import type { Graph } from '../graph/index.ts';
import type { RunSpec } from '../spec/run-spec.ts';
import { FLOATS, probeGraph, WORDS } from './probe-graph.ts';
import type { CastPlaces, Place, ProbeLayout, TensorPlaces } from './probe-graph.ts';

/** What a lane's probe is read from. */
export interface LaneFigures {
  readonly words: Uint32Array;
  readonly floats: Float32Array;
}

/** Probes of a run, and the program that makes them: that of the formats that were asked for last is kept. */
export class Prober<P extends { destroy(): void }> {
  private readonly make: (graph: (spec: RunSpec, vocab: number) => Graph) => P;
  private kept: { readonly key: string; readonly program: P; readonly layout: ProbeLayout } | undefined;
  private tail: Promise<unknown> = Promise.resolve();

  /** @param make plans a program for a graph; it is compiled when it is first used. */
  constructor(make: Prober<P>['make']) {
    this.make = make;
  }

  /**
   * Works with the program of these formats once all work before is done: other formats free the program of those before.
   *
   * @throws SpecError for a format that does not exist; what `work` throws.
   */
  use<T>(
    { spec, vocab, whatIf }: { readonly spec: RunSpec; readonly vocab: number; readonly whatIf: readonly string[] },
    work: (program: P, layout: ProbeLayout) => Promise<T>,
  ): Promise<T> {
    const used = this.tail.then(() => {
      const { program, layout } = this.for(spec, vocab, whatIf);
      return work(program, layout);
    });
    this.tail = used.catch(() => undefined);
    return used;
  }

  destroy(): void {
    this.kept?.program.destroy();
    this.kept = undefined;
  }

  private for(spec: RunSpec, vocab: number, whatIf: readonly string[]): { readonly program: P; readonly layout: ProbeLayout } {
    const key = JSON.stringify(whatIf);
    if (this.kept?.key === key) return this.kept;
    const { layout } = probeGraph(spec, vocab, whatIf);
    this.destroy();
    this.kept = { key, layout, program: this.make((like, symbols) => probeGraph(like, symbols, whatIf).graph) };
    return this.kept;
  }
}

/** What a program of {@link probeGraph} read, a lane after the other. */
export function lanesOf(get: (name: string) => Float32Array, lanes: number): readonly LaneFigures[] {
  const [words, floats] = [get(WORDS).slice(), get(FLOATS).slice()];
  const part = (all: Float32Array, lane: number): Float32Array =>
    all.slice((lane * all.length) / lanes, ((lane + 1) * all.length) / lanes);
  return Array.from({ length: lanes }, (_, lane) => ({
    words: new Uint32Array(part(words, lane).buffer),
    floats: part(floats, lane),
  }));
}

/** The probe of a lane after `step` steps. */
export function readProbe(layout: ProbeLayout, figures: LaneFigures, lane: number, step: number): Probe {
  return {
    step,
    lane,
    tensors: layout.tensors.flatMap((tensor) => tensorProbes(tensor, figures)),
    stability: stabilityOf(layout, figures),
  };
}

function tensorProbes({ elements, stats, sites }: TensorPlaces, figures: LaneFigures): readonly TensorProbe[] {
  const words = figures.words.subarray(stats.at, stats.at + stats.size);
  const [zeros = 0, nonFinite = 0, amax = 0] = [STATS.zeros, STATS.nonFinite, STATS.amax].map((i) => words[i]);
  const counted = { finite: elements - nonFinite, nonzero: elements - nonFinite - zeros };
  const histogram = [...words.subarray(STATS.histogram)];
  return sites.map(({ name, layer, role, cast, whatIf }): TensorProbe => ({
    site: name,
    layer,
    role,
    elements,
    amax: floatOf(amax),
    zeros,
    nonFinite,
    histogram,
    cast: cast === null ? null : castStats(cast, figures, counted),
    whatIf: whatIf.map((other) => castStats(other, figures, counted)),
  }));
}

function castStats(
  { format, scaling, counts, sums }: CastPlaces,
  figures: LaneFigures,
  { finite, nonzero }: { readonly finite: number; readonly nonzero: number },
): CastStats {
  const count = (i: number): number => figures.words[counts.at + i] ?? NaN;
  const [squares = NaN, errors = NaN] = figures.floats.subarray(sums.at, sums.at + sums.size);
  const share = (of: number): number => (nonzero === 0 ? 0 : of / nonzero);
  const unit = 2 ** (count(CAST_COUNTS.exponent) - 127);
  const isLost = count(CAST_COUNTS.lost) > 0;
  return {
    format,
    scaling,
    scale: Math.fround(1 / floatOf(count(CAST_COUNTS.inverse))),
    underflow: share(count(CAST_COUNTS.underflow)),
    overflow: share(count(CAST_COUNTS.overflow)),
    sqnrDb: isLost ? -Infinity : errors === 0 ? Infinity : 10 * Math.log10(squares / errors),
    mse: isLost ? Infinity : finite === 0 ? 0 : (errors / finite) * unit * unit,
  };
}

function stabilityOf(layout: ProbeLayout, { words, floats }: LaneFigures): StabilityProbe {
  const float = ({ at }: Place): number => floats[at] ?? NaN;
  return {
    maxAttentionLogit: layout.attentionLogits.map((place) => largestOf(words, place)),
    maxOutputLogit: largestOf(words, layout.outputLogits),
    meanLse: float(layout.meanLse),
    gradNorms: layout.gradNorms.map(({ layer, norm }) => ({ layer, norm: float(norm) })),
  };
}

/** Partial amaxes, as `amax` gives them, for the whole: NaN is above Inf, and Inf above all numbers. */
export function largestOf(words: Uint32Array, { at, size }: Place): number {
  return floatOf(words.subarray(at, at + size).reduce((a, b) => Math.max(a, b), 0));
}
