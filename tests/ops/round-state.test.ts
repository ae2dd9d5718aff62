import { describe, expect, it } from 'vitest';
import { sizeOf } from '../../src/base/shape.ts';
import { Graph } from '../../src/graph/graph.ts';
import { u32 } from '../../src/graph/types.ts';
import { cast, formatNamed } from '../../src/numerics/index.ts';
import { CHUNK } from '../../src/ops/pack-table.ts';
import { roundState, roundStateOps } from '../../src/ops/round-state.ts';
import type { RoundStateAttrs } from '../../src/ops/round-state.ts';
import { referenceOf } from '../reference/ops.ts';
import { noise, tensor } from '../reference/tensor.ts';
import { runGraph, testGpu } from '../support/run-graph.ts';
import type { LaneFeeds, LaneResult } from '../support/run-graph.ts';

const PARTS: readonly (readonly number[])[] = [[1], [3, 5], [65], [33, 64], [2 * CHUNK], [CHUNK + 1]];
const NAMED = PARTS.map((shape, i) => ({ name: `part${i}`, shape }));
const SIZE = PARTS.reduce((sum, part) => sum + sizeOf(part), 0);

const PLAIN: RoundStateAttrs = {
  format: 'bf16',
  scaling: 'none',
  powerOfTwo: true,
  margin: 0,
  rounding: 'nearest',
  saturate: false,
  tensor: 2 ** 16,
};

/** The ends of f32 and of formats, ties, and what is no number. */
const SPECIAL = [0, -0, 448, -464, 65504, 65520, 2 ** -10, 1.0625, 3e-45, -1e-39, 3.4e38, -3.39e38, Infinity, NaN];

/** Parts of very different size; `special` values in the first lane only, for an amax that is not finite switches the scale off. */
function laneOf(lane: number): Float64Array {
  return noise(SIZE, `state${lane}`).map((value, i) => {
    if (lane === 0 && i % 5 === 0) return Math.fround(SPECIAL[(i / 5) % SPECIAL.length] ?? 0);
    return Math.fround(value * 10 ** ((Math.floor(i / 700) % 5) - 2) * (lane === 2 ? 1e-9 : 1));
  });
}

function byPart(values: Float64Array): Record<string, Float64Array> {
  let at = 0;
  return Object.fromEntries(NAMED.map(({ name, shape }) => [name, values.slice(at, (at += sizeOf(shape)))]));
}

/** All numbers of the state; any NaN is like any other. */
function joined(result: LaneResult | undefined): number[] {
  return NAMED.flatMap(({ name }) => [...(result?.states['state']?.get(name) ?? [])]);
}

function stateGraph(attrs: RoundStateAttrs): Graph {
  const g = new Graph();
  g.phase = 'update';
  roundState(
    g,
    g.state('state', NAMED).pack,
    attrs,
    attrs.rounding === 'stochastic' ? g.input('draw', u32(2), 'step') : undefined,
  );
  return g;
}

const CASES: readonly Partial<RoundStateAttrs>[] = [
  {},
  { rounding: 'stochastic' },
  { format: 'e4m3', scaling: 'current', saturate: true },
  { format: 'fp16', scaling: 'current' },
  { format: 'fp16', scaling: 'current', powerOfTwo: false, margin: 3, rounding: 'stochastic', tensor: 7 },
  { format: 'e5m2', rounding: 'zero' },
  { format: 'e2m1', scaling: 'current', powerOfTwo: false, saturate: true, rounding: 'stochastic' },
];

