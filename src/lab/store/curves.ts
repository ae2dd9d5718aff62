/** Held-out losses of one split. */
export interface EvalCurve {
  /** Ascending. */
  readonly steps: Float64Array;
  /** Nats per token. */
  readonly lossNats: Float64Array;
}

/** Losses of training and their like, one value a step. f32 where the worker measured f32: nothing is rounded on the way. */
export interface TrainCurve {
  /** Ascending; a gap is where steps were lost. */
  readonly steps: Float64Array;
  /** Nats per token; NaN and infinities as they came. */
  readonly lossNats: Float32Array;
  readonly gradNorm: Float32Array;
  readonly learningRate: Float32Array;
  /** Passes over the training data so far. */
  readonly epochs: Float32Array;
  /** Time trained so far in ms; pauses do not count. */
  readonly timeMs: Float64Array;
}

export const SPLITS = ['validation', 'ood'] as const;
export type StoredSplit = (typeof SPLITS)[number];
export const SERIES = ['train', ...SPLITS] as const;

/** Everything that was measured of a run while it trained. */
export interface Curves {
  readonly train: TrainCurve;
  readonly validation: EvalCurve;
  readonly ood: EvalCurve;
}

/** Columns of each series, and the numbers that they are made of. */
export const COLUMNS = {
  train: {
    steps: Float64Array,
    lossNats: Float32Array,
    gradNorm: Float32Array,
    learningRate: Float32Array,
    epochs: Float32Array,
    timeMs: Float64Array,
  },
  validation: { steps: Float64Array, lossNats: Float64Array },
  ood: { steps: Float64Array, lossNats: Float64Array },
} as const;

export const NO_TRAIN: TrainCurve = {
  steps: new Float64Array(),
  lossNats: new Float32Array(),
  gradNorm: new Float32Array(),
  learningRate: new Float32Array(),
  epochs: new Float32Array(),
  timeMs: new Float64Array(),
};
export const NO_EVALS: EvalCurve = { steps: new Float64Array(), lossNats: new Float64Array() };
export const NO_CURVES: Curves = { train: NO_TRAIN, validation: NO_EVALS, ood: NO_EVALS };

/** A stretch of a run's series, as the database keeps it. */
export type Chunk =
  | ({ readonly runId: string; readonly series: 'train'; readonly firstStep: number } & TrainCurve)
  | ({ readonly runId: string; readonly series: StoredSplit; readonly firstStep: number } & EvalCurve);

/** One curve after another. */
export function joinTrain(parts: readonly TrainCurve[]): TrainCurve {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  return {
    steps: f64(parts.map((part) => part.steps)),
    lossNats: f32(parts.map((part) => part.lossNats)),
    gradNorm: f32(parts.map((part) => part.gradNorm)),
    learningRate: f32(parts.map((part) => part.learningRate)),
    epochs: f32(parts.map((part) => part.epochs)),
    timeMs: f64(parts.map((part) => part.timeMs)),
  };
}

export function joinEvals(parts: readonly EvalCurve[]): EvalCurve {
  return { steps: f64(parts.map((part) => part.steps)), lossNats: f64(parts.map((part) => part.lossNats)) };
}

/** Values `from .. to - 1`, as copies that hold no more memory than they show. */
export function cutTrain(curve: TrainCurve, from: number, to: number): TrainCurve {
  return {
    steps: curve.steps.slice(from, to),
    lossNats: curve.lossNats.slice(from, to),
    gradNorm: curve.gradNorm.slice(from, to),
    learningRate: curve.learningRate.slice(from, to),
    epochs: curve.epochs.slice(from, to),
    timeMs: curve.timeMs.slice(from, to),
  };
}

export function cutEvals(curve: EvalCurve, from: number, to: number): EvalCurve {
  return { steps: curve.steps.slice(from, to), lossNats: curve.lossNats.slice(from, to) };
}

/** A run's chunks, in any order, as its curves. */
export function curvesOf(chunks: readonly Chunk[]): Curves {
  const ordered = [...chunks].sort((a, b) => a.firstStep - b.firstStep);
  const split = (series: StoredSplit): EvalCurve =>
    joinEvals(ordered.flatMap((chunk) => (chunk.series !== 'train' && chunk.series === series ? [chunk] : [])));
  return {
    train: joinTrain(ordered.filter((chunk) => chunk.series === 'train').map((chunk) => trainOf(chunk))),
    validation: split('validation'),
    ood: split('ood'),
  };
}

function trainOf({ steps, lossNats, gradNorm, learningRate, epochs, timeMs }: TrainCurve): TrainCurve {
  return { steps, lossNats, gradNorm, learningRate, epochs, timeMs };
}

function f32(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function f64(parts: readonly Float64Array[]): Float64Array {
  const whole = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** True where a value, from a database or a file, has the form of a chunk: known columns, of one length. */
export function isChunk(value: unknown): value is Chunk {
  if (typeof value !== 'object' || value === null) return false;
  const series = SERIES.find((name) => name === Reflect.get(value, 'series'));
  if (series === undefined || typeof Reflect.get(value, 'runId') !== 'string') return false;
  const length: unknown = Reflect.get(Object(Reflect.get(value, 'steps')), 'length');
  return Object.entries(COLUMNS[series]).every(([name, Kind]) => {
    const column: unknown = Reflect.get(value, name);
    return column instanceof Kind && column.length === length;
  });
}
