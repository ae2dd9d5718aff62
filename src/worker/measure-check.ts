import { isTuned } from '../base/tuned.ts';
import type { MeasureResult } from './protocol.ts';
import { boolean, fits, list, nullOr, number, of, string, strings, type Shape } from './shape.ts';

const SPREAD: Shape = { median: number, low: number, high: number };
const pair = (value: unknown): boolean => list(number)(value) && Array.isArray(value) && value.length === 2;
const oneOf =
  (...words: readonly unknown[]) =>
  (value: unknown): boolean =>
    words.includes(value);

const valuesOf =
  (check: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    typeof value === 'object' && value !== null && Object.values(value).every((each: unknown) => check(each));

const COMPILED: Shape = {
  kernel: string,
  source: string,
  overrides: nullOr(valuesOf((value) => number(value) || boolean(value))),
};
const KERNEL: Shape = {
  kernel: string,
  variant: string,
  variants: list(of({ variant: string, kernels: list(of(COMPILED)) })),
  nodes: strings,
  perStep: number,
  ms: number,
  rangeMs: pair,
  share: number,
  flops: nullOr(number),
  bytes: number,
  ofLimit: nullOr(number),
  bound: oneOf('bandwidth', 'arithmetic', null),
};
const ENTRY: Shape = { row: number, node: string, writes: string, atMs: number, ms: number, bytes: number };
const STEP: Shape = { rows: list(of(KERNEL)), timeline: list(of(ENTRY)) };
const KERNELS: Shape = {
  ...STEP,
  sources: valuesOf(string),
  limits: nullOr(of({ copyGBs: of(SPREAD), fmaGFlops: of(SPREAD) })),
  clock: oneOf('timestamps', 'wall'),
  unfused: nullOr(of(STEP)),
};

/** Rows of the kinds of measurement that say them as they come. */
const ROWS: { readonly [W in Exclude<MeasureResult['what'], 'kernels'>]: (value: unknown) => boolean } = {
  ablation: of({
    form: of({ kind: oneOf('all', 'none', 'only', 'without'), rule: string }),
    reference: oneOf('all', 'none', 'only', 'without'),
    ms: number,
    referenceMs: number,
    ratio: nullOr(of({ ratio: number, lo: number, hi: number, level: number, rounds: number })),
    dispatches: number,
    boundBytes: number,
    peakBytes: number,
    tunedShapes: nullOr(pair),
    lossDifference: number,
  }),
  lanes: of({ lanes: number, ms: number, quartilesMs: pair, tokensPerSecond: number, peakBytes: number }),
  tuning: isTuned,
};

const RESULTS: { readonly [W in MeasureResult['what']]: Shape } = {
  kernels: { report: of(KERNELS) },
  ablation: { ablation: of({ rows: list(ROWS.ablation), idle: strings, lossSteps: number, rounds: number }) },
  lanes: { report: of({ rows: list(ROWS.lanes), fullAt: number, stoppedBy: nullOr(string) }) },
  tuning: { report: of({ rows: list(isTuned) }) },
};

/** True where a value has the form of a measurement's result of this build. */
export function isMeasureResult(value: unknown): value is MeasureResult {
  const what: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'what') : undefined;
  return (what === 'kernels' || isRowKind(what)) && fits(value, RESULTS[what]);
}

/** True where the row that a message carries has the form of its kind's. */
export function hasMeasureRow(message: object): boolean {
  const what: unknown = Reflect.get(message, 'what');
  return isRowKind(what) && fits(message, { row: ROWS[what] });
}

function isRowKind(what: unknown): what is keyof typeof ROWS {
  return typeof what === 'string' && Object.hasOwn(ROWS, what);
}
