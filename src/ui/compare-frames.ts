import { probesOf, readStability, type ComparedArm, type Comparison, type StabilityMeasure } from '../lab/index.ts';
import { DEEPSEEK_LINE } from '../laws/index.ts';
import { UNITS, type ChartView } from './chart-view.ts';
import { nats } from './format.ts';
import type { Curve, Mark, PlotBand, PlotFrame, Range } from './plot-data.ts';

/** Names of arms, not places, are what is hidden: they outlive a new comparison. */
export type HiddenArms = ReadonlySet<string>;

const DASHES: readonly (readonly number[])[] = [[], [9, 4], [2, 3], [12, 3, 2, 3], [5, 3], [14, 5], [2, 6], [7, 2, 2, 2, 2, 2]];

/** Colour and dash of the arm at a place: told apart by both. Beyond eight a colour comes again with other dashes: 64 pairs. */
export function armStyle(place: number): { readonly color: string; readonly dash: readonly number[] } {
  const colors = DASHES.length;
  return { color: `--arm-${place % colors}`, dash: DASHES[(place + Math.floor(place / colors)) % colors] ?? [] };
}

export function styled(place: number): Pick<Curve, 'color' | 'dash'> | Pick<Curve, 'color'> {
  const { color, dash } = armStyle(place);
  return dash.length === 0 ? { color } : { color, dash };
}

type Unit = 'step' | 'tokens';

export const unitOf = ({ unit }: ChartView): Unit => (unit === 'tokens' ? 'tokens' : 'step');

function xs(comparison: Comparison, steps: number, unit: Unit): Float64Array {
  return Float64Array.from({ length: steps }, (_, i) => comparison.xOf(i + 1, unit));
}

/** What x spans before anything is measured. */
function emptyX(comparison: Comparison | null, unit: Unit): Range {
  const last = comparison === null ? 1000 : comparison.xOf(Math.max(2, comparison.totalSteps), unit);
  return [comparison?.xOf(1, unit) ?? 1, Number.isFinite(last) ? last : 1000];
}

/** Loss of each arm: its mean over seeds, and a band from the lowest seed to the highest. */
export function lossFrame(comparison: Comparison | null, view: ChartView, hidden: HiddenArms): PlotFrame {
  const unit = unitOf(view);
  const curves: Curve[] = [];
  const bands: PlotBand[] = [];
  const marks: Mark[] = [];
  for (const [place, arm] of (comparison?.arms ?? []).entries()) {
    if (comparison === null || hidden.has(arm.name)) continue;
    const x = xs(comparison, arm.step, unit);
    const { mean, low, high } = arm.band;
    if (arm.seeds.length > 1) bands.push({ color: armStyle(place).color, x, low, high });
    curves.push({ label: arm.name, ...styled(place), width: 2, alpha: 1, x, y: mean });
    for (const { lane, step } of arm.diverged) {
      const loss = arm.seeds[lane]?.lossNats.at(step - 1) ?? Number.NaN;
      marks.push({ x: comparison.xOf(step, unit), label: `${arm.name}: ${nats(loss)}` });
    }
  }
  marks.sort((a, b) => a.x - b.x);
  return {
    xLabel: UNITS[unit],
    xLog: view.xLog,
    yLabel: 'loss, nats per token',
    yLog: view.yLog,
    emptyX: emptyX(comparison, unit),
    curves,
    bands,
    lines: [],
    marks,
  };
}

