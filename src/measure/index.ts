/** What a device does with a training step: fusion by fusion, lane by lane. Runs in a worker and in Node. */
export { choicesOf, readTunings, type Choices } from '../engine/index.ts';
export { ablate, ablationForms } from './ablation.ts';
export { measureKernels, profileStep } from './kernels.ts';
export { fullAt, laneThroughput } from './lanes.ts';
export { formWords, type Ablation, type AblationRow, type LanesReport } from './report.ts';
export { type KernelRow, type KernelsReport, type Spread, type Tuned } from './report.ts';
export { msPerStep } from './steps.ts';
export { tunedShapes, tuneStep } from './tuning.ts';
