import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/base/errors.ts';
import { roundUp, sizeOf } from '../../src/base/shape.ts';
import { Graph } from '../../src/graph/graph.ts';
import { f32, packOf, u32 } from '../../src/graph/types.ts';
import { HYPER, HYPER_SIZE } from '../../src/ops/hyper.ts';
import { accumulate, adamw, clipGrads, decayWeights, globalNorm, optimizerOps } from '../../src/ops/optimizer.ts';
import { CHUNK, packTable } from '../../src/ops/pack-table.ts';
import { roundState } from '../../src/ops/round-state.ts';
import { referenceOf } from '../reference/ops.ts';
import { noise, tensor } from '../reference/tensor.ts';
import type { Tensor } from '../reference/tensor.ts';
import { expectClose } from '../support/close.ts';
import { runGraph, testGpu } from '../support/run-graph.ts';
import type { LaneFeeds } from '../support/run-graph.ts';

const PARTS: readonly (readonly number[])[] = [[1], [3, 5], [65], [33, 64], [2 * CHUNK], [CHUNK + 1]];
const DECAY = [0, 1, 0, 1, 1, 0];
const PASS = { clips: true, decay: DECAY };
const NAMED = PARTS.map((shape, i) => ({ name: `part${i}`, shape }));
const SIZE = PARTS.reduce((sum, part) => sum + sizeOf(part), 0);

/** One lane of a pack as the tensors of an arena. */
function byPart(values: Float64Array): Record<string, Float64Array> {
  let at = 0;
  return Object.fromEntries(NAMED.map(({ name, shape }) => [name, values.slice(at, (at += sizeOf(shape)))]));
}

function joined(tensors: ReadonlyMap<string, Float32Array> | undefined): number[] {
  return NAMED.flatMap(({ name }) => Array.from(tensors?.get(name) ?? []));
}

function packed(values: Float64Array): Tensor {
  return { ...tensor([SIZE], values), parts: PARTS };
}

function hyperOf(values: Partial<Record<keyof typeof HYPER, number>>): Float64Array {
  const hyper = new Float64Array(HYPER_SIZE);
  const all = {
    lr: 1e-2,
    beta1: 0.9,
    beta2: 0.95,
    eps: 1e-8,
    weightDecay: 0.1,
    clip: 0,
    correction1: 10,
    correction2: 20,
    ...values,
  };
  for (const [key, value] of Object.entries(all)) hyper[HYPER[key as keyof typeof HYPER]] = Math.fround(value);
  return hyper;
}

describe('packTable', () => {
  it('covers every element of every lane once, none of the padding, and says where in a lane each chunk lies', () => {
    const type = packOf(PARTS);
    for (const lanes of [1, 3]) {
      const owners = new Map<number, number>();
      let [offset, dense] = [0, 0];
      const spans = PARTS.map((part) => {
        const start = offset;
        offset += roundUp(lanes * sizeOf(part), 64);
        return [start, start + lanes * sizeOf(part)] as const;
      });
      const table = packTable(type, lanes, DECAY);
      for (let row = 0; row < table.length; row += 4) {
        const [start = 0, count = 0, stride = 0, flags = 0] = table.subarray(row, row + 4);
        expect(count).toBeLessThanOrEqual(CHUNK);
        expect(flags >> 1, 'its place in a lane').toBe(dense);
        dense += count;
        for (let lane = 0; lane < lanes; lane++) {
          for (let i = 0; i < count; i++)
            owners.set(start + lane * stride + i, (flags & 1) + 2 * (owners.has(start + lane * stride + i) ? 1 : 0));
        }
      }
      const want = spans.flatMap(([from, to], part) =>
        Array.from({ length: to - from }, (_, i): [number, number] => [from + i, DECAY[part] ?? 0]),
      );
      expect(owners).toEqual(new Map(want));
    }
  });
});

describe('global_norm', () => {
  const data = [noise(SIZE, 'grads'), new Float64Array(SIZE), noise(SIZE, 'small', 1e-12)];

  it('is the norm over all parts, in every variant and lane', async () => {
    const graph = new Graph();
    graph.output('norm', globalNorm(graph, graph.state('grads', NAMED).pack), 'step');
    const feeds = data.map((values): LaneFeeds => ({ states: { grads: byPart(values) } }));
    const { caps } = await testGpu();
    for (const { name } of optimizerOps.global_norm.variants) {
      const options = { variants: { global_norm: name }, caps: { ...caps, software: name === 'alone' } };
      const results = await runGraph(graph, feeds, options);
      for (const [lane, values] of data.entries()) {
        const [want] = referenceOf('global_norm')([packed(values)], {});
        const because = 'f32 sums of squares in a tree';
        expectClose(results[lane]?.outputs['norm'] ?? [], want?.data ?? [], { rtol: 1e-6, because });
        const [lone] = await runGraph(graph, feeds.slice(lane, lane + 1), options);
        expect(lone?.outputs['norm']).toEqual(results[lane]?.outputs['norm']);
      }
    }
  });
});