describe('round_state', () => {
  it.each(CASES.map((change) => [JSON.stringify(change), { ...PLAIN, ...change }] as const))(
    'promise 3: is its reference in every bit and variant, each lane as it is alone: %s',
    async (_, attrs) => {
      const graph = stateGraph(attrs);
      const draws = [0, 1, 2].map((lane) => [0xfedcba98 + lane, 0x80000001 + lane]);
      const feeds = draws.map((draw, lane): LaneFeeds => ({
        inputs: attrs.rounding === 'stochastic' ? { draw } : {},
        states: { state: byPart(laneOf(lane)) },
      }));
      const { caps } = await testGpu();
      for (const { name } of roundStateOps.round_state.variants) {
        const options = { variants: { round_state: name }, caps: { ...caps, software: name === 'narrow' } };
        const results = await runGraph(graph, feeds, options);
        for (const [lane, draw] of draws.entries()) {
          const state = { ...tensor([SIZE], laneOf(lane)), parts: PARTS };
          const [want] = referenceOf('round_state')([state, tensor([2], draw)], { ...attrs });
          const got = joined(results[lane]);
          const wrong = got.flatMap((value, i) =>
            Object.is(value, want?.data[i]) ? [] : [`${i}: ${value} for ${want?.data[i]}`],
          );
          expect([got.length, wrong.slice(0, 5)], `${name}, lane ${lane}`).toEqual([SIZE, []]);
          const [lone] = await runGraph(graph, feeds.slice(lane, lane + 1), options);
          expect(joined(lone), name).toEqual(got);
        }
      }
    },
  );

  it('scales each tensor by its own amax: tiny ones keep their precision beside large ones', async () => {
    const values = laneOf(1);
    const [scaled] = await runGraph(stateGraph({ ...PLAIN, format: 'e4m3', scaling: 'current' }), [
      { states: { state: byPart(values) } },
    ]);
    let at = 0;
    for (const part of PARTS) {
      const own = values.subarray(at, at + sizeOf(part));
      const amax = own.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      // The power of two that brings amax into (224, 448].
      const scale = 2 ** Math.floor(Math.log2(448 / amax));
      const got = joined(scaled).slice(at, at + own.length);
      expect(got).toEqual([...own].map((value) => cast(value * scale, formatNamed('e4m3')) / scale));
      at += own.length;
    }
  });

  it.each(CASES.filter(({ powerOfTwo }) => powerOfTwo !== false).map((change) => [JSON.stringify(change), change] as const))(
    'leaves what it has rounded as it is, and NaN NaN: %s',
    async (_, change) => {
      const graph = stateGraph({ ...PLAIN, ...change });
      const draw = (counter: number): LaneFeeds['inputs'] => (change.rounding === 'stochastic' ? { draw: [7, counter] } : {});
      const states = [laneOf(1), laneOf(2), new Float64Array(SIZE).fill(NaN)].map(byPart);
      const once = await runGraph(
        graph,
        states.map((state) => ({ inputs: draw(1) ?? {}, states: { state } })),
      );
      const twice = await runGraph(
        graph,
        once.map((result) => ({ inputs: draw(2) ?? {}, states: { state: byPart(Float64Array.from(joined(result))) } })),
      );
      expect(twice.map(joined)).toEqual(once.map(joined));
      expect(joined(once[2]).every(Number.isNaN)).toBe(true);
      expect(joined(once[0]).every(Number.isFinite)).toBe(true);
    },
  );

  it('scaled stochastic rounding in a format without NaN keeps the NaN that marks a halted lane', async () => {
    const attrs = { ...PLAIN, format: 'e2m1', scaling: 'current', powerOfTwo: false, rounding: 'stochastic' } as const;
    const state = byPart(new Float64Array(SIZE).fill(NaN));
    const [result] = await runGraph(stateGraph(attrs), [{ inputs: { draw: [1, 2] }, states: { state } }]);
    expect(joined(result).every(Number.isNaN)).toBe(true);
  });

  it('stochastic: keeps the mean of many equal numbers, and draws anew for another counter, seed or tensor', async () => {
    const third = Math.fround(1 + 1 / 3 / 128);
    const state = byPart(new Float64Array(SIZE).fill(third));
    const of = async (draw: readonly number[], tensorId: number): Promise<number[]> => {
      const [result] = await runGraph(stateGraph({ ...PLAIN, rounding: 'stochastic', tensor: tensorId }), [
        { inputs: { draw }, states: { state } },
      ]);
      return joined(result);
    };
    const first = await of([1, 1], 5);
    expect(new Set(first)).toEqual(new Set([1, 1 + 1 / 128]));
    const mean = first.reduce((sum, value) => sum + value, 0) / SIZE;
    // Five standard deviations of the mean of as many draws.
    expect(Math.abs(mean - third)).toBeLessThan((5 * Math.sqrt(2 / 9)) / 128 / Math.sqrt(SIZE));
    expect(await of([1, 1], 5)).toEqual(first);
    for (const [draw, id] of [
      [[1, 2], 5],
      [[2, 1], 5],
      [[1, 1], 6],
    ] as const)
      expect(await of(draw, id)).not.toEqual(first);
  });

  it('refuses a state of integers, and stochastic rounding without a draw', () => {
    const g = new Graph();
    const floats = g.state('floats', NAMED).pack;
    expect(() => roundState(g, g.state('words', NAMED, 'u32').pack, PLAIN, undefined)).toThrow('the state is f32');
    expect(() => roundState(g, floats, { ...PLAIN, rounding: 'stochastic' }, undefined)).toThrow('an input is missing');
  });
});
