import { ProtocolError, type DeviceError, type IsoflopError } from '../base/errors.ts';
import type { Dataset } from '../data/index.ts';
import type { Gpu } from '../gpu/index.ts';
import { parameterCount, tokensPerStep, type RunSpec } from '../spec/index.ts';
import { Trainer, type KnownVerdicts, type StepMetrics, type TrainerOptions } from '../train/index.ts';
import { Arm, inArm, type ArmTrainer } from './comparison-arm.ts';
import { commonSteps, laneSpecs, requireFormats, requirePaired } from './comparison-check.ts';
import { Herald } from './herald.ts';
import type { ArmState, Command, ComparisonReport, ComparisonState, LaneEnd } from './protocol.ts';
import { dataReport } from './reports.ts';
import type { SessionPorts } from './session.ts';
import { requireStartable } from './start-check.ts';
import { Bell } from './wake.ts';

export interface ComparisonPorts extends Pick<SessionPorts, 'emit' | 'gpu' | 'library' | 'figures' | 'now' | 'sleep' | 'plan'> {
  /** Makes an arm's trainer; left out: {@link Trainer.create}. */
  readonly createTrainer?: (options: TrainerOptions) => Promise<ArmTrainer>;
}

type ComparisonCommand = 'comparePause' | 'compareResume' | 'compareStop';

/** What each command makes of a state; one that is not listed is illegal there. */
const TABLE: { readonly [S in ComparisonState]: { readonly [C in ComparisonCommand]?: ComparisonState } } = {
  preparing: { compareStop: 'stopped' },
  running: { comparePause: 'paused', compareStop: 'stopped' },
  paused: { compareResume: 'running', compareStop: 'stopped' },
  finished: {},
  stopped: {},
  failed: {},
};

/** Longest that one arm trains before the next has its turn. */
const TURN_MS = 100;
/** Between two words on an arm's time per step. */
const COST_MS = 500;
/** How long a failed call waits to hear that the device was lost. */
const LOSS_NEWS_MS = 200;
const SPLITS = ['validation', 'ood'] as const;

/**
 * Several arms on one device, each a trainer whose lanes are its seeds. They take turns, the one with the fewest steps next, so that their
 * curves grow together and what slows the machine down slows all of them. A lost device ends it: what was measured is with the page.
 */
export class Comparison {
  readonly runId: string;
  private readonly options: Extract<Command, { type: 'compare' }>;
  private readonly ports: ComparisonPorts;
  private readonly herald: Herald;
  private readonly bell = new Bell();
  private readonly abort = new AbortController();
  private readonly arms: Arm[] = [];
  private readonly costSaidAt = new Map<Arm, number>();
  private current: ComparisonState = 'preparing';
  private totalSteps = 0;
  private gpu: Gpu | null = null;
  private raised: { readonly error: unknown } | null = null;
  private over: Promise<unknown> = Promise.resolve();

  constructor(command: Extract<Command, { type: 'compare' }>, ports: ComparisonPorts) {
    requirePaired(command.arms);
    requireFormats(command.whatIf);
    this.runId = command.runId;
    this.options = command;
    this.ports = ports;
    this.herald = new Herald(command.runId, ports.emit, ports.now);
  }

  get state(): ComparisonState {
    return this.current;
  }

  /** True where it has the GPU, or will. */
  get active(): boolean {
    return this.current === 'preparing' || this.current === 'running' || this.current === 'paused';
  }

  /** Loads the data and builds every arm. It then waits for {@link begin}. @throws whatever keeps it from starting; all is freed then. */
  prepare(): Promise<ComparisonReport> {
    const report = this.prepareOnce();
    this.over = report.catch(() => undefined);
    return report;
  }

  begin(): void {
    if (this.current !== 'preparing') return;
    this.current = 'running';
    this.sayState();
    this.over = this.live();
  }

  async pause(): Promise<void> {
    this.obey('comparePause');
    await this.quiet();
    if (this.state === 'paused') this.sayState();
  }

  resume(): void {
    this.obey('compareResume');
    this.sayState();
  }

  /** Ends it and frees its memory. */
  async stop(): Promise<void> {
    this.obey('compareStop');
    this.abort.abort(new ProtocolError({ where: `comparison ${this.runId}`, rule: 'it was stopped before its first step' }));
    await this.quiet();
    this.sayState();
    await this.over;
  }

  /** The GPU refused something that nothing awaited. */
  gpuError(error: IsoflopError): void {
    this.raise(error);
  }

