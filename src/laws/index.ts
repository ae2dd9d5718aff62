/** Statistics of what was measured. Pure mathematics, no DOM, no GPU. */
export { pairedRatio, ratioWords, type Ratio } from './ratio.ts';
export { gapOver, gapSeries, windowsOf, type Gap, type PairedRuns } from './paired.ts';
export { DEEPSEEK_LINE, scalarGap, verdictOf, type ScalarGap, type Verdict } from './verdict.ts';
