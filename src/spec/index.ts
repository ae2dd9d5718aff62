export type { RunSpec } from './run-spec.ts';
export type { ChoiceField, Field, GroupId, NumberField, SpecInput, SpecPath, ValueAt } from './field.ts';
export { FIELDS } from './fields.ts';
export {
  canShareProgram,
  differingPaths,
  FIELD_GROUPS,
  fieldAt,
  getField,
  isShown,
  isSpecPath,
  setField,
  SPEC_PATHS,
} from './schema.ts';
export { defaultSpec, withDefaults } from './defaults.ts';
export { parseSpec, specFaults, type SpecFault } from './validate.ts';
export { FUSION_RULE_NAMES, FUSION_RULES, isFusionOn, type FusionRule } from './fusion-rules.ts';
export { parameterShapes, vocabSize } from './shapes.ts';
export {
  COUNT_ALL,
  COUNT_TERMS,
  countedFlopsPerToken,
  countedParameters,
  flopsPerToken,
  modelTerms,
  parameterCount,
  type Counting,
  COUNTED_WORDS,
  type ParametersCounted,
} from './counts.ts';
export { countRun } from './run-counts.ts';
export { budgetAs, budgetKind, tokensPerStep, totalSteps, type BudgetKind } from './steps.ts';
export { learningRate } from './schedule.ts';
export { specFromHash, specToHash } from './url.ts';
export { PRESETS, type Preset } from './presets.ts';
export { specReference, tensorReference } from './reference.ts';
export { CAST_FORMATS } from './cast-text.ts';
export { castAt, castsOf, usesAttentionCasts } from './precision.ts';
export { ROLES } from '../numerics/index.ts';
export type { Cast, Role } from '../numerics/index.ts';
export { RECIPES } from './recipes.ts';
export { anyCast, castSites } from './sites.ts';
export { columnsOf, type Axis, type AxisValue, type Sweep, type SweepRun } from './sweep.ts';
export { expandSweep, parseSweep, sweepAxes, sweepFaults } from './sweep-read.ts';
export type { ParamForm } from './sweep-params.ts';
export { SWEEP_RECIPES } from './sweep-recipes.ts';
export { runIdOf, sweepIdOf } from './sweep-id.ts';
export { sweepFromHash, sweepToHash } from './sweep-url.ts';
export {
  fullLanes,
  GROUP_BYTES,
  MAX_LANES,
  planningSweep,
  planSweep,
  pricingGroups,
  runFlops,
  runFlopsPerStep,
  shouldPart,
  type GroupCost,
  type SweepGroup,
  type SweepPlan,
  type SweepPlanOptions,
} from './sweep-plan.ts';
export { stepsMs, StepRates, type StepRate } from './step-rates.ts';
export { shardRuns } from './sweep-shard.ts';
export { jsonLine, readMetrics, readResult, type Divergence, type RunResult, type StepLine } from './run-files.ts';