describe('adamw', () => {
  const cases: Record<string, ReturnType<typeof hyperOf>> = {
    'first step': hyperOf({}),
    'clipped, later step': hyperOf({ clip: 0.5, correction1: 1.2, correction2: 1.5, lr: 1e-3, weightDecay: 0.01 }),
    'not clipped below the limit': hyperOf({ clip: 1e6, beta1: 0, beta2: 0, correction1: 1, correction2: 1, eps: 1e-4 }),
  };

  it('promise 2: steps each lane by its own hyperparameters as the reference does, decay only where it is asked for', async () => {
    const graph = new Graph();
    graph.phase = 'update';
    const [weights, m, v, grads] = ['weights', 'm', 'v', 'grads'].map((name) => graph.state(name, NAMED).pack);
    if (weights === undefined || m === undefined || v === undefined || grads === undefined) throw new RangeError('four states');
    const hyper = graph.input('hyper', f32(HYPER_SIZE), 'step');
    const norm = globalNorm(graph, grads);
    graph.output('norm', norm, 'step');
    adamw(graph, { grads, weights, m, v, norm, hyper }, PASS);

    const lanes = Object.values(cases).map((values, lane) => ({
      hyper: values,
      grads: noise(SIZE, `g${lane}`),
      weights: noise(SIZE, `w${lane}`),
      m: noise(SIZE, `m${lane}`, 0.1),
      v: noise(SIZE, `v${lane}`).map((x) => x * x),
    }));
    for (const lane of lanes) lane.v.forEach((x, i) => void (lane.v[i] = Math.fround(x)));
    const feeds = lanes.map(({ hyper: values, ...states }): LaneFeeds => ({
      inputs: { hyper: values },
      states: Object.fromEntries(Object.entries(states).map(([name, data]) => [name, byPart(data)])),
    }));
    const results = await runGraph(graph, feeds);
    const close = {
      rtol: 1e-5,
      atol: 3e-7,
      because: 'a division and a root of f32; the reference clips without the 1e-6 in the divisor',
    };
    for (const [i, lane] of lanes.entries()) {
      const states = results[i]?.states ?? {};
      const packs = [lane.grads, lane.weights, lane.m, lane.v].map(packed);
      const normOf = tensor([1], results[i]?.outputs['norm'] ?? []);
      const want = referenceOf('adamw')([...packs, normOf, tensor([HYPER_SIZE], lane.hyper)], PASS);
      for (const [j, name] of ['weights', 'm', 'v'].entries()) expectClose(joined(states[name]), want[j]?.data ?? [], close);
      expect(joined(states['grads'])).toEqual(Array.from(lane.grads));
      const [lone] = await runGraph(graph, feeds.slice(i, i + 1));
      expect(lone?.states['weights']).toEqual(states['weights']);
    }
  });

  it('halts a lane whose norm is not finite with the weights it had, for good, and moves the others as if alone', async () => {
    const graph = new Graph();
    graph.phase = 'update';
    const [weights, m, v, grads] = ['weights', 'm', 'v', 'grads'].map((name) => graph.state(name, NAMED).pack);
    if (weights === undefined || m === undefined || v === undefined || grads === undefined) throw new RangeError('four states');
    const hyper = graph.input('hyper', f32(HYPER_SIZE), 'step');
    const norm = globalNorm(graph, grads);
    adamw(graph, { grads, weights, m, v, norm, hyper }, PASS);

    const at = (index: number, value: number) => (data: Float64Array) => data.with(index, value);
    const same = (data: Float64Array): Float64Array => data;
    // What is wrong with a lane: its gradients, or the mark of an earlier step.
    const wrong = [
      { clip: 1, grads: at(70, NaN), m: same },
      { clip: 1, grads: same, m: same },
      { clip: 0, grads: at(SIZE - 1, -Infinity), m: same },
      // Squares beyond f32.
      { clip: 1, grads: at(3, 1e30), m: same },
      { clip: 0, grads: same, m: (data: Float64Array) => data.fill(NaN) },
    ];
    const lanes = wrong.map(({ clip, grads: spoil, m: mark }, lane) => ({
      hyper: hyperOf({ clip }),
      grads: spoil(noise(SIZE, `g${lane}`)),
      weights: noise(SIZE, `w${lane}`),
      m: mark(noise(SIZE, `m${lane}`, 0.1)),
      v: noise(SIZE, `v${lane}`).map((x) => Math.fround(x * x)),
    }));
    const feeds = lanes.map(({ hyper: values, ...states }): LaneFeeds => ({
      inputs: { hyper: values },
      states: Object.fromEntries(Object.entries(states).map(([name, data]) => [name, byPart(data)])),
    }));
    const results = await runGraph(graph, feeds);
    for (const [i, lane] of lanes.entries()) {
      const states = results[i]?.states ?? {};
      const [lone] = await runGraph(graph, feeds.slice(i, i + 1));
      for (const name of ['weights', 'm', 'v']) expect(joined(lone?.states[name])).toEqual(joined(states[name]));
      if (i === 1) {
        expect(joined(states['weights']).some((w, e) => w === lane.weights[e])).toBe(false);
        continue;
      }
      expect(joined(states['weights'])).toEqual([...lane.weights]);
      expect(joined(states['v'])).toEqual([...lane.v]);
      expect(joined(states['m']).every(Number.isNaN)).toBe(true);
      const packs = [lane.grads, lane.weights, lane.m, lane.v].map(packed);
      const normOf = tensor([1], [i < 4 ? NaN : 1]);
      const want = referenceOf('adamw')([...packs, normOf, tensor([HYPER_SIZE], lane.hyper)], PASS);
      for (const [j, name] of ['weights', 'm', 'v'].entries()) expect(joined(states[name])).toEqual([...(want[j]?.data ?? [])]);
    }
  });

  it.each(['nearest', 'stochastic'] as const)(
    'in one pass has every bit of clipping, decay, step and rounding to %s one by one',
    async (rounding) => {
      const round = {
        format: 'bf16',
        scaling: 'none',
        powerOfTwo: true,
        margin: 0,
        rounding,
        saturate: false,
        tensor: 9,
      } as const;
      const build = (inOne: boolean): Graph => {
        const graph = new Graph();
        graph.phase = 'update';
        const [weights, m, v, grads] = ['weights', 'm', 'v', 'grads'].map((name) => graph.state(name, NAMED).pack);
        if (weights === undefined || m === undefined || v === undefined || grads === undefined)
          throw new RangeError('four states');
        const hyper = graph.input('hyper', f32(HYPER_SIZE), 'step');
        const draw = graph.input('draw', u32(2), 'step');
        const all = { grads, weights, m, v, norm: globalNorm(graph, grads), hyper };
        if (inOne) {
          adamw(graph, all, { ...PASS, round, draw });
        } else {
          const clipped = clipGrads(graph, grads, all.norm, hyper);
          decayWeights(graph, all, DECAY);
          adamw(graph, { ...all, grads: clipped });
          roundState(graph, weights, round, rounding === 'stochastic' ? draw : undefined);
        }
        return graph;
      };
      const feeds = [0.5, 0, 1].map((clip, lane): LaneFeeds => {
        const grads = noise(SIZE, `g${lane}`);
        // The last lane halts.
        if (lane === 2) grads[7] = NaN;
        const states = { grads, weights: noise(SIZE, `w${lane}`), m: noise(SIZE, `m${lane}`, 0.1), v: grads.map((x) => x * x) };
        if (lane === 2) states.v.fill(1);
        return {
          inputs: { hyper: hyperOf({ clip }), draw: Float64Array.of(5 + lane, 3) },
          states: Object.fromEntries(Object.entries(states).map(([name, data]) => [name, byPart(data)])),
        };
      });
      const [one, apart] = [await runGraph(build(true), feeds), await runGraph(build(false), feeds)];
      for (const lane of feeds.keys()) {
        for (const name of ['weights', 'm', 'v']) {
          if (lane === 2 && name === 'weights') continue;
          expect(joined(one[lane]?.states[name])).toEqual(joined(apart[lane]?.states[name]));
        }
      }
      expect(joined(one[2]?.states['weights'])).toEqual(
        joined(
          feeds[2]?.states?.['weights'] === undefined
            ? undefined
            : new Map(Object.entries(feeds[2].states['weights']).map(([name, data]) => [name, Float32Array.from(data)])),
        ),
      );
    },
  );

  it('leaves weights alone at zero gradients, moments and decay', async () => {
    const graph = new Graph();
    graph.phase = 'update';
    const [weights, m, v, grads] = ['weights', 'm', 'v', 'grads'].map((name) => graph.state(name, NAMED).pack);
    if (weights === undefined || m === undefined || v === undefined || grads === undefined) throw new RangeError('four states');
    const hyper = graph.input('hyper', f32(HYPER_SIZE), 'step');
    adamw(graph, { grads, weights, m, v, norm: globalNorm(graph, grads), hyper }, PASS);
    const values = noise(SIZE, 'w');
    const inputs = { hyper: hyperOf({ weightDecay: 0, clip: 1 }) };
    const [result] = await runGraph(graph, [{ inputs, states: { weights: byPart(values) } }]);
    expect(joined(result?.states['weights'])).toEqual(Array.from(values));
  });

  it('refuses packs of other parts, and decay of another length', () => {
    const g = new Graph();
    const pack = g.state('a', NAMED).pack;
    const other = g.state('b', NAMED.slice(1)).pack;
    const [norm, hyper] = [g.input('norm', f32(1), 'step'), g.input('hyper', f32(HYPER_SIZE), 'step')];
    const all = { grads: pack, weights: pack, m: pack, v: pack, norm, hyper };
    expect(() => adamw(g, { ...all, m: other }, PASS)).toThrow(/the packs have other parts/);
    expect(() => adamw(g, all, { decay: [1] })).toThrow(/decay has 1 entries for 6 parts/);
    expect(() => adamw(g, all, { decay: [0, 1, 0, 1, 1, 2] })).toThrow(/decay is 0 or 1/);
  });
});

