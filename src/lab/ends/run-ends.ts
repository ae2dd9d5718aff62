import { totalSteps, type RunSpec } from '../../spec/index.ts';
import { joinEnds, MARKS, NO_ENDS, type KeptEnds, type MarkShare } from './kept-ends.ts';
import { askedSilence, predictHere, type AskedEnd, type EndPredictor } from './asked-end.ts';
import { endOf, type EndPrediction, type Silence } from './predict.ts';

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
  /** Steps that the latest was asked for with, and how many the run had then. */
  asked: readonly [seen: number, totalSteps: number];
}

const NOTHING_ASKED = [-1, -1] as const;

/**
 * The predicted ends of a run's lanes, renewed as its series grow: every two seconds at most, and one at a time, wherever they are computed.
 * The marks are predicted from what was there at their step, whenever that is done, so that they are the same for the same losses.
 */
export class RunEnds {
  readonly #lanes: Lane[] = [];
  readonly #predict: EndPredictor;
  readonly #changed: () => void;
  #waiting = false;
  /** Of a run that rests or is over and of which marks are left; null while it trains. */
  #resting: (() => readonly EndSource[]) | null = null;

  /** @param changed is called when something is foretold, and when the last that was left is. */
  constructor(predict: EndPredictor = predictHere, changed: () => void = () => {}) {
    this.#predict = predict;
    this.#changed = changed;
  }

  of(lane: number): LaneEnds {
    return this.#lanes[lane] ?? { latest: null, kept: NO_ENDS };
  }

  /** True while an answer is waited for, or marks that were passed are left. */
  get catchingUp(): boolean {
    return this.#waiting || this.#resting !== null;
  }

  /** The run trains: goes on with one lane, the one that waits longest, once the answer before is there. */
  grown(sources: () => readonly EndSource[], nowMs: number): void {
    this.#resting = null;
    if (!this.#waiting) this.#next(sources, nowMs);
  }

  /** The run rests or is over: what it came to is taken at once, the first lanes and the marks that are left are predicted one by one. */
  settle(sources: () => readonly EndSource[]): void {
    const all = sources();
    this.#prepare(all.length);
    this.#lanes.forEach((lane, i) => {
      const source = all[i];
      if (source === undefined || source.lossNats.length === 0) return;
      const { spec, flopsPerToken, ...seen } = source;
      lane.kept = joinEnds(lane.kept, { marks: [], cameNats: endOf({ ...seen, totalSteps: totalSteps(spec, flopsPerToken) }) });
    });
    this.#resting = sources;
    this.#goOn();
  }

  #goOn(): void {
    if (this.#waiting || this.#resting === null || this.#next(this.#resting, null)) return;
    this.#resting = null;
    this.#changed();
  }

  /** Asks for what is due first. @param nowMs null: the run rests, nothing waits for its time. @returns whether anything was asked for. */
  #next(sources: () => readonly EndSource[], nowMs: number | null): boolean {
    const all = sources();
    this.#prepare(all.length);
    const due = this.#lanes.map((lane, i) => ({ lane, source: all[i], i })).sort((a, b) => a.lane.atMs - b.lane.atMs);
    for (const { lane, source, i } of due) {
      if (source === undefined || source.lossNats.length === 0) continue;
      const ask = (asked: AskedEnd, take: (found: EndPrediction | Silence) => void, drop: () => void): void =>
        this.#ask(asked, () => isStale(source, sources()[i]), take, drop);
      if (this.#markDue(lane, source, ask)) return true;
      if (i < LIVE_LANES && this.#latestDue(lane, source, nowMs, ask)) return true;
    }
    return false;
  }

  /** The first mark that was passed and not tried. */
  #markDue(lane: Lane, source: EndSource, ask: Ask): boolean {
    const whole = asked(source);
    const seen = source.firstStep + source.lossNats.length - 1;
    for (const share of MARKS) {
      const step = Math.floor(share * whole.plannedSteps);
      if (lane.tried.has(share) || seen < step || step < source.firstStep) continue;
      lane.tried.add(share);
      const lossNats = source.lossNats.subarray(0, step - source.firstStep + 1);
      const part = { ...whole, totalSteps: whole.plannedSteps, lossNats };
      if (askedSilence(part) !== null) continue;
      const take = (found: EndPrediction | Silence): void => {
        if (typeof found === 'string') return;
        lane.kept = joinEnds(lane.kept, { marks: [{ share, ...found }], cameNats: lane.kept.cameNats });
      };
      ask(part, take, () => void lane.tried.delete(share));
      return true;
    }
    return false;
  }

  #latestDue(lane: Lane, source: EndSource, nowMs: number | null, ask: Ask): boolean {
    if (nowMs !== null && nowMs - lane.atMs < EVERY_MS) return false;
    const now = [source.firstStep + source.lossNats.length - 1, source.totalSteps] as const;
    if (lane.asked[0] === now[0] && lane.asked[1] === now[1]) return false;
    lane.asked = now;
    if (nowMs !== null) lane.atMs = nowMs;
    const whole = asked(source);
    const silence = askedSilence(whole);
    if (silence !== null) {
      lane.latest = silence;
      this.#changed();
      return false;
    }
    const take = (found: EndPrediction | Silence): void => void (lane.latest = found);
    ask(whole, take, () => void (lane.asked = NOTHING_ASKED));
    return true;
  }

  #ask(request: AskedEnd, stale: () => boolean, take: (found: EndPrediction | Silence) => void, drop: () => void): void {
    this.#waiting = true;
    // A copy: what was seen grows, and goes to another thread. Where no other predicts, this one does.
    const own = (): AskedEnd => ({ ...request, lossNats: kept.slice() });
    const kept = request.lossNats.slice();
    void this.#predict(own())
      .catch(() => predictHere(own()))
      .then((found) => {
        this.#waiting = false;
        if (stale()) drop();
        else take(found);
        this.#changed();
        this.#goOn();
      });
  }

  #prepare(lanes: number): void {
    while (this.#lanes.length < lanes)
      this.#lanes.push({
        latest: null,
        kept: NO_ENDS,
        tried: new Set(),
        atMs: Number.NEGATIVE_INFINITY,
        asked: NOTHING_ASKED,
      });
  }
}

type Ask = (asked: AskedEnd, take: (found: EndPrediction | Silence) => void, drop: () => void) => void;

/** Whether what was asked for is of a run that is no longer so: it went back to a checkpoint, was lengthened, or has ended. */
function isStale(then: EndSource, now: EndSource | undefined): boolean {
  if (now === undefined || now.firstStep !== then.firstStep || now.totalSteps !== then.totalSteps) return true;
  return now.lossNats.length < then.lossNats.length;
}

function asked({ spec, lossNats, firstStep, totalSteps: total, flopsPerToken }: EndSource): AskedEnd {
  return { spec, lossNats, firstStep, totalSteps: total, plannedSteps: totalSteps(spec, flopsPerToken) };
}
