import type { Probe } from '../base/probe.ts';
import { isTuned } from '../base/tuned.ts';
import { hasMeasureRow, isMeasureResult } from './measure-check.ts';
import type { CommandType, Event, Replies } from './protocol.ts';
import { boolean, fits, list, nothing, nullOr, number, object, of, optional, string, strings, type Shape } from './shape.ts';

const floats = (value: unknown): boolean => value instanceof Float32Array;

const WIRE_ERROR: Shape = { name: string, message: string, where: string };
const wireError = (value: unknown): boolean => fits(value, WIRE_ERROR);

const DATA: Shape = {
  name: string,
  trainTokens: number,
  validationTokens: number,
  oodTokens: number,
  vocab: number,
  uniformNats: number,
  unigramNats: number,
  entropyRateNats: nullOr(number),
  bytesPerToken: number,
  contentHash: string,
  fileHash: optional(string),
  notes: strings,
};
const data = (value: unknown): boolean => fits(value, DATA);

const FORECAST: Shape = {
  parameters: number,
  nonEmbeddingParameters: number,
  flopsPerToken: number,
  totalSteps: number,
  tokensPerStep: number,
  peakBytes: number,
  vocab: number,
  dispatchesPerStep: number,
  estimatedMs: nullOr(number),
  data: nullOr(data),
};

const GROUP: Shape = {
  runs: list(number),
  steps: number,
  flopsPerStep: number,
  flops: number,
  bytes: nullOr(number),
  ms: nullOr(number),
  refusal: nullOr(string),
};

const CHECKPOINT: Shape = {
  runId: string,
  spec: object,
  lanes: optional(strings),
  step: number,
  totalSteps: number,
  sizeBytes: number,
  savedAt: number,
};
const checkpoint = (value: unknown): boolean => fits(value, CHECKPOINT);

const DEVICE: Shape = {
  vendor: string,
  architecture: string,
  device: string,
  description: string,
  software: boolean,
  features: strings,
  limits: object,
  disabledVariants: strings,
  userAgent: string,
  build: string,
};

const ARM: Shape = {
  name: string,
  peakBytes: number,
  keptBytes: nullOr(number),
  dispatchesPerStep: number,
  disabledVariants: strings,
  probes: boolean,
};
const COMPARISON: Shape = {
  data,
  totalSteps: number,
  tokensPerStep: number,
  parameters: number,
  lanes: number,
  arms: list(of(ARM)),
};

const CAST: Shape = {
  format: string,
  scaling: string,
  scale: number,
  underflow: number,
  overflow: number,
  sqnrDb: number,
  mse: number,
};
const TENSOR: Shape = {
  site: string,
  layer: string,
  role: string,
  elements: number,
  amax: number,
  zeros: number,
  nonFinite: number,
  histogram: list(number),
  cast: nullOr(of(CAST)),
  whatIf: list(of(CAST)),
};
const STABILITY: Shape = {
  maxAttentionLogit: list(number),
  maxOutputLogit: number,
  meanLse: number,
  gradNorms: list(of({ layer: string, norm: number })),
};
const PROBE: Shape = { step: number, lane: number, tensors: list(of(TENSOR)), stability: of(STABILITY) };

/** True where a value has the form of a probe of this build. */
export function isProbe(value: unknown): value is Probe {
  return fits(value, PROBE);
}

const REPLIES: { readonly [T in CommandType]: (value: unknown) => boolean } = {
  hello: (value) => fits(value, DEVICE),
  forecast: (value) => fits(value, FORECAST),
  planSweep: of({ groups: list(of(GROUP)) }),
  addFile: data,
  files: list(of({ name: string, hash: string })),
  start: (value) =>
    fits(value, { ...FORECAST, data, startStep: number, lanes: number, tunedKernels: number, choices: list(strings) }),
  pause: nothing,
  resume: nothing,
  step: nothing,
  stop: nothing,
  extend: nothing,
  sampling: nothing,
  export: (value) => value instanceof ArrayBuffer,
  inspect: checkpoint,
  stored: (value) => Array.isArray(value) && value.every(checkpoint),
  forget: nothing,
  measurePeak: (value) => fits(value, { matmulFlopsPerSecond: number, kernel: string }),
  compare: of(COMPARISON),
  comparePause: nothing,
  compareResume: nothing,
  compareStop: nothing,
  measure: of({ data, parameters: number, tokensPerStep: number, tunedKernels: number }),
  measureStop: nothing,
  tuned: of({ rows: list(isTuned), tunedAt: nullOr(number) }),
  forgetTuned: nothing,
  destroyDevice: nothing,
};

const METRICS: Shape = {
  runId: string,
  firstStep: number,
  lanes: number,
  lossNats: floats,
  gradNorm: floats,
  learningRate: floats,
  epochs: floats,
};

const EVENTS: { readonly [T in Event['type']]: Shape } = {
  reply: { id: number, ok: boolean },
  progress: { runId: nullOr(string), task: string, done: number, total: number },
  state: { runId: string, state: string, step: number, totalSteps: number },
  metrics: METRICS,
  eval: { runId: string, step: number, split: string, lossNats: (value) => value instanceof Float64Array },
  speed: {
    runId: string,
    msPerStep: number,
    tokensPerSecond: number,
    stepsPerSubmit: number,
    mfu: nullOr(number),
    etaMs: number,
  },
  comparisonState: { runId: string, state: string, step: number, totalSteps: number },
  armState: {
    runId: string,
    arm: number,
    state: string,
    step: number,
    diverged: list(of({ lane: number, step: number, origin: nullOr(string) })),
  },
  armMetrics: { ...METRICS, arm: number },
  armProbe: { runId: string, arm: number, probes: list(isProbe) },
  armCost: { runId: string, arm: number, msPerStep: number, lowMs: number, highMs: number, submits: number },
  armEval: {
    runId: string,
    arm: number,
    step: number,
    split: string,
    lossNats: (value) => value instanceof Float64Array,
  },
  measureProgress: { runId: string, done: number, total: number, what: string },
  measureRow: { runId: string, what: string, row: object },
  measureEnd: { runId: string, result: nullOr(isMeasureResult), stopped: boolean, error: nullOr(wireError) },
  sample: { runId: string, step: number, prompt: string, text: string },
  saved: { runId: string, step: number, sizeBytes: number },
  notice: { runId: nullOr(string), text: string },
  fault: { runId: nullOr(string), error: wireError, recovering: boolean },
  recovered: {},
  dataAtHand: {},
};

/** True where a message has the form of an event of this build. */
export function isEvent(message: unknown): message is Event {
  if (typeof message !== 'object' || message === null || !('type' in message)) return false;
  const { type } = message;
  if (typeof type !== 'string' || !Object.hasOwn(EVENTS, type)) return false;
  const shape: unknown = Reflect.get(EVENTS, type);
  if (!fits(message, isShape(shape) ? shape : {})) return false;
  if (type === 'measureRow') return hasMeasureRow(message);
  if (type !== 'reply') return true;
  return Reflect.get(message, 'ok') === true ? 'value' in message : fits(message, { error: wireError });
}

function isShape(value: unknown): value is Shape {
  return object(value);
}

/** True where a value is what a command of this type is answered with. */
export function isReply<T extends CommandType>(type: T, value: unknown): value is Replies[T] {
  return REPLIES[type](value);
}
