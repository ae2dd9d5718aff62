import type { SpecPath, ValueAt } from './field.ts';
import type { RunSpec } from './run-spec.ts';

/**
 * A sweep, as plain data: a run and what is varied about it. Its runs are the grid of all axes, the recipe's before its own, the
 * first one slowest.
 */
export interface Sweep {
  readonly version: 1;
  /** What the user calls it; decides nothing. */
  readonly name: string;
  readonly base: RunSpec;
  /** A named set of axes that follows from the base; a row of {@link SWEEP_RECIPES} with its parameters. */
  readonly recipe: SweepRecipe | null;
  readonly axes: readonly Axis[];
}

export type AxisValue = ValueAt<SpecPath>;

/** `count` numbers from the first to the second, both included, by equal factors or by equal steps; whole where the field is. */
export type Range =
  | { readonly log: readonly [number, number]; readonly count: number }
  | { readonly linear: readonly [number, number]; readonly count: number };

/** What a field takes, one after the other. */
export type AxisValues = readonly AxisValue[] | Range;

export interface PathAxis {
  readonly path: SpecPath;
  readonly values: AxisValues;
}

/** Fields that change together: the i-th run along the axis takes the i-th value of each. */
export interface ZipAxis {
  readonly zip: readonly PathAxis[];
}

export type Axis = PathAxis | ZipAxis;

/** A recipe's name and parameters, every one of them given. */
export interface SweepRecipe {
  readonly kind: string;
  readonly [parameter: string]: unknown;
}

/** A run of a sweep. */
export interface SweepRun {
  /** 16 hex digits that follow from what the run computes: the same run has the same id in any sweep ({@link runIdOf}). */
  readonly id: string;
  /** What the axes set, by path. */
  readonly values: Readonly<Partial<Record<SpecPath, AxisValue>>>;
  readonly spec: RunSpec;
}

/** Most runs of a sweep. The lab keeps hundreds; what is beyond this is a slip of the pen. */
export const MAX_RUNS = 10_000;

/** The fields of an axis, one or many. */
export function columnsOf(axis: Axis): readonly PathAxis[] {
  return 'zip' in axis ? axis.zip : [axis];
}

/** How many values; a range is not expanded for it. */
export function lengthOf(values: AxisValues): number {
  return isRange(values) ? values.count : values.length;
}

export function isRange(values: AxisValues): values is Range {
  return !Array.isArray(values);
}

/** Digits that a number of a range keeps: the same on every engine, whose powers may differ in the last bit. */
const RANGE_DIGITS = 6;

/** The numbers of a range: the ends as they are, the others to {@link RANGE_DIGITS} digits, all whole where `whole`. */
export function numbersOf(range: Range, whole: boolean): readonly number[] {
  const [first, last] = 'log' in range ? range.log : range.linear;
  const steps = range.count - 1;
  return Array.from({ length: range.count }, (_, i) => {
    if (i === 0 || i === steps) return i === 0 ? first : last;
    const x = 'log' in range ? first * (last / first) ** (i / steps) : first + ((last - first) * i) / steps;
    return whole ? Math.round(x) : Number(x.toPrecision(RANGE_DIGITS));
  });
}
