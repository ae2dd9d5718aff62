import { describe, expect, it, vi } from 'vitest';
import type { CastStats, Probe, TensorProbe } from '../../src/base/probe.ts';
import { tokenOrder } from '../../src/data/index.ts';
import { Sites } from '../../src/engine/sites.ts';
import {
  amaxOf,
  bitsOf,
  BLOCK_FORMATS,
  castBlocks,
  castWords,
  currentScale,
  floatOf,
  formatNamed,
  PLAIN,
  siteName,
  upright,
} from '../../src/numerics/index.ts';
import { HYPER, HYPER_SIZE } from '../../src/ops/hyper.ts';
import type { RunSpec } from '../../src/spec/run-spec.ts';
import { encodeCheckpoint } from '../../src/train/checkpoint.ts';
import type { KnownVerdicts } from '../../src/train/fast-paths.ts';
import { differentiatedGraph } from '../../src/train/graphs.ts';
import { initialWeights } from '../../src/train/init.ts';
import { Prober } from '../../src/train/probe.ts';
import type { Trainer } from '../../src/train/trainer.ts';
import { evaluateGraph } from '../reference/evaluate.ts';
import { tinySpec } from '../reference/specs.ts';
import { testGpu } from '../support/run-graph.ts';
import { batchesOf, testDataset, testTrainer, trace } from '../support/train.ts';

const MODEL = { norm: 'rmsnorm', position: 'rope', mlp: 'swiglu', bias: false, tied: false, width: 16, mlpRatio: 2 } as const;
const spec = tinySpec({ model: MODEL, data: { context: 8 }, loss: { zLoss: 1e-3 } });
const WHAT_IF = ['e4m3', 'e5m2', 'bf16', 'nvfp4', 'mxfp8-e4m3'];

function precise(recipe: RunSpec['precision']['recipe']): RunSpec {
  return { ...spec, precision: { ...spec.precision, recipe, amaxHistoryLen: 4 } };
}

/** Trains `steps` steps, gives what `look` sees, and frees the trainer. */
async function after<T>(of: RunSpec, steps: number, look: (trainer: Trainer) => Promise<T>): Promise<T> {
  const trainer = await testTrainer([of]);
  try {
    if (steps > 0) await trace(trainer, steps);
    return await look(trainer);
  } finally {
    trainer.destroy();
  }
}

const EXPONENTS = Array.from({ length: 96 }, (_, bin) => bin - 72);
const exponentOf = (x: number): number => (bitsOf(Math.abs(Math.fround(x))) >>> 23) - 127;

/** What a cast of single numbers does, in f64. */
function castStats(x: Float64Array, name: string, scale: number): Pick<CastStats, 'underflow' | 'sqnrDb' | 'mse'> {
  const format = formatNamed(name);
  const { values } = castWords(Uint32Array.from(x, bitsOf), format, { ...PLAIN, scale, saturate: format.bits <= 8 });
  return statsOf(x, Float64Array.from(values, floatOf));
}

function statsOf(x: Float64Array, cast: Float64Array): Pick<CastStats, 'underflow' | 'sqnrDb' | 'mse'> {
  const [squares, errors] = [x.reduce((sum, v) => sum + v * v, 0), x.reduce((sum, v, i) => sum + (v - (cast[i] ?? 0)) ** 2, 0)];
  const nonzero = x.filter((v) => v !== 0).length;
  return {
    underflow: x.filter((v, i) => v !== 0 && cast[i] === 0).length / nonzero,
    sqnrDb: errors === 0 ? Infinity : 10 * Math.log10(squares / errors),
    mse: errors / x.length,
  };
}

function scaleOf(x: Float64Array, name: string): number {
  const format = formatNamed(name);
  return format.bits > 8 ? 1 : currentScale(amaxOf(Uint32Array.from(x, bitsOf)), format);
}

