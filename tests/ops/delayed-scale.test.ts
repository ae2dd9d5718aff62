import { describe, expect, it } from 'vitest';
import { planProgram, Program, Store } from '../../src/engine/index.ts';
import { Graph } from '../../src/graph/index.ts';
import { f32, packOf, u32 } from '../../src/graph/types.ts';
import { amax } from '../../src/ops/amax.ts';
import { delayedScale, delayedScaleOps, recordAmax } from '../../src/ops/delayed-scale.ts';
import type { DelayedScaleAttrs } from '../../src/ops/delayed-scale.ts';
import { addOp } from '../../src/ops/op.ts';
import { referenceOf } from '../reference/ops.ts';
import { noise, tensor } from '../reference/tensor.ts';
import type { Tensor } from '../reference/tensor.ts';
import { runGraph, testGpu } from '../support/run-graph.ts';
import type { LaneFeeds } from '../support/run-graph.ts';

const HISTORIES = [1, 4, 16, 5, 70, 4];
const FORMATS = 'e4m3 e5m2 e4m3 fp16 bf16 e2m1';
/** Partial maxima of each tensor. */
const PARTIALS = [1, 2, 64, 1, 3, 5];
const RINGS = HISTORIES.map((length, i) => ({ name: `t${i}`, shape: [length] }));
const SCALES = HISTORIES.map((_, i) => ({ name: `t${i}`, shape: [1] }));
const AMAXES = PARTIALS.map((size, i) => ({ name: `t${i}`, shape: [size] }));

/** What an amax may be: usual sizes, none, the ends of f32, a size whose quotient no f32 holds, and what is not finite. */
const AMAX = [3.7, 0, 448, 1e-3, NaN, 2 ** -149, 1e30, Infinity, 449, 3.4e38, 1e-38, 0.75];

const bitsOf = (values: ArrayLike<number>): number[] => [...new Uint32Array(Float32Array.from(values).buffer)];

type Named = readonly { readonly name: string; readonly shape: readonly number[] }[];

function byPart(named: Named, values: ArrayLike<number>): Record<string, number[]> {
  let at = 0;
  return Object.fromEntries(
    named.map(({ name, shape: [size = 0] }) => [name, Array.from({ length: size }, () => values[at++] ?? 0)]),
  );
}

function packed(named: Named, values: ArrayLike<number>): Tensor {
  const { shape, parts } = packOf(named.map((part) => part.shape));
  return { ...tensor(shape, values), ...(parts === undefined ? {} : { parts }) };
}

function joined(named: Named, tensors: ReadonlyMap<string, Float32Array> | undefined): number[] {
  return named.flatMap(({ name }) => bitsOf(tensors?.get(name) ?? []));
}

function cycle(size: number, shift: number): Float64Array {
  return Float64Array.from({ length: size }, (_, i) => Math.fround(AMAX[(i * 5 + shift) % AMAX.length] ?? 0));
}

const sizeOf = (named: Named): number => named.reduce((sum, { shape: [size = 0] }) => sum + size, 0);

/** Three numbers a tensor: a part, the first word of it, and the words. The third part has those of four tensors. */
const SHARED = [
  [2, 0, 9],
  [2, 9, 1],
  [2, 10, 50],
  [1, 0, 2],
  [2, 60, 4],
  [5, 1, 3],
].flat();

