import { normals, RandomSequence, STREAM } from '../base/random.ts';
import { castOnGpu, planProgram, Program, Store } from '../engine/index.ts';
import type { Gpu } from '../gpu/device.ts';
import { Graph } from '../graph/index.ts';
import type { Value } from '../graph/index.ts';
import { f32, u32 } from '../graph/types.ts';
import { castWords, FORMATS, formatNamed, PLAIN } from '../numerics/index.ts';
import { amax } from '../ops/amax.ts';
import { delayedScale, recordAmax } from '../ops/delayed-scale.ts';
import { matmul } from '../ops/matmul.ts';
import { dequantize, quantize } from '../ops/quantize.ts';
import type { CastAttrs } from '../ops/quantize.ts';

/** A figure beside what ml_dtypes gives (seed 0), rounded down. */
export interface OracleRow {
  readonly what: string;
  /** Signal to quantisation noise, dB. */
  readonly measuredDb: number;
  readonly atLeastDb: number;
}

/** `10 log10(sum want^2 / sum (got - want)^2)`: dB. */
function sqnrDb(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let [signal, noise] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    const [x = NaN, y = NaN] = [want[i], got[i]];
    signal += x * x;
    noise += (y - x) ** 2;
  }
  return 10 * Math.log10(signal / noise);
}

function normalsNamed(count: number, name: string): Float32Array<ArrayBuffer> {
  const values = new Float32Array(count);
  normals(values, 0, name);
  return values;
}

/** Casts of `count` normals on the GPU, against the normals. */
export async function castOracles(gpu: Gpu, count: number): Promise<readonly OracleRow[]> {
  const x = normalsNamed(count, 'normals');
  const rows: OracleRow[] = [];
  for (const [format, atLeastDb] of [
    [FORMATS.bf16, 55],
    [FORMATS.e4m3, 31.4],
    [FORMATS.e5m2, 25.4],
  ] as const) {
    const { values } = await castOnGpu(gpu, new Uint32Array(x.buffer), format);
    const measuredDb = sqnrDb(new Float32Array(values.buffer), x);
    rows.push({ what: `N(0,1) in ${format.name}`, measuredDb, atLeastDb });
  }
  return rows;
}

const PLAIN_CAST: Omit<CastAttrs, 'format'> = {
  scaling: 'none',
  powerOfTwo: true,
  margin: 0,
  rounding: 'nearest',
  saturate: true,
  tensor: 0,
  blockScale: 'none',
  blockRows: 0,
  blockColumns: 0,
};

/** Products of two matrices of normals, `size` on each side: cast, decoded and multiplied on the GPU, against the f64 product of the normals. */
export async function productOracles(gpu: Gpu, size: number): Promise<readonly OracleRow[]> {
  const [a, b] = [normalsNamed(size * size, 'a'), normalsNamed(size * size, 'b')];
  const pairs = [
    ['e4m3', 'e4m3', 28.4],
    ['e5m2', 'e4m3', 24.5],
  ] as const;
  const g = new Graph();
  const inputs = [g.input('a', f32(size, size), 'step'), g.input('b', f32(size, size), 'step')] as const;
  const decoded = (x: Value, format: string): Value => {
    const cast = { ...PLAIN_CAST, format };
    const { codes, scales } = quantize(g, x, { ...cast, values: false }, {});
    return dequantize(g, codes, scales, cast);
  };
  for (const [i, [left, right]] of pairs.entries())
    g.output(`y${i}`, matmul(g, decoded(inputs[0], left), decoded(inputs[1], right)), 'step');
  const want = product(a, b, size);
  return withProgram(gpu, g, async (program) => {
    program.floats('a', 0).set(a);
    program.floats('b', 0).set(b);
    const reading = await program.run(1);
    return pairs.map(([left, right, atLeastDb], i) => ({
      what: `${size}^3 product ${left} x ${right}`,
      measuredDb: sqnrDb(reading.get(`y${i}`, 0), want),
      atLeastDb,
    }));
  });
}

/** a b in f64, both `[size, size]`. */
function product(a: Float32Array, b: Float32Array, size: number): Float64Array {
  const y = new Float64Array(size * size);
  for (let m = 0; m < size; m++) {
    const row = y.subarray(m * size, (m + 1) * size);
    for (let k = 0; k < size; k++) {
      const x = a[m * size + k] ?? NaN;
      const terms = b.subarray(k * size, (k + 1) * size);
      for (let n = 0; n < size; n++) row[n] = (row[n] ?? NaN) + x * (terms[n] ?? NaN);
    }
  }
  return y;
}

/** Casts of random f32 words by the CPU and by the GPU. */
export interface CastRow {
  readonly format: string;
  readonly words: number;
  /** Words whose code or value differs in any bit. */
  readonly mismatches: number;
}

/** Words that are cast at once. */
const CHUNK = 1 << 20;

