import { Batcher, tokenOrder } from '../data/index.ts';
import type { Dataset, Tokens } from '../data/index.ts';
import { DRAW } from '../engine/index.ts';
import type { Program } from '../engine/index.ts';
import type { RunSpec } from '../spec/run-spec.ts';

/** The training batches of a run's lanes, as its programs read them. */
export class Feed {
  private readonly specs: readonly RunSpec[];
  private readonly vocab: number;
  private readonly batchers: readonly Batcher[];

  constructor(specs: readonly RunSpec[], { train, vocab }: Pick<Dataset, 'train' | 'vocab'>) {
    this.specs = specs;
    this.vocab = vocab;
    this.batchers = specs.map(({ data, seed }) => batcherOf(data, train, vocab, data.order, seed.data));
  }

  /** Puts the run's batch `index`, counted in micro-batches, into place `slot` of a program that trains on it. */
  fill(program: Program, slot: number, index: number): void {
    const { specs, batchers } = this;
    fillDraws(program, slot, specs, index);
    for (const [lane, batcher] of batchers.entries()) {
      const part = (name: string): Uint32Array<ArrayBuffer> => lanePart(program.words(name, slot), lane, specs.length);
      const tokens = part('tokens');
      batcher.fill(index, tokens, part('targets'));
      tokenOrder(tokens, this.vocab, part('order'), part('starts'));
    }
  }

  /** Passes over the data after so many batches. */
  epochs(batches: number): number {
    return this.batchers[0]?.epochs(batches) ?? 0;
  }
}

export function batcherOf(
  data: RunSpec['data'],
  tokens: Tokens,
  vocab: number,
  order: RunSpec['data']['order'],
  seed: number,
): Batcher {
  return new Batcher({ tokens, vocab, context: data.context, batch: data.batch, order, seed });
}

/** What stochastic rounding draws from in place `slot`, where the program has any: the lane's seed, and `counter`. */
export function fillDraws(program: Program, slot: number, specs: readonly RunSpec[], counter: number): void {
  if (!program.plan.rings.some(({ name }) => name === DRAW)) return;
  const draws = program.words(DRAW, slot);
  for (const [lane, { seed }] of specs.entries()) lanePart(draws, lane, specs.length).set([seed.data, counter]);
}

/** One lane's part of a ring's place, `[L, ...]`. */
export function lanePart<T extends Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(
  view: T,
  lane: number,
  lanes: number,
): T {
  const size = view.length / lanes;
  return view.subarray(lane * size, (lane + 1) * size) as T;
}