describe('record_amax', () => {
  it('refuses amaxes that are not there', () => {
    const g = new Graph();
    const inputs = [g.state('amaxes', AMAXES, 'u32').pack, g.state('history', RINGS).pack, g.input('draw', u32(2), 'micro')];
    const record = (amaxAt: readonly number[]): unknown =>
      addOp(g, 'record_amax', delayedScaleOps.record_amax, inputs, { microBatches: 1, amaxAt });
    expect(() => record(SHARED)).not.toThrow();
    for (const odd of [-1, 0.5]) {
      expect(() => record([odd, ...SHARED.slice(1)])).toThrow(/has no words/);
      expect(() => record([SHARED[0] ?? 0, odd, ...SHARED.slice(2)])).toThrow(/has no words/);
    }
    expect(() => record(SHARED.slice(1))).toThrow('attribute amaxAt is not three numbers a tensor');
    expect(() => record([2, 60, 5, ...SHARED.slice(3)])).toThrow('part 2 has no words 60 to 65');
    expect(() => record(SHARED.slice(3))).toThrow('the history has not one part a tensor');
  });

  it.each([
    [1, [0, 5, 0x80000003], 'a part each'],
    [3, [0, 4, 17], 'a part each'],
    [3, [0, 4, 17], 'parts shared'],
  ] as const)(
    'promise 3: is its reference in every bit and variant with %i micro-batches a step, each lane as it is alone: %s %s',
    async (microBatches, counters, parts) => {
      const attrs = { microBatches, ...(parts === 'parts shared' ? { amaxAt: SHARED } : {}) };
      const g = new Graph();
      const amaxes = g.state('amaxes', AMAXES, 'u32').pack;
      const history = g.state('history', RINGS).pack;
      const inputsOf = [amaxes, history, g.input('draw', u32(2), 'micro')];
      addOp(g, 'record_amax', delayedScaleOps.record_amax, inputsOf, attrs);
      const lanes = counters.map((counter, lane) => ({
        draw: Float64Array.of(9, counter),
        amaxes: Float64Array.from(bitsOf(cycle(sizeOf(AMAXES), lane))),
        history: cycle(sizeOf(RINGS), 3 * lane),
      }));
      const feeds = lanes.map((lane): LaneFeeds => ({
        inputs: { draw: lane.draw },
        states: { amaxes: byPart(AMAXES, lane.amaxes), history: byPart(RINGS, lane.history) },
      }));
      const { caps } = await testGpu();
      for (const { name } of delayedScaleOps.record_amax.variants) {
        const variant = { variants: { record_amax: name }, caps: { ...caps, software: name === 'narrow' } };
        const results = await runGraph(g, feeds, variant);
        for (const [i, lane] of lanes.entries()) {
          const inputs = [packed(AMAXES, lane.amaxes), packed(RINGS, lane.history), tensor([2], lane.draw)];
          const [want] = referenceOf('record_amax')(inputs, attrs);
          const got = joined(RINGS, results[i]?.states['history']);
          expect(got, name).toEqual(bitsOf(want?.data ?? []));
          expect(got).not.toEqual(bitsOf(lane.history));
          const [lone] = await runGraph(g, feeds.slice(i, i + 1), variant);
          expect(joined(RINGS, lone?.states['history']), name).toEqual(got);
        }
      }
    },
  );
});

describe('delayed_scale', () => {
  const options: readonly Omit<DelayedScaleAttrs, 'formats' | 'microBatches'>[] = [
    { algo: 'max', margin: 0, powerOfTwo: true },
    { algo: 'max', margin: 3, powerOfTwo: false },
    { algo: 'most_recent', margin: 0, powerOfTwo: false },
    { algo: 'most_recent', margin: 32, powerOfTwo: true },
  ];

  it.each(options)(
    'promise 3: is its reference in every bit and variant: $algo, margin $margin, power of two $powerOfTwo',
    async (kind) => {
      const attrs = { ...kind, formats: FORMATS, microBatches: 2 };
      const g = new Graph();
      g.phase = 'update';
      const history = g.state('history', RINGS).pack;
      const scales = g.state('scales', SCALES).pack;
      delayedScale(g, { history, scales, draw: g.input('draw', u32(2), 'micro') }, attrs);
      // In lane 2 every amax is finite.
      const lanes = [0, 7, 31].map((counter, lane) => ({
        draw: Float64Array.of(1, counter),
        history: cycle(sizeOf(RINGS), lane).map((value) => (lane === 2 && !Number.isFinite(value) ? 2 : value)),
        scales: noise(SCALES.length, `scales${lane}`).map(Math.abs),
      }));
      const feeds = lanes.map((lane): LaneFeeds => ({
        inputs: { draw: lane.draw },
        states: { history: byPart(RINGS, lane.history), scales: byPart(SCALES, lane.scales) },
      }));
      const { caps } = await testGpu();
      for (const { name } of delayedScaleOps.delayed_scale.variants) {
        const variant = { variants: { delayed_scale: name }, caps: { ...caps, software: name === 'narrow' } };
        const results = await runGraph(g, feeds, variant);
        const kept = new Set<boolean>();
        for (const [i, lane] of lanes.entries()) {
          const inputs = [packed(RINGS, lane.history), packed(SCALES, lane.scales), tensor([2], lane.draw)];
          const [want] = referenceOf('delayed_scale')(inputs, attrs);
          const got = joined(SCALES, results[i]?.states['scales']);
          expect(got, name).toEqual(bitsOf(want?.data ?? []));
          for (const [t, before] of bitsOf(lane.scales).entries()) kept.add(before === got[t]);
          const [lone] = await runGraph(g, feeds.slice(i, i + 1), variant);
          expect(joined(SCALES, lone?.states['scales']), name).toEqual(got);
        }
        expect(kept).toEqual(new Set([true, false]));
      }
    },
  );
});

