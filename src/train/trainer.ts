import { SpecError } from '../base/errors.ts';
import { STREAM } from '../base/random.ts';
import { Batcher, tokenOrder } from '../data/index.ts';
import type { Dataset, Tokens } from '../data/index.ts';
import { planProgram, Program, Store } from '../engine/index.ts';
import type { Arena, Plan, PlanOptions } from '../engine/index.ts';
import type { Gpu } from '../gpu/device.ts';
import { canShareProgram, differingPaths, fieldAt } from '../spec/schema.ts';
import { totalSteps } from '../spec/steps.ts';
import { flopsPerToken } from '../spec/counts.ts';
import type { RunSpec } from '../spec/run-spec.ts';
import { requireSameRun } from './checkpoint.ts';
import type { Checkpoint, LaneState } from './checkpoint.ts';
import { ACCUMULATED, evaluationGraph, MOMENTS, samplingGraph, textTokens, trainingGraph, WEIGHTS } from './graphs.ts';
import { fillHyper } from './hyper.ts';
import { initialWeights } from './init.ts';
import { checkFastPaths } from './fast-paths.ts';
import type { Cleared, KnownVerdicts } from './fast-paths.ts';
import { Pace } from './pace.ts';
import type { NamedTensor } from './safetensors.ts';

/** Steps `firstStep ..`, 1-based; `lossNats` and `gradNorm` are `[n, L]`. */
export interface StepMetrics {
  readonly firstStep: number;
  readonly steps: number;
  readonly lossNats: Float32Array<ArrayBuffer>;
  readonly gradNorm: Float32Array<ArrayBuffer>;
  readonly learningRate: Float32Array<ArrayBuffer>;
  /** Passes over the data after each step, `[n]`. */
  readonly epochs: Float32Array<ArrayBuffer>;
}

export interface TrainerOptions {
  readonly gpu: Gpu;
  /** One spec a lane; they differ in laneable fields only. */
  readonly specs: readonly RunSpec[];
  readonly dataset: Dataset;
  /** Starts from these weights instead of the seeds', one list a lane. */
  readonly weights?: readonly (readonly NamedTensor[])[];
  /** Goes on exactly where this stands. */
  readonly checkpoint?: Checkpoint;
  readonly plan?: Pick<PlanOptions, 'disabled' | 'variants' | 'slots'>;
  /**
   * Verdicts on this adapter's fast paths. When given, every path that the run would use is tried before it is used, unless its verdict
   * is here; new ones are added.
   */
  readonly verdicts?: KnownVerdicts;
  /** Hears of pipelines as they are compiled, and of fast paths as they are checked. */
  readonly onProgress?: (done: number, total: number, task: 'compile' | 'check') => void;
}

/**
 * How the training step of a run of these specs would be planned on this device; allocates nothing. Its `peakBytes` is that of the whole
 * run: evaluation, sampling and the copy of the state that a checkpoint is made from are counted in.
 *
 * @throws as planning does.
 */
export function planTraining(
  specs: readonly RunSpec[],
  vocab: number,
  options: Omit<PlanOptions, 'lanes' | 'microBatches'>,
): Plan {
  const spec = sharedSpec(specs);
  const lanes = specs.length;
  const plan = planProgram(trainingGraph(spec, vocab), { ...options, lanes, microBatches: spec.data.gradAccum });
  const shared = new Set(plan.arenas.map(({ name }) => name));
  const sides = [planEvaluation(spec, vocab, { ...options, lanes }), planSampling(spec, vocab, { ...options, lanes })];
  const sideBytes = sides.map(({ peakBytes, arenas }) => peakBytes - bytesOf(arenas.filter(({ name }) => shared.has(name))));
  // What is read back is copied: weights and moments for a checkpoint, the text of a sample.
  const arenas = [...plan.arenas, ...sides.flatMap((side) => side.arenas.filter(({ name }) => !shared.has(name)))];
  const copies = bytesOf(arenas.filter(({ name }) => name !== ACCUMULATED));
  return { ...plan, peakBytes: sideBytes.reduce((sum, bytes) => sum + bytes, plan.peakBytes + copies) };
}

