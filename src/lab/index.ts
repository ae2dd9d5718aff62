export { Lab, type DeviceState, type Imported, type LabTopic } from './lab.ts';
export type {
  CheckpointReport,
  DataReport,
  DeviceReport,
  Forecast,
  PeakReport,
  RunState,
  WireError,
} from '../worker/protocol.ts';
export { Observable } from './observable.ts';
export {
  orderStored,
  Run,
  runTitle,
  type Broken,
  type EvalSeries,
  type LaneSeries,
  type Progress,
  type RunTopic,
  type Sample,
  type Split,
  type XUnit,
} from './run.ts';
export { align, Column, decimate, lowerBound, Smoother, type Points, type Window } from './series.ts';
export { SpecDraft, type FormValue } from './spec-draft.ts';
export { adviceFor, Messages, type Alert, type Notice } from './messages.ts';
export { deviceMarkdown, deviceName, fileName, runCsv } from './export.ts';
export { webgpuAdvice, type Advice, type BrowserFacts } from './webgpu-advice.ts';
