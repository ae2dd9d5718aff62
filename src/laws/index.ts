/** Scaling laws, fits and statistics of what was measured. Pure mathematics, no DOM, no GPU. */
export { pairedRatio, ratioWords, type Ratio } from './ratio.ts';
export { gapOver, gapSeries, windowsOf, type Gap, type PairedRuns } from './paired.ts';
export { DEEPSEEK_LINE, scalarGap, verdictOf, type ScalarGap, type Verdict } from './verdict.ts';
export { type Law, type Params, type Points } from './law.ts';
export { LAWS, lawNamed } from './table/table.ts';
export { readPoints } from './csv.ts';
export { fitReport, fitting, type Fit, type FitReport } from './fit.ts';
export { allocating } from './isoflop.ts';
export { allocationOf } from './allocation.ts';
export { finish, inSlices } from './slices.ts';