/** The values of the next batch's pass in f64, and its figures of stability. */
async function reference(
  of: RunSpec,
): Promise<{ sites: Map<string, Float64Array[]>; norms: Map<string, number>; of: (op: string, i: number) => Float64Array }> {
  const dataset = await testDataset(of);
  const { graph, gradients } = differentiatedGraph(of, dataset.vocab, 'none');
  const [batch] = batchesOf(of, dataset, 1);
  if (batch === undefined) throw new RangeError('there is no batch');
  const tokens = Uint32Array.from(batch.tokens);
  const [order, starts] = [new Uint32Array(tokens.length), new Uint32Array(dataset.vocab + 1)];
  tokenOrder(tokens, dataset.vocab, order, starts);
  const hyper = new Float64Array(HYPER_SIZE);
  hyper[HYPER.zLoss] = of.loss.zLoss;
  const weights = initialWeights(of, dataset.vocab);
  const { values } = evaluateGraph(graph, {
    micro: [new Map<string, ArrayLike<number>>(Object.entries({ tokens, targets: batch.targets, order, starts }))],
    step: new Map([['hyper', hyper]]),
    states: new Map([['weights', weights.flatMap(({ data }) => [...data])]]),
  });
  const data = (value: Parameters<typeof values.get>[0] | undefined): Float64Array => {
    const found = value === undefined ? undefined : values.get(value)?.data;
    if (found === undefined) throw new RangeError('a value is missing');
    return found;
  };
  const sites = new Map<string, Float64Array[]>();
  const names = new Sites(graph);
  for (const node of graph.nodes) {
    const found = [
      ...node.inputs.map((value, i) => [names.operand(node, i), value] as const),
      ...node.outputs.map((value) => [names.result(value), value] as const),
    ];
    for (const [site, value] of found) {
      if (site === undefined || value.type.dtype !== 'f32') continue;
      const known = sites.get(siteName(site)) ?? [];
      if (!known.includes(data(value))) sites.set(siteName(site), [...known, data(value)]);
    }
  }
  const squares = new Map<string, number>();
  for (const [i, { name }] of weights.entries()) {
    const layer = name.replace(/\.[^.]*$/, '');
    squares.set(
      layer,
      data(gradients[i]).reduce((sum, v) => sum + v * v, squares.get(layer) ?? 0),
    );
  }
  const norms = new Map([...squares].map(([layer, sum]) => [layer, Math.sqrt(sum)]));
  const valueOf = (op: string, i: number): Float64Array => {
    const node = graph.nodes.find((candidate) => candidate.op === op);
    return data(i < 0 ? node?.inputs[0] : node?.outputs[i]);
  };
  return { sites, norms, of: valueOf };
}

function tensorAt(probe: Probe | undefined, site: string): TensorProbe {
  const found = probe?.tensors.find((tensor) => tensor.site === site);
  if (found === undefined)
    throw new RangeError(`the probe has no ${site}: ${probe?.tensors.map((tensor) => tensor.site).join(', ')}`);
  return found;
}