function bytesOf(arenas: readonly Arena[]): number {
  return arenas.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function planEvaluation(spec: RunSpec, vocab: number, options: PlanOptions): Plan {
  return planProgram(evaluationGraph(spec, vocab), { ...options, slots: spec.eval.batches });
}

function planSampling(spec: RunSpec, vocab: number, options: PlanOptions): Plan {
  return planProgram(samplingGraph(spec, vocab), { ...options, slots: SAMPLED_TOKENS });
}

/** Most tokens that one submit samples. */
const SAMPLED_TOKENS = 32;

/** The spec whose program all lanes share. @throws SpecError when the lanes differ in more than scalars and seeds. */
function sharedSpec(specs: readonly RunSpec[]): RunSpec {
  const [spec, ...others] = specs;
  if (spec === undefined) throw new SpecError({ where: 'lanes', rule: 'there is no spec' });
  for (const other of others) {
    if (canShareProgram(spec, other)) continue;
    const path = differingPaths(spec, other).find((candidate) => !fieldAt(candidate).laneable) ?? '';
    throw new SpecError({
      where: `spec ${path}`,
      rule: 'lanes of one program cannot differ in it',
      cure: 'Train these runs one after another.',
    });
  }
  return spec;
}

/** A run's state on the GPU, and the programs that work on it: training, evaluation, sampling. */
export class Trainer {
  readonly specs: readonly RunSpec[];
  readonly dataset: Dataset;
  readonly plan: Plan;
  /** Steps that the schedule is laid out over. */
  readonly scheduleSteps: readonly number[];
  /** Steps submitted so far. */
  step = 0;
  /** Variants and fused ops that failed their check on this device and are not used. */
  readonly disabled: readonly string[];
  private readonly gpu: Gpu;
  private readonly store: Store;
  private readonly program: Program;
  private readonly options: TrainerOptions;
  private readonly cleared: Cleared;
  private readonly batchers: readonly Batcher[];
  private readonly pace = new Pace();
  private readonly evaluator: Side;
  private readonly sampler: Side;

  private constructor(options: TrainerOptions, cleared: Cleared, plan: Plan, store: Store, program: Program) {
    this.options = options;
    this.cleared = cleared;
    this.disabled = [...new Set(cleared.verdicts.filter(({ ok }) => !ok).map(({ path }) => path))];
    this.gpu = options.gpu;
    this.specs = options.specs;
    this.dataset = options.dataset;
    this.plan = plan;
    this.store = store;
    this.program = program;
    this.evaluator = this.side(planEvaluation);
    this.sampler = this.side(planSampling);
    this.scheduleSteps = this.specs.map((spec) => totalSteps(spec, flopsPerToken(spec, this.dataset.vocab).total));
    this.batchers = this.specs.map(({ data, seed }) =>
      batcherOf(data, this.dataset.train, this.dataset.vocab, data.order, seed.data),
    );
  }

  /**
   * Plans, allocates, compiles and puts the first weights in place.
   *
   * @throws SpecError for lanes that cannot share a program or a checkpoint of another run; KernelError, DeviceError.
   */
  static async create(options: TrainerOptions): Promise<Trainer> {
    const { gpu, specs, dataset, checkpoint, onProgress } = options;
    if (checkpoint !== undefined) requireSameRun(checkpoint, specs, dataset);
    const cleared = await clear(options);
    const planOptions = { ...options.plan, disabled: cleared.disabled };
    const shared = specs.map((spec) => ({ ...spec, fusion: cleared.spec.fusion }));
    const plan = planTraining(shared, dataset.vocab, { caps: gpu.caps, ...planOptions });
    const store = new Store(gpu, specs.length);
    try {
      const program = await gpu.guard('allocation', () =>
        Program.create(
          store,
          plan,
          onProgress === undefined ? {} : { onProgress: (done, total) => onProgress(done, total, 'compile') },
        ),
      );
      const trainer = new Trainer(options, cleared, plan, store, program);
      if (checkpoint === undefined) trainer.initialize(options.weights);
      else trainer.restore(checkpoint);
      return trainer;
    } catch (error) {
      store.destroy();
      throw error;
    }
  }

  /** Most steps that one submit takes. */
  get maxSteps(): number {
    return this.plan.slots;
  }

  /** Resolves when {@link advance} may be called: a few submits are under way at most. */
  free(): Promise<void> {
    return this.program.free();
  }

  /** Submits `k` steps; resolves with what they measured once the GPU is done with them. Await {@link free} first. */
  async advance(k: number): Promise<StepMetrics> {
    const { specs, program, plan } = this;
    const lanes = specs.length;
    const { microBatches } = plan;
    const firstStep = this.step + 1;
    const metrics: StepMetrics = {
      firstStep,
      steps: k,
      lossNats: new Float32Array(k * lanes),
      gradNorm: new Float32Array(k * lanes),
      learningRate: new Float32Array(k * lanes),
      epochs: new Float32Array(k),
    };
    for (let i = 0; i < k; i++) this.fillStep(i, firstStep + i, metrics);
    this.step += k;
    const most = plan.microBatches > 1 ? this.pace.next(plan.microBatches) : Infinity;
    const reading = await timed(this.pace, plan.microBatches * k, () => program.run(k, most));
    for (let i = 0; i < k; i++) {
      metrics.gradNorm.set(reading.get('gradNorm', i), i * lanes);
      for (let lane = 0; lane < lanes; lane++) {
        let sum = 0;
        for (let micro = 0; micro < microBatches; micro++) sum += reading.get('loss', i * microBatches + micro)[lane] ?? NaN;
        metrics.lossNats[i * lanes + lane] = sum / microBatches;
      }
    }
    return metrics;
  }

  private fillStep(i: number, step: number, metrics: StepMetrics): void {
    const { program, specs, batchers, plan } = this;
    const { microBatches } = plan;
    const hyper = program.floats('hyper', i);
    for (const [lane, spec] of specs.entries()) {
      const own = lanePart(hyper, lane, specs.length);
      fillHyper(own, spec, step, this.scheduleSteps[lane] ?? 0);
      metrics.learningRate[i * specs.length + lane] = own[0] ?? NaN;
    }
    for (let micro = 0; micro < microBatches; micro++) {
      const slot = i * microBatches + micro;
      const index = (step - 1) * microBatches + micro;
      for (const [lane, batcher] of batchers.entries()) {
        const part = (name: string): Uint32Array<ArrayBuffer> => lanePart(program.words(name, slot), lane, specs.length);
        const tokens = part('tokens');
        batcher.fill(index, tokens, part('targets'));
        tokenOrder(tokens, this.dataset.vocab, part('order'), part('starts'));
        if (microBatches > 1)
          lanePart(program.floats('micro', slot), lane, specs.length).set([micro === 0 ? 1 : 0, 1 / microBatches]);
      }
    }
    metrics.epochs[i] = batchers[0]?.epochs(step * microBatches) ?? 0;
  }

  /**
   * Mean nll per token of each lane over the first `eval.batches` batches of a held-out part, in order; fewer where the part is
   * shorter. Null when the data has no such part.
   */
  async evaluate(split: 'validation' | 'ood'): Promise<Float64Array<ArrayBuffer> | null> {
    const tokens = this.dataset[split];
    const spec = sharedSpec(this.specs);
    if (tokens === null) return null;
    const { vocab } = this.dataset;
    const program = await this.evaluator.program();
    const batcher = batcherOf(spec.data, tokens, vocab, 'sequential', 0);
    const batches = Math.min(spec.eval.batches, Math.max(1, Math.floor(batcher.windows / spec.data.batch)));
    const lanes = this.specs.length;
    const sums = new Float64Array(lanes);
    for (let done = 0; done < batches;) {
      const k = this.evaluator.pace.next(Math.min(program.plan.slots, batches - done));
      await program.free();
      for (let i = 0; i < k; i++) {
        const [all, targets, hyper] = [program.words('tokens', i), program.words('targets', i), program.floats('hyper', i)];
        for (let lane = 0; lane < lanes; lane++) {
          batcher.fill(done + i, lanePart(all, lane, lanes), lanePart(targets, lane, lanes));
          lanePart(hyper, lane, lanes).fill(0);
        }
      }
      const reading = await timed(this.evaluator.pace, k, () => program.run(k));
      for (let i = 0; i < k; i++) reading.get('loss', i).forEach((loss, lane) => void (sums[lane] = (sums[lane] ?? 0) + loss));
      done += k;
    }
    return sums.map((sum) => sum / batches);
  }

  /**
   * Continues a prompt by `tokens` tokens with lane 0's weights as they are now.
   *
   * @param draw numbers the sample, so that two of one model differ.
   */
  async sample(
    prompt: Uint8Array<ArrayBuffer>,
    { tokens, temperature, draw }: { tokens: number; temperature: number; draw: number },
  ): Promise<Uint8Array> {
    const spec = sharedSpec(this.specs);
    const { tokenizer } = this.dataset;
    const program = await this.sampler.program();
    const size = textTokens(spec);
    const encoded = tokenizer.encode(prompt);
    // A model writes from something: from token 0 where there is no prompt.
    const start = encoded.length === 0 ? [0] : Array.from(encoded.slice(-Math.floor(size / 2)));
    const end = Math.min(size, start.length + tokens);
    const text = new Uint32Array(size);
    text.set(start);
    const lanes = this.specs.length;
    for (let lane = 0; lane < lanes; lane++) this.store.write('text', 'text', lane, text);
    for (let cursor = start.length; cursor < end;) {
      const k = this.sampler.pace.next(Math.min(program.plan.slots, end - cursor));
      await program.free();
      for (let i = 0; i < k; i++) {
        for (let lane = 0; lane < lanes; lane++) {
          lanePart(program.words('cursor', i), lane, lanes).set([cursor + i, spec.seed.data, STREAM.sample, draw]);
          lanePart(program.floats('temperature', i), lane, lanes).fill(temperature);
        }
      }
      await timed(this.sampler.pace, k, () => program.run(k));
      cursor += k;
    }
    const written = (await this.store.read('text')).get('text')?.[0] ?? new Float32Array(0);
    const ids = new Uint32Array(written.buffer, written.byteOffset, end);
    return tokenizer.decode(ids.slice(start.length));
  }

  /** The run as it is after every step submitted so far. */
  async snapshot(runId: string, targetStep: number, savedAt: number): Promise<Checkpoint> {
    const { step } = this;
    const [weights = [], m = [], v = []] = await Promise.all([WEIGHTS, ...MOMENTS].map((arena) => this.tensors(arena)));
    const lanes = this.specs.map((_, lane): LaneState => ({ weights: weights[lane] ?? [], m: m[lane] ?? [], v: v[lane] ?? [] }));
    const { contentHash: dataHash, vocab } = this.dataset;
    return { runId, specs: this.specs, step, targetStep, dataHash, vocab, savedAt, lanes };
  }

  destroy(): void {
    this.program.destroy();
    this.evaluator.destroy();
    this.sampler.destroy();
    this.store.destroy();
  }

  /** Every tensor of an arena, one list a lane. */
  private async tensors(arena: string): Promise<readonly (readonly NamedTensor[])[]> {
    const values = await this.store.read(arena);
    return this.specs.map((_, lane) =>
      [...values].map(([name, lanes]) => ({
        name,
        shape: this.store.shapeOf(arena, name),
        data: lanes[lane] ?? new Float32Array(0),
      })),
    );
  }

  /** A program beside training, made when it is first wanted. */
  private side(plan: (spec: RunSpec, vocab: number, options: PlanOptions) => Plan): Side {
    const { spec, disabled } = this.cleared;
    const options = { caps: this.gpu.caps, ...this.options.plan, disabled, lanes: this.specs.length };
    return new Side(() => Program.create(this.store, plan(spec, this.dataset.vocab, options)));
  }

  private initialize(weights: TrainerOptions['weights']): void {
    for (const [lane, spec] of this.specs.entries()) {
      this.put(WEIGHTS, lane, weights?.[lane] ?? initialWeights(spec, this.dataset.vocab));
    }
  }

  private restore({ lanes, step }: Checkpoint): void {
    this.step = step;
    for (const [lane, state] of lanes.entries()) {
      this.put(WEIGHTS, lane, state.weights);
      this.put('m', lane, state.m);
      this.put('v', lane, state.v);
    }
  }

  private put(arena: string, lane: number, tensors: readonly NamedTensor[]): void {
    for (const { name, data } of tensors) this.store.write(arena, name, lane, data);
  }
}

/** What of the fast paths may be used: everything, when nobody keeps verdicts. */
async function clear({ gpu, specs, dataset, verdicts, plan, onProgress }: TrainerOptions): Promise<Cleared> {
  const spec = sharedSpec(specs);
  if (verdicts === undefined) return { spec, disabled: plan?.disabled ?? new Set(), verdicts: [] };
  return checkFastPaths(gpu, spec, dataset.vocab, verdicts, (done, total) => onProgress?.(done, total, 'check'));
}

/** A program that works beside training, how long its steps take, and where it is on its way to being made. */
class Side {
  readonly pace = new Pace();
  private readonly make: () => Promise<Program>;
  private made: Promise<Program> | undefined;

  constructor(make: () => Promise<Program>) {
    this.make = make;
  }

  /** The program; one that could not be made is tried again the next time. */
  program(): Promise<Program> {
    this.made ??= this.make();
    this.made.catch(() => (this.made = undefined));
    return this.made;
  }

  destroy(): void {
    void this.made?.then((program) => program.destroy()).catch(() => undefined);
  }
}

/** Runs `steps` steps and lets `pace` hear how long they took. */
async function timed<T>(pace: Pace, steps: number, run: () => Promise<T>): Promise<T> {
  const from = performance.now();
  const result = await run();
  pace.measured(steps, performance.now() - from);
  return result;
}

function batcherOf(data: RunSpec['data'], tokens: Tokens, vocab: number, order: RunSpec['data']['order'], seed: number): Batcher {
  return new Batcher({ tokens, vocab, context: data.context, batch: data.batch, order, seed });
}

/** One lane's part of a ring's place, `[L, ...]`. */
function lanePart<T extends Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(view: T, lane: number, lanes: number): T {
  const size = view.length / lanes;
  return view.subarray(lane * size, (lane + 1) * size) as T;
}
