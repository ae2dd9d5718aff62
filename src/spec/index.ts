export type {
  RunSpec,
  Source,
  DataSpec,
  MarkovSpec,
  ModelSpec,
  LossSpec,
  OptimizerSpec,
  ScheduleSpec,
  BudgetSpec,
  SeedSpec,
  EvalSpec,
  PrecisionSpec,
  FusionSpec,
} from './run-spec.ts';
export type {
  ChoiceField,
  Field,
  GroupId,
  NumberField,
  RulesField,
  SpecInput,
  SpecPath,
  TextField,
  ToggleField,
  ValueAt,
} from './field.ts';
export { FIELDS, GROUPS } from './fields.ts';
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
export { parseSpec, specFaults, type ParseOptions, type SpecFault } from './validate.ts';
export { FUSION_RULE_NAMES, FUSION_RULES, isFusionOn, type FusionRule } from './fusion-rules.ts';
export {
  headSize,
  kvHeadCount,
  mlpWidth,
  parameterShapes,
  vocabSize,
  type Init,
  type ParameterShape,
  type ShapeSpec,
} from './shapes.ts';
export { flopsPerToken, parameterCount, type FlopsPerToken, type FlopsTerm, type ParameterCount } from './counts.ts';
export { budgetAs, budgetKind, tokensPerStep, totalSteps, type BudgetKind } from './steps.ts';
export { cooldownSteps, learningRate } from './schedule.ts';
export { specFromHash, specToHash } from './url.ts';
export { PRESETS, type Preset } from './presets.ts';
export { specReference, tensorReference } from './reference.ts';