/** The same `count` random words, NaN and Inf among them, in every named format: to nearest, and stochastically in every other chunk. */
export async function castMismatches(
  gpu: Gpu,
  count: number,
  onProgress?: (format: string) => void,
): Promise<readonly CastRow[]> {
  const rows: CastRow[] = [];
  for (const format of Object.values(FORMATS)) {
    onProgress?.(format.name);
    const sequence = new RandomSequence(0, STREAM.fit);
    let mismatches = 0;
    for (let done = 0; done < count; done += CHUNK) {
      const words = Uint32Array.from({ length: Math.min(CHUNK, count - done) }, () => sequence.bits());
      const round = (done / CHUNK) % 2 === 0 ? 'nearest' : 'stochastic';
      const options = { ...PLAIN, round, draw: { seed: 0, step: done / CHUNK } } as const;
      const [got, want] = [await castOnGpu(gpu, words, format, options), castWords(words, format, options)];
      for (let i = 0; i < words.length; i++) if (got.codes[i] !== want.codes[i] || got.values[i] !== want.values[i]) mismatches++;
    }
    rows.push({ format: format.name, words: count, mismatches });
  }
  return rows;
}

/** Delayed scaling on the GPU beside a computation of its own, from TransformerEngine's words. */
export interface TraceRow {
  readonly steps: number;
  /** Amaxes, entries of a history and scales that were compared, and those that differ. */
  readonly compared: number;
  readonly mismatches: number;
}

const TRACE_STEPS = 50;
const TRACE_HISTORY = 4;
const TRACE_SIZE = 4099;

/**
 * 50 steps of two tensors, in E4M3 and E5M2, whose values drift, with zeros, spikes, NaN and Inf among them: amax, history and scale after
 * every step.
 */
export async function delayedTrace(gpu: Gpu): Promise<TraceRow> {
  const formats = ['e4m3', 'e5m2'];
  const names = formats.map((name) => ({ name, shape: [TRACE_HISTORY] }));
  const g = new Graph();
  const maxima = formats.map((name) => amax(g, g.input(name, f32(TRACE_SIZE), 'micro'), { of: 'all' }));
  const draw = g.input('draw', u32(2), 'micro');
  const history = g.state('history', names).pack;
  const scales = g.state(
    'scales',
    formats.map((name) => ({ name, shape: [1] })),
  ).pack;
  recordAmax(g, { amaxes: g.pack(maxima, 'amaxes'), history, draw }, { microBatches: 1 });
  g.phase = 'update';
  const attrs = { algo: 'max', margin: 0, powerOfTwo: true, microBatches: 1 } as const;
  delayedScale(g, { history, scales, draw }, { ...attrs, formats: formats.join(' ') });
  return withProgram(gpu, g, async (program, store) => {
    const engines = formats.map((name) => ({ largest: formatNamed(name).maxValue, history: [] as number[], scale: 1 }));
    for (const name of formats) store.write('scales', name, 0, Float32Array.of(1));
    let [compared, mismatches] = [0, 0];
    const compare = (got: number | undefined, want: number): void => {
      compared++;
      if (!Object.is(got, want)) mismatches++;
    };
    for (let step = 0; step < TRACE_STEPS; step++) {
      program.words('draw', 0).set([0, step]);
      const amaxes = formats.map((name, t) => {
        const values = traced(name, step, t);
        program.floats(name, 0).set(values);
        return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      });
      await program.run(1);
      const [rings, scaled] = [await store.read('history'), await store.read('scales')];
      for (const [t, engine] of engines.entries()) {
        const name = formats[t] ?? '';
        engine.history = [amaxes[t] ?? NaN, ...engine.history].slice(0, TRACE_HISTORY);
        const most = Math.max(...engine.history);
        // scale = (FP8_MAX / amax) / 2^margin, rounded down to a power of two; an amax of 0 or one that is not finite keeps the old one.
        if (most > 0 && most < Infinity)
          engine.scale = 2 ** Math.min(127, Math.floor(Math.log2(Math.fround(engine.largest / most))));
        const ring = rings.get(name)?.[0];
        for (const [age, past] of engine.history.entries()) compare(ring?.[(step - age) % TRACE_HISTORY], past);
        compare(scaled.get(name)?.[0]?.[0], engine.scale);
      }
    }
    return { steps: TRACE_STEPS, compared, mismatches };
  });
}

function traced(name: string, step: number, t: number): Float32Array<ArrayBuffer> {
  const values = normalsNamed(TRACE_SIZE, `${name} ${step}`).map((value) => value * 2 ** (((step * 7) % 23) - 11));
  const kind = (step + 5 * t) % 11;
  const special = [undefined, 0, undefined, 1e6, undefined, NaN, undefined, -Infinity][kind];
  if (special === 0) values.fill(0);
  else if (special !== undefined) values[(step * 13) % TRACE_SIZE] = special;
  return values;
}

async function withProgram<T>(gpu: Gpu, graph: Graph, body: (program: Program, store: Store) => Promise<T>): Promise<T> {
  const store = new Store(gpu, 1);
  try {
    const program = await Program.create(store, planProgram(graph, { caps: gpu.caps, slots: 1 }));
    try {
      return await body(program, store);
    } finally {
      program.destroy();
    }
  } finally {
    store.destroy();
  }
}