describe('a probe', () => {
  it('agrees in every figure with the f64 reference of the pass, at every site', async () => {
    const [[probe], want] = await Promise.all([after(spec, 0, (trainer) => trainer.probe(WHAT_IF)), reference(spec)]);
    expect(probe?.tensors.length).toBe([...want.sites.values()].reduce((sum, all) => sum + all.length, 0));
    const left = new Map([...want.sites].map(([name, all]) => [name, [...all]]));
    for (const tensor of probe?.tensors ?? []) {
      const name = siteName({ layer: tensor.layer, role: tensor.role as never });
      expect(tensor.site.startsWith(name)).toBe(true);
      // Tensors of one name come in the order of the pass.
      const x = left.get(name)?.shift() ?? new Float64Array();
      const finest = x.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
      expect(tensor.elements, tensor.site).toBe(x.length);
      expect(tensor.amax / finest, tensor.site).toBeCloseTo(1, 4);
      expect([tensor.nonFinite, tensor.cast]).toEqual([0, null]);
      expect(tensor.zeros, tensor.site).toBe(x.filter((v) => v === 0).length);
      // What lies beside a power of two may be on its other side in f32.
      const counts = EXPONENTS.map((exponent) => x.filter((v) => v !== 0 && exponentOf(v) === exponent).length);
      const moved = counts.reduce((sum, count, bin) => sum + Math.abs(count - (tensor.histogram[bin] ?? NaN)), 0);
      expect(moved, tensor.site).toBeLessThanOrEqual(2);
      expect(tensor.histogram.reduce((a, b) => a + b, tensor.zeros)).toBe(x.length);
      for (const cast of tensor.whatIf) {
        if (cast.scaling === 'block') continue;
        const scale = scaleOf(x, cast.format);
        const wanted = castStats(x, cast.format, scale);
        expect(cast.scale, `${tensor.site} ${cast.format}`).toBe(scale);
        expect(cast.overflow).toBe(0);
        expect(cast.underflow, `${tensor.site} ${cast.format}`).toBeCloseTo(wanted.underflow, 2);
        expect(Math.abs(cast.sqnrDb - wanted.sqnrDb), `${tensor.site} ${cast.format}`).toBeLessThan(0.1);
        expect(cast.mse / wanted.mse, `${tensor.site} ${cast.format}`).toBeCloseTo(1, 1);
      }
    }
    const amax = (x: Float64Array): number => x.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    const scores = want.of('causal_softmax', -1);
    const { context } = spec.data;
    const causal = scores.filter((_, i) => i % context <= Math.floor(i / context) % context);
    expect(probe?.stability.maxAttentionLogit).toEqual([expect.closeTo(amax(causal), 6)]);
    expect(probe?.stability.maxOutputLogit).toBeCloseTo(amax(want.of('cross_entropy', -1)), 5);
    const lse = want.of('cross_entropy', 1);
    expect(probe?.stability.meanLse).toBeCloseTo(lse.reduce((a, b) => a + b, 0) / lse.length, 5);
    expect(probe?.stability.gradNorms.map(({ layer }) => layer)).toEqual([...want.norms.keys()]);
    for (const { layer, norm } of probe?.stability.gradNorms ?? [])
      expect(norm / (want.norms.get(layer) ?? NaN), layer).toBeCloseTo(1, 3);
  });

  it('gives each tensor a name, and leaves out blocks that do not divide it', async () => {
    const [probe] = await after(spec, 0, (trainer) => trainer.probe(WHAT_IF));
    const names = probe?.tensors.map(({ site }) => site) ?? [];
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('blocks.0.attn intermediate rope');
    expect(names).toContain('blocks.0 residual mlp');
    const formats = (site: string): string[] => tensorAt(probe, site).whatIf.map(({ format }) => format);
    // 16 rows of tokens, 16 columns; blocks lie along what the matmul sums over.
    expect(formats('blocks.0.attn.qkv fprop.activation')).toEqual(['e4m3', 'e5m2', 'bf16', 'nvfp4']);
    expect(formats('blocks.0.attn attention.q')).toEqual(['e4m3', 'e5m2', 'bf16']);
    expect(formats('blocks.0.mlp.proj fprop.activation')).toEqual(WHAT_IF);
    expect(formats('blocks.0.mlp.proj wgrad.activation')).toEqual(['e4m3', 'e5m2', 'bf16', 'nvfp4']);
    const [rows, columns] = ['fprop', 'wgrad'].map((pass) => tensorAt(probe, `blocks.0.mlp.proj ${pass}.activation`));
    expect(rows?.histogram).toEqual(columns?.histogram);
    expect(rows?.whatIf[3]?.sqnrDb).not.toBe(columns?.whatIf[3]?.sqnrDb);
  });

  it('tells what the casts of the run do, under the scales that the run has', async () => {
    const of = precise('fp8-delayed');
    const { probe, again, snapshot } = await after(of, 3, async (trainer) => ({
      probe: (await trainer.probe(['e4m3', 'nvfp4']))[0],
      again: (await trainer.probe(['e4m3', 'nvfp4']))[0],
      snapshot: await trainer.snapshot('run', 20, 0),
    }));
    expect(probe?.step).toBe(3);
    expect(again).toEqual(probe);
    const [lane] = snapshot.lanes;
    const cast = probe?.tensors.filter((tensor) => tensor.cast !== null) ?? [];
    expect(cast.length).toBeGreaterThan(20);
    for (const { site, cast: own } of cast) {
      const kept = lane?.scales.find(({ name }) => site.replace(' ', '.') === name)?.data[0];
      if (kept !== undefined) expect([site, own?.scale]).toEqual([site, kept]);
      expect(own?.scaling).toBe('delayed');
    }
    // Weights are known to the bit.
    for (const { name, shape, data } of lane?.weights ?? []) {
      if (!/^blocks.*(attn|mlp)\.\w+\.weight$/.test(name)) continue;
      const tensor = tensorAt(probe, `${name.replace(/\.weight$/, '')} fprop.weight`);
      const x = Float64Array.from(data);
      expect(tensor.amax).toBe(x.reduce((a, b) => Math.max(a, Math.abs(b)), 0));
      expect(tensor.histogram).toEqual(
        EXPONENTS.map((exponent) => x.filter((v) => v !== 0 && exponentOf(v) === exponent).length),
      );
      const want = castStats(x, 'e4m3', tensor.cast?.scale ?? NaN);
      expect(tensor.cast).toMatchObject({ format: 'e4m3', underflow: want.underflow });
      expect(tensor.cast?.sqnrDb).toBeCloseTo(want.sqnrDb, 3);
      expect((tensor.cast?.mse ?? NaN) / want.mse).toBeCloseTo(1, 5);
      expect(tensor.whatIf[0]?.sqnrDb).toBeCloseTo(castStats(x, 'e4m3', scaleOf(x, 'e4m3')).sqnrDb, 3);
      // A matmul sums over the rows of its weights.
      const blocks = castBlocks(Float32Array.from(x), [shape[0] ?? 0, shape[1] ?? 0], upright(BLOCK_FORMATS.nvfp4));
      const nvfp4 = statsOf(x, Float64Array.from(blocks.values));
      expect(tensor.whatIf[1]).toMatchObject({ format: 'nvfp4', scaling: 'block', underflow: nvfp4.underflow });
      expect(tensor.whatIf[1]?.sqnrDb).toBeCloseTo(nvfp4.sqnrDb, 3);
      expect((tensor.whatIf[1]?.scale ?? NaN) * blocks.tensorScale).toBeCloseTo(1, 6);
    }
  });

  it.each(['bf16', 'bf16-pure', 'fp8-current', 'fp8-none', 'fp8-lm'] as const)(
    'tells of every cast that %s makes',
    async (recipe) => {
      const [probe] = await after(precise(recipe), 1, (trainer) => trainer.probe(['bf16']));
      const cast = probe?.tensors.filter((tensor) => tensor.cast !== null) ?? [];
      expect(cast.length).toBeGreaterThan(20);
      for (const tensor of cast)
        expect([tensor.site, tensor.cast?.sqnrDb], tensor.site).toEqual([tensor.site, expect.any(Number)]);
      const weight = tensorAt(probe, 'blocks.0.mlp.fc fprop.weight');
      if (recipe === 'bf16-pure') expect(weight.cast?.sqnrDb).toBe(Infinity);
      else expect(weight.cast?.sqnrDb).toBeGreaterThan(recipe === 'bf16' ? 50 : 20);
    },
  );

  it.each(['f32', 'fp8-current', 'fp8-delayed'] as const)('promise 1: leaves a run of %s all its bits', async (recipe) => {
    const of = precise(recipe);
    const bytes = async (trainer: Trainer): Promise<Uint8Array> =>
      new Uint8Array(encodeCheckpoint(await trainer.snapshot('run', 20, 0)));
    const plain = await after(of, 0, async (trainer) => ({ losses: await trace(trainer, 6), bytes: await bytes(trainer) }));
    const probed = await after(of, 0, async (trainer) => {
      const losses: number[] = [];
      for (let step = 0; step < 6; step += 2) {
        await trainer.probe(step === 2 ? [] : ['e4m3']);
        losses.push(...((await trace(trainer, 2))[0]?.losses ?? []));
      }
      return { losses, bytes: await bytes(trainer) };
    });
    expect(probed.losses).toEqual(plain.losses[0]?.losses);
    expect(probed.bytes).toEqual(plain.bytes);
  });

  it('promise 2: is the same of a lane among two as of the lane alone', async () => {
    const specs = [1, 2].map((seed) => ({ ...precise('fp8-delayed'), seed: { init: seed, data: seed } }));
    const trainer = await testTrainer(specs);
    await trace(trainer, 2);
    const together = await trainer.probe(['nvfp4']);
    trainer.destroy();
    for (const [lane, of] of specs.entries()) {
      const [alone] = await after(of, 2, (own) => own.probe(['nvfp4']));
      expect({ ...together[lane], lane: 0 }).toEqual(alone);
    }
    expect(together.map(({ lane }) => lane)).toEqual([0, 1]);
  });

  it('reads the first micro-batch of the next step', async () => {
    const of = { ...spec, data: { ...spec.data, gradAccum: 3 } };
    const [probe] = await after(of, 2, (trainer) => trainer.probe([]));
    expect(probe?.step).toBe(2);
    expect(probe?.stability.gradNorms.every(({ norm }) => norm > 0)).toBe(true);
  });

  it('keeps the GPU busy for a short while at a time', async () => {
    const gpu = await testGpu();
    await after(spec, 0, async (trainer) => {
      await trainer.probe([]);
      const submit = vi.spyOn(gpu.device.queue, 'submit');
      await trainer.probe([]);
      expect(submit.mock.calls.length).toBeGreaterThan(3);
      submit.mockRestore();
    });
  });

  it('promise 9: takes no more GPU memory than was told', async () => {
    const gpu = await testGpu();
    const trainer = await testTrainer([precise('fp8-current')]);
    const create = vi.spyOn(gpu.device, 'createBuffer');
    await trainer.probe(['e4m3', 'bf16']);
    const allocated = create.mock.calls.reduce((sum, [{ size }]) => sum + size, 0);
    create.mockRestore();
    expect(allocated).toBeLessThanOrEqual(trainer.probeBytes(['e4m3', 'bf16']));
    expect(allocated).toBeGreaterThan(0.9 * trainer.probeBytes(['e4m3', 'bf16']));
    trainer.destroy();
  });

  it('promise 4: tries its kernels before it uses them', async () => {
    const verdicts: KnownVerdicts = new Map();
    const trainer = await testTrainer([spec], { verdicts });
    const before = verdicts.size;
    await trainer.probe(['e4m3']);
    trainer.destroy();
    expect(verdicts.size).toBeGreaterThan(before);
    expect([...verdicts.values()].filter(({ ok }) => !ok)).toEqual([]);
    expect([...verdicts.values()].map(({ path }) => path)).toContain('cast_error/narrow');
  });

  it('refuses a format that does not exist, and works after that', async () => {
    await after(spec, 0, async (trainer) => {
      await expect(trainer.probe(['e0m7'])).rejects.toThrow('format e0m7');
      expect(await trainer.probe([])).toHaveLength(1);
    });
  });
});

describe('probes that are asked for at once', () => {
  it('wait for each other: other formats do not free a program that is at work', async () => {
    const diary: string[] = [];
    let made = 0;
    const prober = new Prober(() => {
      const id = made++;
      return { id, destroy: () => void diary.push(`destroy ${id}`) };
    });
    const use = (whatIf: readonly string[], fails = false): Promise<void> =>
      prober.use({ spec, vocab: 11, whatIf }, async ({ id }) => {
        diary.push(`begin ${id}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
        diary.push(`end ${id}`);
        if (fails) throw new Error('out of luck');
      });
    const all = await Promise.allSettled([use(['e4m3']), use(['e5m2'], true), use(['e0m7']), use(['e5m2'])]);
    expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(diary).toEqual(['begin 0', 'end 0', 'destroy 0', 'begin 1', 'end 1', 'begin 1', 'end 1']);
  });
});
