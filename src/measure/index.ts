/** What a device does with a training step: fusion by fusion, lane by lane. Runs in a worker and in Node. */
export { ablate, ablationForms } from './ablation.ts';
export { measureKernels, profileStep } from './kernels.ts';
export { fullAt, laneThroughput } from './lanes.ts';
export { formWords, type Ablation, type AblationRow, type LanesReport } from './report.ts';
export { type KernelRow, type KernelsReport, type Spread } from './report.ts';
export { msPerStep } from './steps.ts';
