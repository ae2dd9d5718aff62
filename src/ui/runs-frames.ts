import {
  bandOf,
  groupRuns,
  lowerBound,
  MOST_CURVES,
  Smoother,
  type Curves,
  type RunGroup,
  type RunRecord,
  type RunsView,
  type XUnit,
} from '../lab/index.ts';
import { UNITS } from './chart-view.ts';
import { armStyle, styled } from './compare-frames.ts';
import type { Curve, PlotBand, PlotFrame } from './plot-data.ts';

const MS_PER_SECOND = 1000;

/** Runs and the place of each in the palette. */
export type Places = ReadonlyMap<string, number>;

/** What each drawn curve is of: the runs that it stands for, in the order of the frame's curves. */
export interface RunsFrame {
  readonly frame: PlotFrame;
  readonly owners: readonly (readonly string[])[];
}

/** Places by age, so that another order of the table changes no colour; the runs of a group share theirs. */
export function placesOf(runs: readonly RunRecord[], view: RunsView): Places {
  const aged = [...runs].sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  if (view.group.length === 0) return new Map(aged.map(({ id }, place) => [id, place]));
  return new Map(groupRuns(aged, view.group).flatMap((group, place) => group.runs.map(({ id }) => [id, place] as const)));
}

interface Line {
  readonly steps: Float64Array;
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
}

interface Joined extends Pick<ReturnType<typeof bandOf>, 'mean' | 'low' | 'high'> {
  readonly lines: readonly Line[];
  readonly x: ArrayLike<number>;
}

/** Makes the frames of the chart of runs; what was computed of a curve is kept until the curve is another. */
export class RunsFrames {
  readonly #computed = new WeakMap<Curves, Map<string, ArrayLike<number>>>();

  #groups = new Map<string, Joined>();

  frame(runs: readonly RunRecord[], curvesOf: (id: string) => Curves | undefined, view: RunsView): RunsFrame {
    const drawn = runs.slice(0, MOST_CURVES);
    const places = placesOf(runs, view);
    const curves: Curve[] = [];
    const bands: PlotBand[] = [];
    const owners: (readonly string[])[] = [];
    const add = (curve: Curve, ids: readonly string[]): void => {
      if (curve.x.length === 0) return;
      curves.push(curve);
      owners.push(ids);
    };
    const groups: readonly RunGroup[] =
      view.group.length === 0 ? drawn.map((run) => ({ values: [], runs: [run] })) : groupRuns(drawn, view.group);
    for (const { runs: members } of groups) {
      const [first] = members;
      if (first === undefined) continue;
      const ids = members.map(({ id }) => id);
      const style = { ...styled(places.get(first.id) ?? 0), alpha: groups.length > MANY ? 0.75 : 1 };
      const width = members.some(({ baseline }) => baseline) ? 2.5 : groups.length > MANY ? 1 : 1.75;
      for (const split of view.split === 'both' ? (['train', 'validation'] as const) : [view.split]) {
        const lines = members.flatMap((run) => this.#line(run, curvesOf(run.id), split, view));
        const dots = split === 'validation' && groups.length <= MANY;
        const label = `${first.id} ${split}`;
        const [only] = lines;
        if (only !== undefined && lines.length === 1) {
          add({ label, ...style, width, dots, x: only.x, y: only.y }, ids);
        } else if (lines.length > 1) {
          const { x, mean, low, high } = this.#joined(label, lines);
          bands.push({ color: armStyle(places.get(first.id) ?? 0).color, x, low, high });
          add({ label, ...style, width: 2, dots, x, y: mean }, ids);
        }
      }
    }
    const frame: PlotFrame = {
      xLabel: UNITS[view.unit],
      xLog: view.xLog,
      yLabel: 'loss, nats per token',
      yLog: view.yLog,
      emptyX: [1, 1000],
      curves,
      bands,
      lines: [],
      marks: [],
    };
    return { frame, owners };
  }

  /** What a group comes to, kept until one of its lines is another. */
  #joined(label: string, lines: readonly Line[]): Joined {
    const known = this.#groups.get(label);
    const same =
      known?.lines.length === lines.length && known.lines.every(({ x, y }, i) => x === lines[i]?.x && y === lines[i]?.y);
    if (known !== undefined && same) return known;
    const { steps: joint, mean, low, high } = bandOf(lines.map(({ steps, y }) => ({ steps, lossNats: y })));
    const isStep = lines.every(({ x, steps }) => x === steps);
    const x = isStep ? joint : bandOf(lines.map(({ steps, x: at }) => ({ steps, lossNats: at }))).mean;
    const joined = { lines, x, mean, low, high };
    this.#groups.set(label, joined);
    return joined;
  }

  #line(run: RunRecord, curves: Curves | undefined, split: 'train' | 'validation', { unit, smoothing }: RunsView): Line[] {
    if (curves === undefined) return [];
    const { steps, lossNats } = curves[split];
    const x = this.#kept(curves, `${split} ${unit}`, () => positions(run, curves, steps, unit));
    if (x.length === 0) return [];
    const y =
      split === 'validation' || smoothing === 0
        ? lossNats
        : this.#kept(curves, `smooth ${smoothing}`, () => new Smoother({ losses: 0, view: () => lossNats }, smoothing).values());
    return [{ steps, x, y }];
  }

  #kept(curves: Curves, name: string, make: () => ArrayLike<number>): ArrayLike<number> {
    const known = this.#computed.get(curves) ?? new Map<string, ArrayLike<number>>();
    this.#computed.set(curves, known);
    const made = known.get(name) ?? make();
    // One weight at a time: the slider has a hundred.
    if (name.startsWith('smooth')) for (const key of known.keys()) if (key.startsWith('smooth')) known.delete(key);
    known.set(name, made);
    return made;
  }
}

/** More curves than this are thin. */
const MANY = 40;

/** Steps in the chosen unit; none where the run does not say what a step is. */
function positions(run: RunRecord, { train }: Curves, steps: Float64Array, unit: XUnit): ArrayLike<number> {
  const { counts } = run;
  switch (unit) {
    case 'step':
      return steps;
    case 'tokens':
      return counts === null ? [] : steps.map((step) => step * counts.tokensPerStep);
    case 'flops':
      return counts === null ? [] : steps.map((step) => step * counts.tokensPerStep * counts.flopsPerToken);
    case 'time':
      return steps.map((step) => {
        const at = Math.min(lowerBound(train.steps, step), train.steps.length - 1);
        return (train.timeMs[at] ?? Number.NaN) / MS_PER_SECOND;
      });
  }
}