/** Gaps in percent; early windows reach far, so y keeps to what comes later. */
export function gapFrame(comparison: Comparison | null, view: ChartView, hidden: HiddenArms): PlotFrame {
  const unit = unitOf(view);
  const curves: Curve[] = [];
  const bands: PlotBand[] = [];
  let reach = 2.4 * 100 * DEEPSEEK_LINE;
  for (const [place, arm] of (comparison?.arms ?? []).entries()) {
    if (comparison === null || arm === comparison.baseline || hidden.has(arm.name)) continue;
    const end = comparison.endGapOf(arm);
    const windows = comparison.gapsOf(arm).filter((gap) => gap !== null);
    // The last, unfinished window too: a gap shows from the first steps on.
    const gaps = end === null || windows.at(-1)?.lastStep === end.lastStep ? windows : [...windows, end];
    const x = gaps.map(({ lastStep }) => comparison.xOf(lastStep, unit));
    const late = gaps.slice(Math.floor(gaps.length / 3));
    for (const { relative, lo, hi } of late)
      reach = Math.max(reach, 130 * Math.abs(relative), Math.min(110 * Math.max(-lo, hi), 220 * Math.abs(relative)));
    bands.push({ color: armStyle(place).color, x, low: gaps.map(({ lo }) => 100 * lo), high: gaps.map(({ hi }) => 100 * hi) });
    const y = gaps.map(({ relative }) => 100 * relative);
    curves.push({ label: arm.name, ...styled(place), width: 2, alpha: 1, dots: gaps.length < 3, x, y });
  }
  const line = 100 * DEEPSEEK_LINE;
  return {
    xLabel: UNITS[unit],
    xLog: view.xLog,
    yLabel: 'gap, % of the baseline’s loss',
    yLog: false,
    emptyX: emptyX(comparison, unit),
    curves,
    bands,
    // Where y reaches far the three lines are one, and one name is enough.
    lines:
      reach > 8 * line
        ? [
            { label: '', y: -line },
            { label: '', y: 0 },
            { label: `±${line} %: DeepSeek-V3, FP8 against bf16`, y: line },
          ]
        : [
            { label: `−${line} %`, y: -line },
            { label: comparison?.baseline.name ?? 'the baseline', y: 0 },
            { label: `+${line} %: DeepSeek-V3, FP8 against bf16`, y: line },
          ],
    marks: [],
    limitY: [-reach, reach],
    // The same x as the losses have, though the first window ends later.
    ...(comparison === null || comparison.step < 2
      ? {}
      : { leastX: [comparison.xOf(1, unit), comparison.xOf(comparison.step, unit)] }),
  };
}

/** A figure over steps, as the seeds have it: their mean, and from the lowest to the highest. */
export interface SeedFigure {
  readonly steps: readonly number[];
  readonly mean: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
}

/** A figure that `read` takes of each probe; seeds where it is not finite are left out. */
export function overSeeds(arm: ComparedArm, read: (probe: ComparedArm['probes'][number]) => number): SeedFigure {
  const steps = probesOf(arm, 0).map(({ step }) => step);
  const all = steps.map((step) =>
    arm.probes
      .filter((probe) => probe.step === step)
      .map(read)
      .filter((value) => Number.isFinite(value)),
  );
  const of = (pick: (values: readonly number[]) => number): number[] =>
    all.map((values) => (values.length === 0 ? Number.NaN : pick(values)));
  return {
    steps,
    mean: of((values) => values.reduce((sum, value) => sum + value, 0) / values.length),
    low: of((values) => Math.min(...values)),
    high: of((values) => Math.max(...values)),
  };
}

/** A figure of every arm, one over the other. */
export function armsFrame(
  comparison: Comparison,
  figure: (arm: ComparedArm) => SeedFigure,
  { view, yLabel, yLog = false, hidden = new Set() }: { view: ChartView; yLabel: string; yLog?: boolean; hidden?: HiddenArms },
): PlotFrame {
  const unit = unitOf(view);
  const curves: Curve[] = [];
  const bands: PlotBand[] = [];
  for (const [place, arm] of comparison.arms.entries()) {
    if (hidden.has(arm.name)) continue;
    const { steps, mean, low, high } = figure(arm);
    const x = steps.map((step) => comparison.xOf(step, unit));
    if (arm.seeds.length > 1) bands.push({ color: armStyle(place).color, x, low, high });
    curves.push({ label: arm.name, ...styled(place), width: 1.75, alpha: 1, dots: steps.length < 3, x, y: mean });
  }
  return {
    xLabel: UNITS[unit],
    xLog: view.xLog,
    yLabel,
    yLog,
    emptyX: emptyX(comparison, unit),
    curves,
    bands,
    lines: [],
    marks: [],
  };
}

/** A measure of stability; without a layer the largest of all layers. */
export interface StabilityChoice {
  readonly kind: StabilityMeasure['kind'];
  /** Empty: the largest of all. */
  readonly layer: string;
}

export function readChoice(probe: ComparedArm['probes'][number], { kind, layer }: StabilityChoice): number {
  const { maxAttentionLogit, gradNorms } = probe.stability;
  switch (kind) {
    case 'attentionLogit':
      return layer === '' ? Math.max(...maxAttentionLogit) : readStability(probe, { kind, layer: Number(layer) });
    case 'gradNorm':
      return layer === '' ? Math.max(...gradNorms.map(({ norm }) => norm)) : readStability(probe, { kind, layer });
    case 'outputLogit':
    case 'meanLse':
      return readStability(probe, { kind });
  }
}
