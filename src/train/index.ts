/** A run: its state on the GPU, the loop that drives it, evaluation, checkpoints, sampling. No DOM. */
export { decodeCheckpoint, decodeWeights, encodeCheckpoint, encodeWeights, type Checkpoint, type LaneState } from './checkpoint.ts';
export { type KnownVerdicts } from './fast-paths.ts';
export { initialWeights } from './init.ts';
export { evaluatesAt, Loop, SPLITS, stepsToBoundary, type LoopOptions, type Split, type Steppable } from './loop.ts';
export { Pace, SUBMIT_MS } from './pace.ts';
export { measurePeak, type Peak, type PeakOptions } from './peak.ts';
export { hashBytes, openDataset, type DataSources, type OpenDataOptions, type TokenizerShelf } from './sources.ts';
export { planTraining, Trainer, type StepMetrics, type TrainerOptions } from './trainer.ts';