describe('accumulate', () => {
  it('starts over at the first micro-batch, whatever was there, and adds at the others', async () => {
    const graph = new Graph();
    const grads = graph.state('grads', NAMED).pack;
    const acc = graph.state('acc', NAMED).pack;
    accumulate(graph, grads, acc, graph.input('micro', f32(2), 'micro'));
    const micros = [Float64Array.of(1, 0.25), Float64Array.of(0, 0.25), Float64Array.of(1, 0.5)];
    const lanes = micros.map((micro, lane) => ({
      micro,
      grads: noise(SIZE, `g${lane}`),
      acc: lane === 2 ? new Float64Array(SIZE).fill(NaN) : noise(SIZE, `a${lane}`),
    }));
    const results = await runGraph(
      graph,
      lanes.map((lane) => ({ inputs: { micro: lane.micro }, states: { grads: byPart(lane.grads), acc: byPart(lane.acc) } })),
    );
    for (const [i, lane] of lanes.entries()) {
      const [want] = referenceOf('accumulate')([packed(lane.grads), packed(lane.acc), tensor([2], lane.micro)], {});
      const close = { rtol: 2e-7, atol: 1e-7, because: 'two roundings' };
      expectClose(joined(results[i]?.states['acc']), want?.data ?? [], close);
    }
  });

  it('adds to the parts that it is told, in their order, and leaves the others as they are', async () => {
    const graph = new Graph();
    const into = [4, 1, 5];
    const some = into.map((part) => NAMED[part]).filter((part) => part !== undefined);
    const grads = graph.state('grads', some).pack;
    const acc = graph.state('acc', NAMED).pack;
    accumulate(graph, grads, acc, graph.input('micro', f32(2), 'micro'), into);
    const micro = Float64Array.of(0, 0.25);
    const size = some.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    const lanes = [0, 1, 2].map((lane) => ({ grads: noise(size, `g${lane}`), acc: noise(SIZE, `a${lane}`) }));
    const results = await runGraph(
      graph,
      lanes.map((lane) => {
        let at = 0;
        const own = some.map(({ name, shape }) => [name, lane.grads.slice(at, (at += sizeOf(shape)))] as const);
        return { inputs: { micro }, states: { grads: Object.fromEntries(own), acc: byPart(lane.acc) } };
      }),
    );
    for (const [i, lane] of lanes.entries()) {
      const given = { ...tensor([size], lane.grads), parts: some.map(({ shape }) => shape) };
      const [want] = referenceOf('accumulate')([given, packed(lane.acc), tensor([2], micro)], { into });
      const close = { rtol: 2e-7, atol: 1e-7, because: 'two roundings' };
      expectClose(joined(results[i]?.states['acc']), want?.data ?? [], close);
    }
  });

  it.each([[[4, 1]], [[4, 1, 1]], [[4, 1, 6]], [[1, 4, 5]]])('refuses parts %j for gradients of other shapes', (into) => {
    const graph = new Graph();
    const [a = [], b = [], c = []] = [PARTS[4], PARTS[1], PARTS[5]];
    const grads = graph.state('grads', [
      { name: 'a', shape: a },
      { name: 'b', shape: b },
      { name: 'c', shape: c },
    ]).pack;
    const acc = graph.state('acc', NAMED).pack;
    expect(() => accumulate(graph, grads, acc, graph.input('micro', f32(2), 'micro'), into)).toThrow(ShapeError);
  });
});
