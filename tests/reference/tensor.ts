import { normals } from '../../src/base/random.ts';
import { sizeOf } from '../../src/base/shape.ts';
import type { Attrs } from '../../src/graph/types.ts';

/** One lane of a tensor in f64, dense and row-major. Tokens and other u32 data are held as whole numbers. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
  /** Set on a pack: shapes of the tensors that lie in `data` one after another, without the alignment of the device's storage. */
  readonly parts?: readonly (readonly number[])[];
}

/**
 * What an op computes, in f64 from its formula. An op that updates states gives their new values instead of outputs,
 * in the order of the op's `updates`; the states it is given stay as they are.
 */
export type Reference = (inputs: readonly Tensor[], attrs: Attrs) => readonly Tensor[];

/** A tensor of the given values, or of zeros. @throws RangeError when the values do not fill the shape. */
export function tensor(shape: readonly number[], values?: ArrayLike<number>): Tensor {
  const size = sizeOf(shape);
  if (values !== undefined && values.length !== size)
    throw new RangeError(`${values.length} values for shape [${shape.join(',')}]`);
  return { shape, data: values === undefined ? new Float64Array(size) : Float64Array.from(values) };
}

/** A tensor whose elements are computed from their flat index. */
export function fill(shape: readonly number[], value: (i: number) => number): Tensor {
  const out = tensor(shape);
  for (let i = 0; i < out.data.length; i++) out.data[i] = value(i);
  return out;
}

/** Normals of standard deviation `scale`, all f32 values, that depend on the name alone. */
export function noise(size: number, name: string, scale = 1): Float64Array {
  const values = new Float32Array(size);
  normals(values, 7, name, scale);
  return Float64Array.from(values);
}

/** The input at `i`. @throws RangeError when the op was given fewer. */
export function input(inputs: readonly Tensor[], i: number): Tensor {
  const found = inputs[i];
  if (found === undefined) throw new RangeError(`input ${i} is missing: got ${inputs.length} inputs`);
  return found;
}

/** The element at `i`. @throws RangeError outside the data, so that a wrong index never reads as a value. */
export function el(data: Float64Array, i: number): number {
  const value = data[i];
  if (value === undefined) throw new RangeError(`index ${i} is outside 0..${data.length - 1}`);
  return value;
}

/** `data[i] += value`. */
export function accrue(data: Float64Array, i: number, value: number): void {
  data[i] = el(data, i) + value;
}

/** The dimension `i`, counted from the end when negative. */
export function dim(t: Tensor, i: number): number {
  const found = t.shape.at(i);
  if (found === undefined) throw new RangeError(`shape [${t.shape.join(',')}] has no dimension ${i}`);
  return found;
}

/** Rows of `[..., C]`: the product of all dimensions but the last. */
export function rowsOf(t: Tensor): number {
  return sizeOf(t.shape.slice(0, -1));
}

export function numberOf(attrs: Attrs, key: string): number {
  const value = attrs[key];
  if (typeof value !== 'number') throw new TypeError(`attribute ${key}: got ${JSON.stringify(value)}, expected a number`);
  return value;
}

export function textOf(attrs: Attrs, key: string): string {
  const value = attrs[key];
  if (typeof value !== 'string') throw new TypeError(`attribute ${key}: got ${JSON.stringify(value)}, expected a string`);
  return value;
}

export function flagOf(attrs: Attrs, key: string): boolean {
  const value = attrs[key];
  if (typeof value !== 'boolean') throw new TypeError(`attribute ${key}: got ${JSON.stringify(value)}, expected a boolean`);
  return value;
}

export function numbersOf(attrs: Attrs, key: string): readonly number[] {
  const value = attrs[key];
  if (typeof value !== 'object') throw new TypeError(`attribute ${key}: got ${JSON.stringify(value)}, expected numbers`);
  return value;
}
