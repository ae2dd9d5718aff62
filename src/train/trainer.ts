import { SpecError } from '../base/errors.ts';
import type { Probe } from '../base/probe.ts';
import { STREAM } from '../base/random.ts';
import { Batcher, tokenOrder } from '../data/index.ts';
import type { Dataset, Tokens } from '../data/index.ts';
import { DRAW, keptBytes, planProgram, Program, SCALES, Store } from '../engine/index.ts';
import type { Arena, Plan, PlanOptions } from '../engine/index.ts';
import type { Gpu } from '../gpu/device.ts';
import type { Graph } from '../graph/index.ts';
import { DELAYED_START } from '../numerics/index.ts';
import { canShareProgram, differingPaths, fieldAt } from '../spec/schema.ts';
import { totalSteps } from '../spec/steps.ts';
import { flopsPerToken } from '../spec/counts.ts';
import type { RunSpec } from '../spec/run-spec.ts';
import { requireSameRun, STATE_ARENAS } from './checkpoint.ts';
import type { Checkpoint, LaneState, StateArena } from './checkpoint.ts';
import { ACCUMULATED, evaluationGraph, samplingGraph, textTokens, trainingGraph, WEIGHTS } from './graphs.ts';
import { fillHyper } from './hyper.ts';
import { initialWeights, roundedWeights } from './init.ts';
import { checkFastPaths } from './fast-paths.ts';
import type { Cleared, KnownVerdicts } from './fast-paths.ts';
import { Pace } from './pace.ts';
import { firstNotFinite, lanesOf, Prober, readProbe } from './probe.ts';
import type { LaneFigures, NotFinite } from './probe.ts';
import { probeGraph } from './probe-graph.ts';
import type { ProbeLayout } from './probe-graph.ts';
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

/** Dispatches of a probe in one submit: it has thousands. */
const PROBE_DISPATCHES = 64;

function planProbe(graph: Graph, options: PlanOptions): Plan {
  return planProgram(graph, { ...options, slots: 1 });
}

