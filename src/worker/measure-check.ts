import type { MeasureResult } from './protocol.ts';
import { fits, list, nullOr, number, of, string, strings, type Shape } from './shape.ts';

const SPREAD: Shape = { median: number, low: number, high: number };
const pair = (value: unknown): boolean => list(number)(value) && Array.isArray(value) && value.length === 2;
const oneOf =
  (...words: readonly unknown[]) =>
  (value: unknown): boolean =>
    words.includes(value);

const KERNEL: Shape = {
  kernel: string,
  variant: string,
  others: strings,
  nodes: strings,
  perStep: number,
  ms: number,
  rangeMs: pair,
  share: number,
  flops: nullOr(number),
  bytes: number,
  ofLimit: nullOr(number),
  bound: oneOf('bandwidth', 'arithmetic', null),
  wgsl: string,
};
const ENTRY: Shape = { row: number, node: string, writes: string, atMs: number, ms: number, bytes: number };
const STEP: Shape = { rows: list(of(KERNEL)), timeline: list(of(ENTRY)) };
const KERNELS: Shape = {
  ...STEP,
  limits: nullOr(of({ copyGBs: of(SPREAD), fmaGFlops: of(SPREAD) })),
  clock: oneOf('timestamps', 'wall'),
  unfused: nullOr(of(STEP)),
};

/** Rows of the kinds of measurement that say them as they come. */
const ROWS: { readonly ablation: Shape; readonly lanes: Shape } = {
  ablation: {
    form: of({ kind: oneOf('all', 'none', 'only', 'without'), rule: string }),
    reference: oneOf('all', 'none', 'only', 'without'),
    ms: number,
    referenceMs: number,
    ratio: nullOr(of({ ratio: number, lo: number, hi: number, level: number, rounds: number })),
    dispatches: number,
    boundBytes: number,
    peakBytes: number,
    lossDifference: number,
  },
  lanes: { lanes: number, ms: number, quartilesMs: pair, tokensPerSecond: number, peakBytes: number },
};

const RESULTS: { readonly [W in MeasureResult['what']]: Shape } = {
  kernels: { report: of(KERNELS) },
  ablation: { ablation: of({ rows: list(of(ROWS.ablation)), idle: strings, lossSteps: number, rounds: number }) },
  lanes: { report: of({ rows: list(of(ROWS.lanes)), fullAt: number, stoppedBy: nullOr(string) }) },
};

/** True where a value has the form of a measurement's result of this build. */
export function isMeasureResult(value: unknown): value is MeasureResult {
  const what: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'what') : undefined;
  return (what === 'kernels' || what === 'ablation' || what === 'lanes') && fits(value, RESULTS[what]);
}

/** True where the row that a message carries has the form of its kind's. */
export function hasMeasureRow(message: object): boolean {
  const what: unknown = Reflect.get(message, 'what');
  return (what === 'ablation' || what === 'lanes') && fits(message, { row: of(ROWS[what]) });
}