  // Building.

  private async prepareOnce(): Promise<ComparisonReport> {
    const { ports, herald, options } = this;
    const [first] = options.arms;
    if (first === undefined) throw new TypeError('a comparison without arms');
    this.sayState();
    try {
      const arms = options.arms.map(({ name, spec }) => ({ name, specs: laneSpecs(spec, options.seeds) }));
      herald.progress('data', 0, 0);
      const { dataset } = await ports.library.open(first.spec.data, {
        signal: this.abort.signal,
        onTokenizer: (share) => herald.progress('tokenizer', Math.round(100 * share), 100),
      });
      this.totalSteps = commonSteps(options.arms, dataset.vocab);
      const gpu = await ports.gpu();
      this.gpu = gpu;
      // What can be refused of any arm is refused before the first is built.
      const plan = { caps: gpu.caps, ...ports.plan };
      for (const { name, specs } of arms) {
        try {
          requireStartable({ specs, dataset, checkpoint: null, plan });
        } catch (error) {
          throw inArm(error, name, null);
        }
      }
      await this.build(gpu, dataset, arms);
      void gpu.lost.then((error) => this.raise(error));
      return {
        data: dataReport(dataset),
        totalSteps: this.totalSteps,
        tokensPerStep: tokensPerStep(first.spec),
        parameters: parameterCount(first.spec, dataset.vocab).total,
        lanes: options.seeds,
        arms: this.arms.map((arm) => arm.report()),
      };
    } catch (error) {
      this.free();
      if (this.state === 'preparing') {
        this.current = 'failed';
        this.sayState();
      }
      throw error;
    }
  }

  private async build(gpu: Gpu, dataset: Dataset, arms: readonly { name: string; specs: readonly RunSpec[] }[]): Promise<void> {
    const { ports, herald } = this;
    await ports.figures.load(gpu.report);
    const verdicts: KnownVerdicts = ports.figures.passed(gpu.report);
    // One choice of kernels for all of them, whatever is cleared while they are built.
    const choices = ports.figures.tunings.choices(gpu.report);
    const create = ports.createTrainer ?? ((options: TrainerOptions): Promise<ArmTrainer> => Trainer.create(options));
    for (const [index, { name, specs }] of arms.entries()) {
      this.abort.signal.throwIfAborted();
      try {
        const trainer = await create({
          gpu,
          specs,
          dataset,
          plan: { ...ports.plan, choices },
          verdicts,
          onProgress: (done, total, task) => herald.progress(task, done, total),
        });
        this.arms.push(
          new Arm({
            name,
            specs,
            trainer,
            totalSteps: this.totalSteps,
            now: ports.now,
            onMetrics: (metrics) => this.sayMetrics(index, metrics),
            onState: () => this.sayArm(index),
          }),
        );
      } catch (error) {
        throw inArm((await this.lossOf(gpu, 0)) ?? error, name, null);
      }
      this.sayArm(index);
    }
    this.abort.signal.throwIfAborted();
    void ports.figures.keepVerdicts(gpu.report, verdicts);
  }

  // Living.

  private async live(): Promise<void> {
    while (this.active) {
      const arm = this.next();
      try {
        if (this.raised !== null) throw this.raised.error;
        if (this.state === 'paused') await this.bell.wait();
        else if (arm === undefined) this.finish();
        else await this.turn(arm);
      } catch (error) {
        await this.fail(error, arm);
      }
    }
    this.free();
  }

  /** The arm with the fewest steps, the first of them. */
  private next(): Arm | undefined {
    const going = this.arms.filter(({ state }) => state === 'ready');
    const least = Math.min(...going.map(({ step }) => step));
    return going.find(({ step }) => step === least);
  }

  private async turn(arm: Arm): Promise<void> {
    if (arm.step < this.totalSteps) {
      await this.probeIfDue(arm);
      await arm.train(this.boundaryAfter(arm.step), TURN_MS, () => this.state === 'running' && this.raised === null);
      await arm.explain();
      this.sayCost(arm, false);
    }
    if (arm.step < this.totalSteps || arm.state !== 'ready' || this.state !== 'running') {
      if (arm.state === 'diverged') arm.free();
      return;
    }
    await this.probeIfDue(arm);
    await this.evaluate(arm);
    // Stopped meanwhile: what it is then was said already.
    if (!this.active) return;
    this.sayCost(arm, true);
    arm.end('done');
    arm.free();
  }

