import { learningRate, totalSteps, type RunSpec } from '../../spec/index.ts';
import { joinEnds, MARKS, NO_ENDS, type KeptEnds, type MarkShare } from './kept-ends.ts';
import { endOf, predictEnd, type EndPrediction, type Silence } from './predict.ts';

/** Between two predictions of a lane while it trains. */
const EVERY_MS = 2000;
/** Lanes that are predicted all the time; others at the marks alone. */
const LIVE_LANES = 8;

/** What is predicted of: one lane of a run. */
export interface EndSource {
  readonly spec: RunSpec;
  /** Training losses, `firstStep` first. */
  readonly lossNats: Float64Array;
  readonly firstStep: number;
  /** Of the run, what it was lengthened by included. */
  readonly totalSteps: number;
  readonly flopsPerToken: number;
}

/** What is foretold of one lane. */
export interface LaneEnds {
  /** The latest prediction, or why there is none; null before the first was tried. */
  readonly latest: EndPrediction | Silence | null;
  readonly kept: KeptEnds;
}

interface Lane {
  latest: EndPrediction | Silence | null;
  kept: KeptEnds;
  /** Marks that were tried. */
  readonly tried: Set<MarkShare>;
  atMs: number;
}

/**
 * The predicted ends of a run's lanes, renewed as its series grow: every two seconds at most, one lane at a time, some milliseconds each. The
 * marks are predicted from what was there at their step, whenever that is done, so that they are the same for the same losses.
 */
export class RunEnds {
  readonly #lanes: Lane[] = [];

  of(lane: number): LaneEnds {
    return this.#lanes[lane] ?? { latest: null, kept: NO_ENDS };
  }

  /** Goes on with one lane, the one that waits longest. @returns whether anything was predicted. */
  grown(sources: readonly EndSource[], nowMs: number): boolean {
    this.#prepare(sources.length);
    const due = this.#lanes.map((lane, i) => ({ lane, source: sources[i], i })).sort((a, b) => a.lane.atMs - b.lane.atMs);
    for (const { lane, source, i } of due) {
      if (source === undefined) continue;
      const marked = mark(lane, source);
      if (i < LIVE_LANES && nowMs - lane.atMs >= EVERY_MS) {
        lane.latest = predicted(source);
        lane.atMs = nowMs;
        return true;
      }
      if (marked) return true;
    }
    return false;
  }

  /**
   * The run rests or is over: what it came to is taken at once, and the first lanes are predicted as they stand. Marks that were passed and
   * not tried yet wait for {@link catchUp}: all of them at once would stop the page.
   */
  settle(sources: readonly EndSource[]): void {
    this.#prepare(sources.length);
    this.#lanes.forEach((lane, i) => {
      const source = sources[i];
      if (source === undefined || source.lossNats.length === 0) return;
      lane.kept = joinEnds(lane.kept, { marks: [], cameNats: endOf(planned(source)) });
      if (i < LIVE_LANES) lane.latest = predicted(source);
    });
  }

  /** Predicts at one mark that was passed. @returns whether there was one. */
  catchUp(sources: readonly EndSource[]): boolean {
    this.#prepare(sources.length);
    return this.#lanes.some((lane, i) => {
      const source = sources[i];
      return source !== undefined && mark(lane, source);
    });
  }

  #prepare(lanes: number): void {
    while (this.#lanes.length < lanes)
      this.#lanes.push({ latest: null, kept: NO_ENDS, tried: new Set(), atMs: Number.NEGATIVE_INFINITY });
  }
}

/** Predicts at the first mark that was passed and not tried. @returns whether there was one. */
function mark(lane: Lane, source: EndSource): boolean {
  const plan = planned(source);
  const seen = source.firstStep + source.lossNats.length - 1;
  for (const share of MARKS) {
    const step = Math.floor(share * plan.totalSteps);
    if (lane.tried.has(share) || seen < step || step < source.firstStep) continue;
    lane.tried.add(share);
    const found = predictEnd({ ...plan, lossNats: source.lossNats.subarray(0, step - source.firstStep + 1) });
    if (typeof found !== 'string')
      lane.kept = joinEnds(lane.kept, { marks: [{ share, ...found }], cameNats: lane.kept.cameNats });
    return true;
  }
  return false;
}

function predicted(source: EndSource): EndPrediction | Silence {
  return predictEnd({ ...planned(source), totalSteps: source.totalSteps });
}

/** The run as its spec has it. */
function planned({ spec, lossNats, firstStep, flopsPerToken }: EndSource): Parameters<typeof predictEnd>[0] {
  const total = totalSteps(spec, flopsPerToken);
  return {
    lossNats,
    firstStep,
    totalSteps: total,
    warmupSteps: spec.schedule.warmupSteps,
    rateOf: (step) => learningRate(spec, step, total),
  };
}
