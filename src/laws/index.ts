/** Scaling laws, fits and statistics of what was measured. Pure mathematics, no DOM, no GPU. */
export { pairedRatio, ratioWords, type Ratio } from './ratio.ts';
export { gapOver, gapSeries, windowsOf, type Gap, type PairedRuns } from './paired.ts';
export { DEEPSEEK_LINE, scalarGap, verdictOf, type ScalarGap, type Verdict } from './verdict.ts';
export { findColumn, type Law, type Params, type Points } from './law.ts';
export { LAWS, lawNamed } from './table/table.ts';
export { readPoints } from './csv.ts';
export { pointsFromCsv, type ForeignPoints } from './foreign.ts';
export { fitReport, fitting, type Fit, type FitOptions, type FitProgress, type FitReport } from './fit.ts';
export {
  allocating,
  budgetsOf,
  isAmongSizes,
  isCentred,
  parabolaOf,
  type AllocationFit,
  type Optimum,
  type Parabola,
} from './isoflop.ts';
export { filterPoints } from './points.ts';
export { annealingSums, curvePoints, type CurveRun } from './schedule.ts';
export { derivedInterval, type Shares } from './bootstrap.ts';
export { rollingOut } from './rollout.ts';
export { predictCurve } from './table/curves.ts';
export { allocationOf, computeOptimal, type Plan } from './allocation.ts';
export { allocatorOf } from './allocators.ts';
export { criticalBatchSize } from './table/batch.ts';
export { powerFit, type PowerFit } from './power-fit.ts';
export { finish, inSlices } from './slices.ts';