/**
 * Delayed scaling once more, from TransformerEngine's words alone: the history is a list whose newest entry comes first; the scale starts at
 * 1; scale = (FP8_MAX / amax) / 2^margin, and the old one where amax is 0 or not finite; optionally the bits of the mantissa are cleared.
 * Scales stay normal f32: 448 / 2^-149 is taken for the largest one, what falls short of 2^-126 for that.
 */
class TransformerEngine {
  readonly amaxHistory: number[] = [];
  scale = 1;

  step(amaxNow: number, { fp8Max, length, algo, margin, powerOfTwo }: Recipe): void {
    this.amaxHistory.unshift(amaxNow);
    if (this.amaxHistory.length > length) this.amaxHistory.pop();
    const amaxUsed = algo === 'max' ? Math.max(...this.amaxHistory) : amaxNow;
    if (amaxUsed === 0 || !Number.isFinite(amaxUsed)) return;
    let scale = Math.fround(fp8Max / amaxUsed);
    if (scale === Infinity) scale = 3.4028234663852886e38;
    scale = Math.max(2 ** -126, scale / 2 ** margin);
    if (powerOfTwo) {
      const word = new DataView(new ArrayBuffer(4));
      word.setFloat32(0, scale);
      word.setUint32(0, word.getUint32(0) & 0xff800000);
      scale = word.getFloat32(0);
    }
    this.scale = scale;
  }
}

interface Recipe {
  readonly fp8Max: number;
  readonly length: number;
  readonly algo: 'max' | 'most_recent';
  readonly margin: number;
  readonly powerOfTwo: boolean;
}

/** Sizes give one partial amax, two, and one of a single element. */
const TRACED = [
  { format: 'e4m3', fp8Max: 448, length: 1, size: 37 },
  { format: 'e5m2', fp8Max: 57344, length: 4, size: 4099 },
  { format: 'e4m3', fp8Max: 448, length: 16, size: 1 },
];
const STEPS = 50;

/** Values of a tensor in one micro-batch: of a size that drifts, with zeros, spikes, NaN and Inf at steps that differ by lane. */
function traced(size: number, t: number, micro: number, lane: number): Float32Array {
  const values = Float32Array.from(noise(size, `trace ${t} ${micro} ${lane}`, 2 ** (((micro * 7) % 23) - 11)));
  const at = (micro * 13) % size;
  const kind = (micro + 3 * lane + 5 * t) % 11;
  if (kind === 1) values.fill(0);
  if (kind === 3) values[at] = -1e30;
  if (kind === 5) values[at] = NaN;
  if (kind === 7) values[at] = -Infinity;
  if (kind === 9) values.fill(-(2 ** -149));
  return values;
}

function largest(values: Float32Array): number {
  let most = 0;
  for (const value of values) {
    if (Number.isNaN(value)) return NaN;
    most = Math.max(most, Math.abs(value));
  }
  return most;
}

