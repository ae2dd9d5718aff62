import { SpecError } from '../base/errors.ts';
import type { Probe } from '../base/probe.ts';
import { STREAM } from '../base/random.ts';
import type { Dataset } from '../data/index.ts';
import { keptBytes, Program, SCALES, Store } from '../engine/index.ts';
import type { Plan, PlanOptions } from '../engine/index.ts';
import type { Gpu } from '../gpu/device.ts';
import type { Graph } from '../graph/index.ts';
import { DELAYED_START } from '../numerics/index.ts';
import { HYPER } from '../ops/hyper.ts';
import { flopsPerToken } from '../spec/counts.ts';
import type { RunSpec } from '../spec/run-spec.ts';
import { totalSteps } from '../spec/steps.ts';
import { requireSameRun, STATE_ARENAS } from './checkpoint.ts';
import type { Checkpoint, LaneState, StateArena } from './checkpoint.ts';
import { checkFastPaths } from './fast-paths.ts';
import type { Cleared, KnownVerdicts } from './fast-paths.ts';
import { batcherOf, Feed, fillDraws, lanePart } from './feed.ts';
import { textTokens, WEIGHTS } from './graphs.ts';
import { Halted } from './halted.ts';
import { fillHyper } from './hyper.ts';
import { initialWeights, roundedWeights } from './init.ts';
import { Inspector } from './inspector.ts';
import type { NotFinite } from './not-finite.ts';
import { Pace } from './pace.ts';
import { bytesOf, choicesFor, planEvaluation, planProbe, planSampling, planTraining, sharedSpec } from './plans.ts';
import { probeGraph } from './probe-graph.ts';
import type { NamedTensor } from './safetensors.ts';
import { Side, timed } from './side.ts';

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
  /** `choices` are the tuner's: with others, sums have another order and the run other bits. */
  readonly plan?: Pick<PlanOptions, 'disabled' | 'variants' | 'choices' | 'slots'>;
  /**
   * Verdicts on this adapter's fast paths. When given, every path that the run would use is tried before it is used, unless its verdict
   * is here; new ones are added.
   */
  readonly verdicts?: KnownVerdicts;
  /** Hears of pipelines as they are compiled, and of fast paths as they are checked. */
  readonly onProgress?: (done: number, total: number, task: 'compile' | 'check') => void;
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
  private readonly feed: Feed;
  private readonly halted = new Halted();
  private readonly pace = new Pace();
  private readonly evaluator: Side;
  private readonly sampler: Side;
  private readonly inspector: Inspector;

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
    this.feed = new Feed(this.specs, this.dataset);
    this.inspector = new Inspector({
      spec: cleared.spec,
      vocab: this.dataset.vocab,
      lanes: this.specs.length,
      microBatches: plan.microBatches,
      side: (graph) => this.side((spec, vocab, sidePlan) => planProbe(graph(spec, vocab), sidePlan), graph),
      fill: (beside, step, index) => {
        this.fillHyper(beside, 0, step);
        this.feed.fill(beside, 0, index);
      },
      step: () => this.step,
      haltedAt: (lane) => this.halted.steps.get(lane),
    });
  }

  /**
   * Plans, allocates, compiles and puts the first weights in place.
   *
   * @throws SpecError for lanes that cannot share a program or a checkpoint of another run; KernelError, DeviceError.
   */
  static async create(given: TrainerOptions): Promise<Trainer> {
    const { gpu, specs, dataset, checkpoint, onProgress } = given;
    if (checkpoint !== undefined) requireSameRun(checkpoint, specs, dataset);
    // A run goes on with the variants that it began with, whatever was measured since.
    const options =
      checkpoint === undefined ? given : { ...given, plan: { ...given.plan, choices: new Map(checkpoint.choices) } };
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
    this.halted.watch(metrics, lanes);
    return metrics;
  }

  private fillStep(i: number, step: number, metrics: StepMetrics): void {
    const { program, specs, feed, plan } = this;
    const { microBatches } = plan;
    metrics.learningRate.set(this.fillHyper(program, i, step), i * specs.length);
    for (let micro = 0; micro < microBatches; micro++) {
      const slot = i * microBatches + micro;
      feed.fill(program, slot, (step - 1) * microBatches + micro);
      if (microBatches === 1) continue;
      for (const lane of specs.keys())
        lanePart(program.floats('micro', slot), lane, specs.length).set([micro === 0 ? 1 : 0, 1 / microBatches]);
    }
    metrics.epochs[i] = feed.epochs(step * microBatches);
  }

  /** Puts the scalars of step `step`, from 1, into place `i`, and gives each lane's learning rate. */
  private fillHyper(program: Program, i: number, step: number): readonly number[] {
    const hyper = program.floats('hyper', i);
    return this.specs.map((spec, lane) => {
      const own = lanePart(hyper, lane, this.specs.length);
      fillHyper(own, spec, step, this.scheduleSteps[lane] ?? 0);
      return own[HYPER.lr] ?? NaN;
    });
  }

  /**
   * Mean nll per token of each lane over `eval.batches` batches spread evenly over a held-out part, the same in every run; over all of a
   * part that is shorter. NaN for a lane that has halted; null when the data has no such part.
   */
  async evaluate(split: 'validation' | 'ood'): Promise<Float64Array<ArrayBuffer> | null> {
    const part = this.dataset[split];
    const spec = sharedSpec(this.specs);
    if (part === null) return null;
    const { vocab } = this.dataset;
    const program = await this.evaluator.program();
    const batcher = batcherOf(spec.data, part, vocab, 'sequential', 0);
    const all = Math.max(1, Math.floor(batcher.windows / spec.data.batch));
    const batches = Math.min(spec.eval.batches, all);
    const lanes = this.specs.length;
    const sums = new Float64Array(lanes);
    for (let done = 0; done < batches;) {
      const k = this.evaluator.pace.next(Math.min(program.plan.slots, batches - done));
      await program.free();
      for (let i = 0; i < k; i++) {
        const index = Math.floor(((done + i) * all) / batches);
        const [tokens, targets, hyper] = [program.words('tokens', i), program.words('targets', i), program.floats('hyper', i)];
        for (let lane = 0; lane < lanes; lane++) {
          batcher.fill(index, lanePart(tokens, lane, lanes), lanePart(targets, lane, lanes));
          lanePart(hyper, lane, lanes).fill(0);
        }
        fillDraws(program, i, this.specs, done + i);
      }
      const reading = await timed(this.evaluator.pace, k, () => program.run(k));
      for (let i = 0; i < k; i++) reading.get('loss', i).forEach((loss, lane) => void (sums[lane] = (sums[lane] ?? 0) + loss));
      done += k;
    }
    return sums.map((sum, lane) => (this.halted.steps.has(lane) ? NaN : sum / batches));
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
    return this.inspector.probe(whatIf);
  }

  /**
   * Where the NaN or infinity of a lane began: at step `step`, from 1, the first whose loss or gradient norm was not finite. Extra passes
   * on the batches of that step, with the weights that a lane has kept since its gradients were not finite; changes no bit of the run.
   *
   * @throws KernelError, DeviceError.
   */
  firstNotFinite(step: number, lane = 0): Promise<NotFinite> {
    return this.inspector.firstNotFinite(step, lane);
  }

  /** GPU bytes that probes of these formats take beside the plan's `peakBytes`, from the first one on. */
  probeBytes(whatIf: readonly string[]): number {
    const options = { caps: this.gpu.caps, ...this.options.plan, disabled: this.cleared.disabled, lanes: this.specs.length };
    const { peakBytes, arenas } = planProbe(probeGraph(this.cleared.spec, this.dataset.vocab, whatIf).graph, options);
    return peakBytes - bytesOf(arenas);
  }

  /** Those of the tuner's choices that the run comes by: what a checkpoint of it says. */
  get choices(): Checkpoint['choices'] {
    return choicesFor(this.cleared.spec, this.dataset.vocab, this.options.plan?.choices ?? new Map());
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
    return { runId, specs: this.specs, step, targetStep, dataHash, vocab, savedAt, lanes, choices: this.choices };
  }

  destroy(): void {
    this.program.destroy();
    this.evaluator.destroy();
    this.sampler.destroy();
    this.inspector.destroy();
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
  private side(
    plan: (spec: RunSpec, vocab: number, options: PlanOptions) => Plan,
    unproven?: (spec: RunSpec, vocab: number) => Graph,
  ): Side {
    const { cleared, gpu, store, dataset, specs, options } = this;
    return new Side(async () => {
      const { verdicts } = options;
      const tried =
        unproven === undefined || verdicts === undefined
          ? cleared
          : await checkFastPaths(gpu, cleared.spec, dataset.vocab, {
              known: verdicts,
              disabled: cleared.disabled,
              choices: options.plan?.choices,
              graphs: [unproven],
            });
      const planOptions = { caps: gpu.caps, ...options.plan, disabled: tried.disabled, lanes: specs.length };
      return Program.create(store, plan(tried.spec, dataset.vocab, planOptions));
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
      this.halted.restore(lane, step, state.m);
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
  const disabled = plan?.disabled;
  if (verdicts === undefined) return { spec, disabled: disabled ?? new Set(), verdicts: [] };
  const choices = plan?.choices;
  return checkFastPaths(gpu, spec, dataset.vocab, {
    known: verdicts,
    disabled,
    choices,
    onProgress: (done, total) => onProgress?.(done, total, 'check'),
  });
}
