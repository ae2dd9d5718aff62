import type { AdapterReport } from '../../gpu/device.ts';

export const CONTENDERS = ['isoflop', 'jax-js', 'tfjs'] as const;
export type ContenderName = (typeof CONTENDERS)[number];

/** What one contender did on one spec. */
export interface Result {
  readonly name: ContenderName;
  /** From opening to the end of the first step: allocation, compilation, one step. */
  readonly firstStepMs: number;
  /** Loss of each of the first steps, nats per token. */
  readonly losses: readonly number[];
  /** Steps of each timed sample; it ends with the last loss read back. */
  readonly stepsPerSample: number;
  /** One time a round. */
  readonly msPerStep: readonly number[];
  /** Over all timed samples, reading back included. */
  readonly dispatchesPerStep: number;
  readonly submitsPerStep: number;
}

export interface Race {
  readonly spec: string;
  readonly tokensPerStep: number;
  readonly parameters: number;
  /** What a step multiplies, attention's causal products included, and Isoflop's fastest matmul, measured right after the rounds. */
  readonly matmuls: { readonly flops: number; readonly bestFlopsPerSecond: number; readonly kernel: string };
  readonly results: readonly Result[];
}

/** The JS heap after `step` steps, garbage collected, and the time of the steps since the mark before. */
export interface HeapMark {
  readonly step: number;
  readonly heapBytes: number;
  readonly msPerStep: number;
}

export interface PageReport {
  readonly adapter: AdapterReport;
  readonly races: readonly Race[];
  readonly heap: { readonly spec: string; readonly marks: readonly HeapMark[] } | null;
}

export interface PageOptions {
  readonly specs: readonly string[];
  readonly contenders: readonly ContenderName[];
  readonly rounds: number;
  /** Steps whose losses are compared; a contender that needs longer than `checkMs` for them stops early. */
  readonly checkSteps: number;
  readonly checkMs: number;
  /** A timed sample is at least this long, but for one that takes a single step. */
  readonly sampleMs: number;
  /** Steps over which the heap is watched; 0: not at all. */
  readonly heapSteps: number;
}