describe('delayed scaling over 50 steps with zeros, spikes, NaN and Inf', () => {
  it.each([1, 3])(
    'has the amax, history and scale that TransformerEngine’s words give, step by step: %i micro-batches',
    async (microBatches) => {
      const kinds = [
        { algo: 'max', margin: 0, powerOfTwo: true },
        { algo: 'max', margin: 2, powerOfTwo: false },
        { algo: 'most_recent', margin: 3, powerOfTwo: true },
        { algo: 'most_recent', margin: 0, powerOfTwo: false },
      ] as const;
      const named = (shapes: readonly number[]): Named => shapes.map((size, t) => ({ name: `t${t}`, shape: [size] }));
      const g = new Graph();
      const maxima = TRACED.map(({ size }, t) => amax(g, g.input(`x${t}`, f32(size), 'micro'), { of: 'all' }));
      const draw = g.input('draw', u32(2), 'micro');
      const history = g.state('history', named(TRACED.map(({ length }) => length))).pack;
      recordAmax(g, { amaxes: g.pack(maxima, 'amaxes'), history, draw }, { microBatches });
      g.phase = 'update';
      for (const [i, kind] of kinds.entries()) {
        const scales = g.state(`scales${i}`, named(TRACED.map(() => 1))).pack;
        const formats = TRACED.map(({ format }) => format).join(' ');
        delayedScale(g, { history, scales, draw }, { ...kind, formats, microBatches });
      }
      const lanes = 2;
      const gpu = await testGpu();
      const store = new Store(gpu, lanes);
      const program = await Program.create(store, planProgram(g, { caps: gpu.caps, lanes, microBatches, slots: 1 }));
      try {
        for (const i of kinds.keys())
          for (const t of TRACED.keys())
            for (let lane = 0; lane < lanes; lane++) store.write(`scales${i}`, `t${t}`, lane, Float32Array.of(1));
        const engines = Array.from({ length: lanes }, () => kinds.map(() => TRACED.map(() => new TransformerEngine())));
        let changes = 0;
        for (let step = 0; step < STEPS; step++) {
          const amaxOfStep = Array.from({ length: lanes }, () => TRACED.map(() => 0));
          for (let micro = 0; micro < microBatches; micro++) {
            const index = step * microBatches + micro;
            for (let lane = 0; lane < lanes; lane++) {
              program.slot('draw', micro).set([lane, index], 2 * lane);
              for (const [t, { size }] of TRACED.entries()) {
                const values = traced(size, t, index, lane);
                program.slot(`x${t}`, micro).set(values, lane * size);
                const before = amaxOfStep[lane]?.[t] ?? 0;
                amaxOfStep[lane]?.splice(t, 1, Math.max(before, largest(values)));
              }
            }
          }
          await program.run(1);
          const rings = await store.read('history');
          for (const [i, kind] of kinds.entries()) {
            const scales = await store.read(`scales${i}`);
            for (let lane = 0; lane < lanes; lane++) {
              for (const [t, recipe] of TRACED.entries()) {
                const engine = engines[lane]?.[i]?.[t];
                if (engine === undefined) throw new RangeError('an engine is missing');
                const before = engine.scale;
                engine.step(amaxOfStep[lane]?.[t] ?? NaN, { ...recipe, ...kind });
                changes += before === engine.scale ? 0 : 1;
                const where = `step ${step}, lane ${lane}, t${t}, ${JSON.stringify(kind)}`;
                const ring = rings.get(`t${t}`)?.[lane] ?? new Float32Array(0);
                const newestFirst = engine.amaxHistory.map((_, age) => ring[(step - age) % recipe.length]);
                expect(newestFirst, where).toEqual(engine.amaxHistory);
                expect(scales.get(`t${t}`)?.[lane], where).toEqual(Float32Array.of(engine.scale));
              }
            }
          }
        }
        expect(changes).toBeGreaterThan(250);
      } finally {
        program.destroy();
        store.destroy();
      }
    },
  );
});
