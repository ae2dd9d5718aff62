export {
  type Ablation,
  type AblationForm,
  type AblationRow,
  type CompiledKernel,
  type DataReport,
  type KernelRow,
  type KernelsReport,
  type LanesReport,
  type LanesRow,
  type Limits,
  type MeasureKind,
  type RunState,
  type Tuned,
  type TuningReport,
} from '../worker/protocol.ts';
export type { Format, Rounding } from '../numerics/index.ts';
export { castSentences, castVerdict } from './cast-sentences.ts';
export { castSteps, wordOf, type CastOutcome, type CastSteps } from './cast-steps.ts';
export { MAX_SCALE, scaleOf, type ExplorerState } from './explorer-state.ts';
export { MAP_MEASURES, type CompareState, type MapMeasure } from './compare-state.ts';
export { COMPARISON_PRESETS, type ComparisonPreset } from './comparison-presets.ts';
export { ComparedArm } from './comparison-arm.ts';
export type { ComparisonDeskTopic } from './comparison-desk.ts';
export { comparisonJson, gapsCsv, lossesCsv, stabilityCsv, tensorsCsv } from './comparison-export.ts';
export { comparisonFromJson } from './comparison-import.ts';
export {
  armSpecs,
  changedFields,
  COMPARISON_START,
  comparisonFromText,
  comparisonToText,
  recipeArm,
  withChange,
  type ArmChoice,
  type ComparisonSetup,
  type Recipe,
} from './comparison-setup.ts';
export {
  probesOf,
  readStability,
  readTensor,
  stabilitySeries,
  tensorAt,
  tensorMap,
  tensorSeries,
  type MapRow,
  type Reading,
  type StabilityMeasure,
  type TensorMap,
} from './comparison-tensors.ts';
export { Comparison, type ComparisonTopic } from './comparison.ts';
export { deviceMarkdown, deviceName, fileName, runCsv } from './export.ts';
export { codesCsv, explorerJson, LISTED_BITS } from './format-export.ts';
export { binades, blockWords, distanceAbove, formatFacts, type FormatFacts } from './format-facts.ts';
export {
  bitsText,
  codeAt,
  codeBits,
  codeHex,
  codeKind,
  codeValue,
  FORMAT_GROUPS,
  formatChoice,
  formatTitle,
  placeNear,
  places,
  type FormatChoice,
} from './formats.ts';
export {
  KERNEL_SORT_KEYS,
  kernelFigures,
  laneGain,
  ridge,
  roofGFlops,
  sameWork,
  sortKernels,
  timelineMs,
  type KernelSortKey,
} from './kernel-figures.ts';
export { candidateFigures, candidateNote, isChanged, tuningGain, type CandidateFigures } from './kernel-tuning.ts';
export { EVERYTHING } from './kernels-desk.ts';
export { ablationCsv, kernelsCsv, kernelsJson, lanesCsv, timelineCsv, tuningCsv } from './kernels-export.ts';
export { kernelsFromJson } from './kernels-import.ts';
export { ablationMarkdown, kernelsMarkdown, lanesMarkdown, timelineMarkdown, tuningMarkdown } from './kernels-markdown.ts';
export { KERNELS_VIEW_START, kernelsQuery, kernelsViewOf, lanesUpTo, type KernelsView } from './kernels-view.ts';
export { type KernelsResults, type Measured, type MeasuredWith, type MeasuredStep, stepsOf } from './kernels-results.ts';
export { Lab, type LabTopic } from './lab.ts';
export { adviceFor, type Alert } from './messages.ts';
export { cellWords, errorWords, f32Words, numberWords, power } from './number-words.ts';
export { FitClient } from './laws/fit-client.ts';
export { FITTED, hasInterval, procedureOf, type FitOutcome, type FitStep } from './laws/fit-protocol.ts';
export { LawsDesk, type LawFit, type LawsTopic } from './laws/laws-desk.ts';
export { fitJson, fitMarkdown, pointsCsv, qualityOf } from './laws/laws-export.ts';
export { countingWords, type LawPoints } from './laws/run-points.ts';
export {
  FIT_LOSSES,
  fixedOf,
  fixedText,
  FRONTIERS,
  holdOf,
  holdText,
  LAWS_VIEW_START,
  lawsQuery,
  linkHolds,
  lawsViewOf,
  REACHES,
  sweepLawsView,
  type LawsView,
} from './laws-view.ts';
export { NUMERICS_START, viewOf, viewQuery, type NumericsView } from './numerics-view.ts';
export { Observable } from './observable.ts';
export { scoreOf, tallyOf, type KeptEnds } from './ends/kept-ends.ts';
export { endWindow, FEWEST_STEPS, LEVEL, type EndPrediction } from './ends/predict.ts';
export { NO_OPTIMA, type OwnOptima } from './laws/optima.ts';
export { KeptLaws } from './laws/kept-laws.ts';
export { ownLaws, publishedLaws, rangeOf, type PlanLaw } from './planner/law.ts';
export { isBudget, PLAN_START, type PlanView } from './planner/plan-view.ts';
export type { Allocation, Estimate } from './planner/plan.ts';
export { makePlan, UNMEASURED, type Planned, type PlanSettings } from './planner/planner.ts';
export { RATE_RULES, type RateRule } from './planner/rates.ts';
export { ladderAround } from './planner/runs.ts';
export type { NearSize } from './planner/size.ts';
export { peakSpeed, speedsOf, type Speed } from './planner/speed.ts';
export { Run, runTitle, type EvalSeries, type Progress, type RunTopic, type XUnit } from './run.ts';
export { align, Column, decimate, lowerBound, Smoother, type Points } from './series.ts';
export { bandOf, groupRuns, spreadOf, type RunGroup } from './store/groups.ts';
export { cellOf, columnLabel, isColumnId, RUN_COLUMN_IDS, SHOWN_PATHS, type ColumnId, type RunCell } from './store/columns.ts';
export type { Curves } from './store/curves.ts';
export type { KeptRun } from './store/kept-run.ts';
export { browserPorts, whenPageLeaves } from './store/ports.ts';
export { flopsOf, isActive, isRunnable, KEPT_STATES, tokensOf, type RunRecord } from './store/record.ts';
export { RunRecorder } from './store/recorder.ts';
export { runsCsv, runsMarkdown, stepsCsv, stepsParquet } from './store/runs-files.ts';
export { runsFromJson, runsJson } from './store/runs-json.ts';
export { RESTORABLE_MS, RunStore } from './store/store.ts';
export { differing, filterRuns, sortRuns } from './store/table.ts';
export { MOST_CURVES, RunsDesk } from './runs-desk.ts';
export { recordTitle, RUNS_VIEW_START, runsQuery, runsViewOf, shownColumns, shownRuns, type RunsView } from './runs-view.ts';
export { onCounted, ownFiles, type OwnFiles } from './sweep/own-file.ts';
export { SweepDesk } from './sweep/sweep-desk.ts';
export {
  lossesAt,
  outcomeOf,
  sweptAxes,
  sweptRecords,
  sweptRuns,
  type LossesAt,
  type SweptAxis,
  type SweptRun,
} from './sweep/axes.ts';
export { SweepDraft, type TypedAxis, type TypedColumn, type TypedParam } from './sweep/draft.ts';
export { isoflopCurves, type IsoflopCurve } from './sweep/isoflop-view.ts';
export type { TypedValues } from './sweep/typed-values.ts';
export type { GroupState, QueuedGroup, SweepQueue, SweepRecord } from './sweep/types.ts';
export { curvesCsv, heatCsv, isoflopCsv } from './sweep/view-files.ts';
export { heatView, lossCurves, sweptPoints, type HeatView, type LossCurve } from './sweep/views.ts';
export { SWEEPS_VIEW_START, sweepsQuery, sweepsViewOf, type SweepsView } from './sweeps-view.ts';
export { SpecDraft } from './spec-draft.ts';
export { parseNumber, typedNumber } from './typed-number.ts';
export { webgpuAdvice } from './webgpu-advice.ts';
