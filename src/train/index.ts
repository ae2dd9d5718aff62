/** A run: its state on the GPU, the loop that drives it, evaluation, checkpoints, sampling. No DOM. */
export { adapterKey, passedVerdicts, readVerdicts } from './adapter-key.ts';
export {
  decodeCheckpoint,
  decodeWeights,
  encodeCheckpoint,
  encodeWeights,
  lanesOf,
  requireSameRun,
  type Checkpoint,
} from './checkpoint.ts';
export { type KnownVerdicts } from './fast-paths.ts';
export { initialWeights } from './init.ts';
export { evaluatesAt, Loop, type Split } from './loop.ts';
export { measurePeak } from './peak.ts';
export { notFiniteWords, type NotFinite } from './not-finite.ts';
export { hashBytes, openDataset, type TokenizerShelf } from './sources.ts';
export { planTraining } from './plans.ts';
export { Trainer, type StepMetrics, type TrainerOptions } from './trainer.ts';
export { tuneTraining } from './tuning.ts';
