export type { DataReport, RunState } from '../worker/protocol.ts';
export { deviceMarkdown, deviceName, fileName, runCsv } from './export.ts';
export { Lab, type LabTopic } from './lab.ts';
export { adviceFor, type Alert } from './messages.ts';
export { Run, runTitle, type EvalSeries, type Progress, type RunTopic, type XUnit } from './run.ts';
export { align, Column, decimate, lowerBound, Smoother, type Points } from './series.ts';
export { SpecDraft } from './spec-draft.ts';
export { webgpuAdvice } from './webgpu-advice.ts';
