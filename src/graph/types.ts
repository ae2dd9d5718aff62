import { sameShape, sizeOf } from '../base/shape.ts';

/** Element types. `u16`, `u8` and `u4` are codes of number formats, packed into words from the lowest bits up. */
export type Dtype = 'f32' | 'u32' | 'u16' | 'u8' | 'u4';

/** Bits of an element. */
export const DTYPE_BITS: { readonly [D in Dtype]: number } = { f32: 32, u32: 32, u16: 16, u8: 8, u4: 4 };

/**
 * The type of one lane of a tensor. The leading lane dimension is left out everywhere in the graph: it is the program's business
 * (a value of type `f32[8,64]` is stored as `f32[L,8,64]`).
 */
export interface Type {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /**
   * Set on a pack: one buffer that holds several tensors one after another, each `[L, ...part]` and aligned to
   * {@link PACK_ALIGN} elements. Its `shape` is `[sum of part sizes]`.
   */
  readonly parts?: readonly (readonly number[])[];
}

/** Elements (of 4 bytes) that every part of a pack is aligned to: 256 bytes, the default buffer binding alignment. */
export const PACK_ALIGN = 64;

export function f32(...shape: number[]): Type {
  return { dtype: 'f32', shape };
}

export function u32(...shape: number[]): Type {
  return { dtype: 'u32', shape };
}

export function packOf(parts: readonly (readonly number[])[], dtype: Dtype = 'f32'): Type {
  return { dtype, shape: [parts.reduce((sum, part) => sum + sizeOf(part), 0)], parts };
}

/** Words of 4 bytes that one lane of a tensor takes; every lane begins on a word. */
export function wordsOf({ dtype, shape }: Type): number {
  return Math.ceil((sizeOf(shape) * DTYPE_BITS[dtype]) / 32);
}

export function sameType(a: Type, b: Type): boolean {
  if (a.dtype !== b.dtype || !sameShape(a.shape, b.shape)) return false;
  const [p, q] = [a.parts, b.parts];
  if (p === undefined || q === undefined) return p === q;
  return p.length === q.length && p.every((part, i) => sameShape(part, q[i] ?? []));
}

/** `f32[8,64]`, or `pack[17]f32[140544]`. */
export function printType(type: Type): string {
  const pack = type.parts === undefined ? '' : `pack[${type.parts.length}]`;
  return `${pack}${type.dtype}[${type.shape.join(',')}]`;
}

/** What an op is told besides its inputs: plain data, so that graphs print and compare. */
export type Attr = number | boolean | string | readonly number[];
export type Attrs = { readonly [key: string]: Attr };

/**
 * When a node runs: `micro` once for every micro-batch of a step, `update` once a step after the last of them.
 * The order of phases is the order of nodes.
 */
export type Phase = 'micro' | 'update';

export interface Value {
  readonly node: Node;
  /** Which of the node's outputs. */
  readonly index: number;
  readonly type: Type;
}

export interface Node {
  readonly id: number;
  readonly op: string;
  /** Where in the model it comes from, for people: `blocks.0.mlp.fc`. */
  readonly name: string;
  readonly inputs: readonly Value[];
  readonly attrs: Attrs;
  readonly outputs: readonly Value[];
  readonly phase: Phase;
}