type GraphOf = (spec: RunSpec, vocab: number) => Graph;
type LaneReader<T> = (layout: ProbeLayout, figures: LaneFigures, lane: number, step: number) => T;

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
  private readonly prober: Prober<Side>;

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
    this.prober = new Prober((graph) => this.side((spec, vocab, plan) => planProbe(graph(spec, vocab), plan), graph));
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

  /** GPU bytes: of everything at the peak, and of what a step keeps for its backward pass, for one lane. */
  get memory(): { readonly peakBytes: number; readonly keptBytes: number } {
    return { peakBytes: this.plan.peakBytes, keptBytes: keptBytes(this.plan) / this.specs.length };
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
      this.fillBatch(program, slot, (step - 1) * microBatches + micro);
      if (microBatches === 1) continue;
      for (const lane of specs.keys())
        lanePart(program.floats('micro', slot), lane, specs.length).set([micro === 0 ? 1 : 0, 1 / microBatches]);
    }
    metrics.epochs[i] = batchers[0]?.epochs(step * microBatches) ?? 0;
  }

  /** Puts the run's batch `index` into place `slot` of a program that trains on it. */
  private fillBatch(program: Program, slot: number, index: number): void {
    const { specs, batchers } = this;
    fillDraws(program, slot, specs, index);
    for (const [lane, batcher] of batchers.entries()) {
      const part = (name: string): Uint32Array<ArrayBuffer> => lanePart(program.words(name, slot), lane, specs.length);
      const tokens = part('tokens');
      batcher.fill(index, tokens, part('targets'));
      tokenOrder(tokens, this.dataset.vocab, part('order'), part('starts'));
    }
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
        fillDraws(program, i, this.specs, done + i);
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
        fillDraws(program, i, this.specs, cursor + i);
      }
      await timed(this.sampler.pace, k, () => program.run(k));
      cursor += k;
    }
    const written = (await this.store.read('text')).get('text')?.[0] ?? new Float32Array(0);
    const ids = new Uint32Array(written.buffer, written.byteOffset, end);
    return tokenizer.decode(ids.slice(start.length));
  }

  /**
   * What the tensors of each lane are like: an extra forward and backward pass on the first micro-batch of the next step, which changes no
   * bit of the run.
   *
   * @param whatIf formats whose casts are measured beside the run's (see `probeGraph`).
   * @throws SpecError for a format that does not exist; KernelError, DeviceError.
   */
  probe(whatIf: readonly string[]): Promise<readonly Probe[]> {
    return this.inspect(whatIf, readProbe);
  }

  /** The first tensor of each lane that is not finite, as {@link probe} sees it; null where all are finite. */
  firstNotFinite(): Promise<readonly (NotFinite | null)[]> {
    return this.inspect([], (layout, figures, _, step) => {
      const tensor = firstNotFinite(layout, figures);
      return tensor === null ? null : { tensor, step };
    });
  }

  /** GPU bytes that probes of these formats take beside the plan's `peakBytes`, from the first one on. */
  probeBytes(whatIf: readonly string[]): number {
    const options = { caps: this.gpu.caps, ...this.options.plan, disabled: this.cleared.disabled, lanes: this.specs.length };
    const { peakBytes, arenas } = planProbe(probeGraph(this.cleared.spec, this.dataset.vocab, whatIf).graph, options);
    return peakBytes - bytesOf(arenas);
  }

  private async inspect<T>(whatIf: readonly string[], read: LaneReader<T>): Promise<readonly T[]> {
    const { specs, dataset, plan, scheduleSteps } = this;
    const { program: side, layout } = this.prober.for(this.cleared.spec, dataset.vocab, whatIf);
    const program = await side.program();
    await program.free();
    const { step } = this;
    for (const [lane, spec] of specs.entries())
      fillHyper(lanePart(program.floats('hyper', 0), lane, specs.length), spec, step + 1, scheduleSteps[lane] ?? 0);
    this.fillBatch(program, 0, step * plan.microBatches);
    const reading = await program.run(1, 1, PROBE_DISPATCHES);
    return lanesOf((name) => reading.get(name, 0), specs.length).map((figures, lane) => read(layout, figures, lane, step));
  }

  /** The run as it is after every step submitted so far. */
  async snapshot(runId: string, targetStep: number, savedAt: number): Promise<Checkpoint> {
    const { step } = this;
    const arenas = await Promise.all(STATE_ARENAS.map((arena) => this.tensors(arena)));
    const lanes = this.specs.map((_, lane): LaneState => {
      const of = (arena: StateArena): readonly NamedTensor[] => arenas[STATE_ARENAS.indexOf(arena)]?.[lane] ?? [];
      return { weights: of('weights'), m: of('m'), v: of('v'), scales: of('scales'), amaxHistory: of('amaxHistory') };
    });
    const { contentHash: dataHash, vocab } = this.dataset;
    return { runId, specs: this.specs, step, targetStep, dataHash, vocab, savedAt, lanes };
  }

  destroy(): void {
    this.program.destroy();
    this.evaluator.destroy();
    this.sampler.destroy();
    this.prober.destroy();
    this.store.destroy();
  }

  /** Every tensor of an arena, one list a lane; none where the run has no such arena. */
  private async tensors(arena: string): Promise<readonly (readonly NamedTensor[])[]> {
    if (!this.plan.arenas.some(({ name }) => name === arena)) return [];
    const values = await this.store.read(arena);
    return this.specs.map((_, lane) =>
      [...values].map(([name, lanes]) => ({
        name,
        shape: this.store.shapeOf(arena, name),
        data: lanes[lane] ?? new Float32Array(0),
      })),
    );
  }

  /** A program beside training, made when it is first wanted, after the fast paths of `unproven` were tried. */
  private side(plan: (spec: RunSpec, vocab: number, options: PlanOptions) => Plan, unproven?: GraphOf): Side {
    const { cleared, gpu, store, dataset, specs, options } = this;
    return new Side(async () => {
      const { verdicts } = options;
      const tried =
        unproven === undefined || verdicts === undefined
          ? cleared
          : await checkFastPaths(gpu, cleared.spec, dataset.vocab, verdicts, undefined, [unproven]);
      const disabled = new Set([...cleared.disabled, ...tried.disabled]);
      const planOptions = { caps: gpu.caps, ...options.plan, disabled, lanes: specs.length };
      return Program.create(store, plan(cleared.spec, dataset.vocab, planOptions));
    });
  }

  private initialize(weights: TrainerOptions['weights']): void {
    for (const [lane, spec] of this.specs.entries()) {
      this.put(WEIGHTS, lane, roundedWeights(weights?.[lane] ?? initialWeights(spec, this.dataset.vocab), spec));
      for (const name of this.plan.arenas.find((arena) => arena.name === SCALES)?.names ?? []) {
        this.store.write(SCALES, name, lane, Float32Array.of(DELAYED_START.scale));
      }
    }
  }

  private restore({ lanes, step }: Checkpoint): void {
    this.step = step;
    for (const [lane, state] of lanes.entries()) {
      for (const arena of STATE_ARENAS) {
        const expected = this.plan.arenas.find(({ name }) => name === arena)?.names ?? [];
        const names = state[arena].map(({ name }) => name);
        if (names.join() !== expected.join()) {
          const rule = `arena ${arena} has other tensors than the run`;
          throw new SpecError({ where: 'checkpoint', rule, got: names.join(' '), expected: expected.join(' ') });
        }
        this.put(arena, lane, state[arena]);
      }
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

/** What stochastic rounding draws from in place `slot`, where the program has any: the lane's seed, and `counter`. */
function fillDraws(program: Program, slot: number, specs: readonly RunSpec[], counter: number): void {
  if (!program.plan.rings.some(({ name }) => name === DRAW)) return;
  const draws = program.words(DRAW, slot);
  for (const [lane, { seed }] of specs.entries()) lanePart(draws, lane, specs.length).set([seed.data, counter]);
}

/** One lane's part of a ring's place, `[L, ...]`. */
function lanePart<T extends Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(view: T, lane: number, lanes: number): T {
  const size = view.length / lanes;
  return view.subarray(lane * size, (lane + 1) * size) as T;
}