  /** The step at which something else than training is next due. */
  private boundaryAfter(step: number): number {
    const { probeEvery } = this.options;
    return probeEvery === 0 ? this.totalSteps : Math.min(this.totalSteps, step + probeEvery - (step % probeEvery));
  }

  private async probeIfDue(arm: Arm): Promise<void> {
    const { probeEvery, whatIf } = this.options;
    const { step, trainer } = arm;
    if (probeEvery === 0 || trainer.probe === undefined || arm.probedAt === step) return;
    if (step % probeEvery !== 0 && step !== this.totalSteps) return;
    arm.probedAt = step;
    const probes = await trainer.probe(whatIf);
    this.ports.emit({ type: 'armProbe', runId: this.runId, arm: this.arms.indexOf(arm), probes });
  }

  private async evaluate(arm: Arm): Promise<void> {
    for (const split of SPLITS) {
      if (!this.active) return;
      const lossNats = await arm.trainer.evaluate(split);
      if (lossNats === null) continue;
      const place = this.arms.indexOf(arm);
      this.ports.emit({ type: 'armEval', runId: this.runId, arm: place, step: arm.step, split, lossNats }, [lossNats.buffer]);
    }
  }

  private finish(): void {
    this.current = 'finished';
    this.sayState();
  }

  private async fail(error: unknown, arm: Arm | undefined): Promise<void> {
    await this.quiet();
    const lost = this.gpu === null ? null : await this.lossOf(this.gpu, LOSS_NEWS_MS);
    if (!this.active) return;
    this.current = 'failed';
    this.free();
    this.herald.fault(arm === undefined ? (lost ?? error) : inArm(lost ?? error, arm.name, arm.step), false);
    this.sayState();
  }

  private lossOf(gpu: Gpu, withinMs: number): Promise<DeviceError | null> {
    return Promise.race([gpu.lost, this.ports.sleep(withinMs).then(() => null)]);
  }

  private raise(error: unknown): void {
    this.raised ??= { error };
    this.bell.ring();
  }

  private free(): void {
    for (const arm of this.arms) arm.free();
  }

  /** Waits for what is under way; what goes wrong with it is met in {@link live}. */
  private async quiet(): Promise<void> {
    await Promise.all(this.arms.map((arm) => arm.drain().catch(() => undefined)));
  }

  private obey(command: ComparisonCommand): void {
    const next = TABLE[this.current][command];
    if (next === undefined) {
      throw new ProtocolError({
        where: `comparison ${this.runId}`,
        rule: `"${command}" is not possible while it is ${this.current}`,
        ...(this.active ? { expected: Object.keys(TABLE[this.current]).join(', ') } : { cure: 'Start a new one.' }),
      });
    }
    this.current = next;
    this.bell.ring();
  }

  // Saying.

  private sayState(): void {
    const going = this.arms.filter(({ state }) => state !== 'diverged');
    const step = Math.min(this.totalSteps, ...going.map((arm) => arm.step));
    this.ports.emit({
      type: 'comparisonState',
      runId: this.runId,
      state: this.current,
      step: this.arms.length === 0 ? 0 : step,
      totalSteps: this.totalSteps,
    });
  }

  private sayArm(index: number): void {
    const arm = this.arms[index];
    const [state, step, diverged]: [ArmState, number, readonly LaneEnd[]] =
      arm === undefined ? ['waiting', 0, []] : [arm.state, arm.step, [...arm.diverged]];
    this.ports.emit({ type: 'armState', runId: this.runId, arm: index, state, step, diverged });
  }

  private sayMetrics(arm: number, { firstStep, lossNats, gradNorm, learningRate, epochs }: StepMetrics): void {
    const lanes = this.options.seeds;
    const arrays = [lossNats.buffer, gradNorm.buffer, learningRate.buffer, epochs.buffer];
    const { runId } = this;
    this.ports.emit({ type: 'armMetrics', runId, arm, firstStep, lanes, lossNats, gradNorm, learningRate, epochs }, arrays);
  }

  private sayCost(arm: Arm, last: boolean): void {
    const times = arm.times();
    const now = this.ports.now();
    if (times === null || (!last && now - (this.costSaidAt.get(arm) ?? -Infinity) < COST_MS)) return;
    this.costSaidAt.set(arm, now);
    this.ports.emit({ type: 'armCost', runId: this.runId, arm: this.arms.indexOf(arm), ...times });
  }
}
