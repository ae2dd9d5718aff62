import { sizeOf } from '../base/shape.ts';
import type { Type } from '../graph/types.ts';

/** Largest number of workgroups in one dimension that every adapter takes. */
const MAX_GROUPS = 65535;

/** Workgroup size of kernels that give every thread its own elements. */
export const FLAT_WORKGROUP = 64;

/** Floats a vector: 4 where that divides every one of `lengths`, else 1. The template value `WIDTH`. */
export function vecWidth(...lengths: readonly number[]): 1 | 4 {
  return lengths.every((length) => length % 4 === 0) ? 4 : 1;
}

/** A grid of at least `groups` workgroups, folded over x and y; the kernel leaves those past the end idle. */
export function foldGrid(groups: number): readonly [number, number, number] {
  const rows = Math.ceil(groups / MAX_GROUPS);
  return [Math.ceil(groups / rows), rows, 1];
}

/** The grid of a kernel with one thread for each of `count` vectors. */
export function flatGrid(count: number): readonly [number, number, number] {
  return foldGrid(Math.ceil(count / FLAT_WORKGROUP));
}

/** The smallest power of two at or above `n`. */
export function powerOfTwo(n: number): number {
  let power = 1;
  while (power < n) power *= 2;
  return power;
}

/** The last dimension; 1 for a scalar. */
export function lastOf(type: Type): number {
  return type.shape.at(-1) ?? 1;
}

/** Product of all dimensions but the last. */
export function rowsOf(type: Type): number {
  return sizeOf(type.shape.slice(0, -1));
}

/** How `lib/reduce` kernels share out rows: threads a team, and overrides to say so. */
export interface Teams {
  readonly overrides: { readonly WORKGROUP: number; readonly TEAM: number };
  /** The grid for a number of rows. */
  grid(rows: number): readonly [number, number, number];
}

/**
 * Teams for rows of `vectors` vectors. `alone` gives each row to one thread, without barriers: best where threads are CPU lanes.
 */
export function teamsFor(vectors: number, alone: boolean): Teams {
  const team = alone ? 1 : Math.min(64, powerOfTwo(vectors));
  const workgroup = alone ? 16 : 64;
  return { overrides: { WORKGROUP: workgroup, TEAM: team }, grid: (rows) => foldGrid(Math.ceil(rows / (workgroup / team))) };
}

/** Rows that one workgroup of a column sum adds up at most; taller matrices take a second stage. */
const CHUNK_ROWS = 1024;

/** How `lib/columns` kernels share out a matrix: rows a chunk, chunks, grid, and overrides. */
export interface Columns {
  readonly overrides: { readonly WORKGROUP: number; readonly SPLIT: number };
  readonly chunk: number;
  readonly chunks: number;
  readonly grid: readonly [number, number, number];
}

/** For a matrix of `rows` rows of `vectors` vectors. `alone` as in {@link teamsFor}. Depends on the shape only, never on L. */
export function columnsFor(rows: number, vectors: number, alone: boolean): Columns {
  let columns = Math.min(alone ? 16 : 4, powerOfTwo(vectors));
  let split = alone ? 1 : Math.min(64, powerOfTwo(rows));
  // A matrix too wide for one dimension of workgroups gets wider ones.
  while (vectors > columns * MAX_GROUPS) {
    columns *= 2;
    if (columns * split > 256) split /= 2;
  }
  const chunks = Math.ceil(rows / CHUNK_ROWS);
  return {
    overrides: { WORKGROUP: columns * split, SPLIT: split },
    chunk: CHUNK_ROWS,
    chunks,
    grid: [Math.ceil(vectors / columns), chunks, 1],
  };
}
