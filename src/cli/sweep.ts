import { version } from '../../package.json';
import { DeviceError } from '../base/errors.ts';
import type { Dataset } from '../data/index.ts';
import { choicesOf } from '../engine/index.ts';
import type { Choices } from '../engine/index.ts';
import type { Gpu } from '../gpu/index.ts';
import {
  expandSweep,
  fullLanes,
  GROUP_BYTES,
  MAX_LANES,
  parseSweep,
  planSweep,
  runFlopsPerStep,
  shardRuns,
  StepRates,
  SWEEP_RECIPES,
  sweepFromHash,
  vocabSize,
} from '../spec/index.ts';
import type { RunResult, RunSpec, Sweep, SweepPlan, SweepRun } from '../spec/index.ts';
import { planTraining } from '../train/index.ts';
import type { KnownVerdicts } from '../train/index.ts';
import { adapterName, withGpu } from './adapter.ts';
import type { Command } from './command.ts';
import { loadDataset } from './data.ts';
import { readText } from './files.ts';
import { duration } from './format.ts';
import type { Io } from './io.ts';
import { RunLocks, SILENT_MS } from './run-locks.ts';
import { parseJson, specName } from './spec-file.ts';
import { SweepFolder } from './sweep-folder.ts';
import type { Environment } from './sweep-folder.ts';
import { SAVE_MS, trainGroup } from './sweep-group.ts';
import { jsonPlan, printPlan, SweepReport } from './sweep-report.ts';
import type { Shard } from './sweep-report.ts';
import { sourcesHash } from './verdict-file.ts';
import { fail, readWords, wholeNumber } from './words.ts';

const FLAGS = {
  shard: 'value',
  out: 'value',
  data: 'value',
  lanes: 'value',
  plan: 'switch',
  json: 'switch',
  'keep-checkpoints': 'switch',
} as const;
const MAX_SHARDS = 10_000;
/** `EX_TEMPFAIL` of sysexits.h: nothing is wrong, and the same command may do more later. */
const LEFT_TO_OTHERS = 75;
/** Between two looks at runs that others train. */
const LOOK_MS = 5000;
/** By then a lock whose holder was gone when the wait began has fallen silent. */
const PATIENCE_MS = SILENT_MS + LOOK_MS;

interface Request {
  readonly shard: Shard;
  readonly out: string | undefined;
  readonly data: string | undefined;
  readonly lanes: number;
  readonly plan: boolean;
  readonly json: boolean;
  readonly keepCheckpoints: boolean;
}

export const sweep: Command = {
  usage: 'sweep SWEEP.json [--shard I/N] [--out DIR] [--data FILE] [--lanes N] [--plan] [--json] [--keep-checkpoints]',
  summary: 'train the runs of a sweep, or a shard of them',
  help: `Trains the runs that a sweep describes, those of one shape together as lanes. A run gives the same bits in any group.

  SWEEP.json  the sweep: {"base":SPEC,"axes":[{"path":"optimizer.lr","values":{"log":[0.001,0.1],"count":5}}, ...]}, or a recipe such as
              "recipe":{"kind":"isoflop","budgets":[1e10,1e11],"sizes":[16,32,48],"seeds":2}; a link to a sweep; or - for stdin.
              Recipes: ${Object.keys(SWEEP_RECIPES).join(', ')}
  --shard     I/N trains the I-th of N parts, counted from 0: together all runs, each once, of about equal arithmetic
  --out       a folder with one folder a run, named by what the run computes: spec.json, environment.json, metrics.jsonl, and, once
              the run has ended, result.json. Run again, the command trains what has not ended, from where it stopped (a checkpoint
              every ${SAVE_MS / 1000} s). Folders of several sweeps or shards merge by copying; index.json is made of what is there
  --data      the file that "data":{"source":"file"} reads
  --lanes     most runs that train together, up to ${MAX_LANES}
  --plan      prints groups, memory and arithmetic, and trains nothing
  --json      an object a line for each run that ends, on stdout; progress is on stderr
  --keep-checkpoints  leaves the last state of a run that has ended; else only its figures are kept

A run whose loss or gradient is not finite is stopped, kept and marked as diverged; the others go on. Ctrl-C finishes the step, saves
and exits with status 130. A run that another process trains in the same folder is left to it, as ID.lock beside its folder says; a lock
whose process is gone is taken over. Where all else is done, the command waits for such runs, and takes up what is left of them. If all
of their processes still live after ${duration(PATIENCE_MS)}, the status is ${LEFT_TO_OTHERS}: start the command again.`,
  run: async (argv, io) => {
    const words = readWords(argv, FLAGS, ['SWEEP.json']);
    const lanes = words.value('lanes');
    const request: Request = {
      shard: shardOf(words.value('shard')),
      out: words.has('plan') ? words.value('out') : words.required('out', 'a folder for the runs'),
      data: words.value('data'),
      lanes: lanes === undefined ? MAX_LANES : wholeNumber('--lanes', lanes, { min: 1, max: MAX_LANES }),
      plan: words.has('plan'),
      json: words.has('json'),
      keepCheckpoints: words.has('keep-checkpoints'),
    };
    const parsed = await loadSweep(words.operands[0] ?? '-', io);
    const all = expandSweep(parsed);
    if (request.data !== undefined && !all.some(readsFile)) {
      fail({
        where: '--data',
        rule: 'no run of the sweep reads a file',
        cure: 'Leave --data out, or set data.source to "file".',
      });
    }
    const runs = shardRuns(all, request.shard.index, request.shard.count);
    return io.interruptible((signal) =>
      withGpu((gpu, verdicts, tunings) =>
        new Sweeping({ runs, request, gpu, io, signal }).run(verdicts, choicesOf(tunings.values())),
      ),
    );
  },
};

/** `3/8` is the fourth of eight. @throws UsageError */
function shardOf(text: string | undefined): Shard {
  if (text === undefined) return { index: 0, count: 1 };
  const [, index = '', count = ''] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  if (count === '') fail({ where: '--shard', rule: 'it is not a part of a whole', got: text, expected: 'I/N such as 0/8' });
  const parts = wholeNumber('--shard I/N: N', count, { min: 1, max: MAX_SHARDS });
  return { index: wholeNumber('--shard I/N: I, counted from 0', index, { min: 0, max: parts - 1 }), count: parts };
}

/** From a file, stdin or a link. @throws SpecError */
async function loadSweep(operand: string, io: Io): Promise<Sweep> {
  const hash = /(?:^|#)(sweep\d+\..*)$/.exec(operand)?.[1];
  if (hash !== undefined && !operand.endsWith('.json')) return sweepFromHash(hash);
  const text = operand === '-' ? await io.stdin() : readText(operand);
  return parseSweep(parseJson(text, specName(operand)));
}

function readsFile({ spec }: SweepRun): boolean {
  return spec.data.source === 'file';
}

interface Setting {
  readonly runs: readonly SweepRun[];
  readonly request: Request;
  readonly gpu: Gpu;
  readonly io: Io;
  readonly signal: AbortSignal;
}

/** What all groups have in common. */
interface Shared {
  readonly folder: SweepFolder;
  readonly locks: RunLocks;
  readonly report: SweepReport;
  readonly environment: Environment;
}

/** What is known of the device. */
interface Known {
  readonly verdicts: KnownVerdicts;
  readonly choices: Choices;
}

/** The runs of a shard on one device. */
class Sweeping {
  private readonly setting: Setting;
  private readonly rates = new StepRates();
  private readonly datasets = new Map<string, Promise<Dataset>>();

  constructor(setting: Setting) {
    this.setting = setting;
  }

  async run(verdicts: KnownVerdicts, choices: Choices): Promise<number> {
    const { runs, request, gpu, io, signal } = this.setting;
    const folder = request.out === undefined ? null : new SweepFolder(request.out, request);
    const ended = new Map<string, RunResult>();
    for (const run of runs) {
      if (folder === null) break;
      const result = request.plan ? folder.resultOf(run) : await this.resultOf(run, folder);
      if (result === null) continue;
      ended.set(run.id, result);
      // What another adapter took says nothing of this one.
      if (result.adapter === adapterName(gpu.report) && result.software === gpu.report.software)
        this.rates.measured(runFlopsPerStep(run.spec) * result.lanes, result.msPerStep);
    }
    const plan = this.plan(
      runs.filter(({ id }) => !ended.has(id)),
      choices,
    );
    if (request.plan || folder === null) {
      if (request.json) io.out(`${jsonPlan(plan, ended.size, gpu.report)}\n`);
      else printPlan(plan, ended.size, gpu.report, io);
      return 0;
    }
    const refused = plan.groups.find(({ refusal }) => refusal !== null);
    if (refused !== undefined) {
      const cure = 'Take that run out of the sweep, or make it smaller. Nothing was trained.';
      throw new DeviceError({ where: `run ${refused.id}`, rule: refused.refusal ?? 'it does not fit', cure });
    }
    folder.make();
    const report = new SweepReport(io, { json: request.json, total: runs.length, ended: ended.size });
    report.begin(plan, gpu.report);
    const environment = { build: version, sources: sourcesHash(), runtime: `node ${process.versions.node}`, adapter: gpu.report };
    const locks = new RunLocks(request.out ?? '');
    let left: readonly SweepRun[];
    try {
      left = await this.trainAll(plan, { folder, locks, report, environment }, { verdicts, choices });
    } finally {
      locks.close();
    }
    folder.writeIndex();
    report.finish(signal.aborted, left.length);
    if (signal.aborted) return Number(signal.reason);
    return left.length === 0 ? 0 : LEFT_TO_OTHERS;
  }

  private plan(runs: readonly SweepRun[], choices: Choices): SweepPlan {
    const { gpu, request } = this.setting;
    const { caps } = gpu;
    return planSweep(runs, {
      memory: (specs) => planTraining(specs, Math.max(...specs.map(vocabSize)), { caps, choices }).peakBytes,
      maxBytes: GROUP_BYTES,
      estimateMs: (flopsPerStep, steps) => this.rates.estimateMs(flopsPerStep, steps),
      maxLanes: request.lanes,
      fullLanes: fullLanes(caps.software),
    });
  }

  /** What came of a run; null where it has not ended. @throws SpecError where that was on other data than are at hand. */
  private async resultOf(run: SweepRun, folder: SweepFolder): Promise<RunResult | null> {
    const result = folder.resultOf(run);
    // What a file holds, the spec does not say.
    if (result !== null && readsFile(run)) folder.requireData(run, result, await this.dataset(run.spec));
    return result;
  }

  /**
   * Trains what is free, then what other processes let go of. The lock of one that died on another machine falls silent only after a
   * while, so it is waited for: a scheduler that starts a failed shard elsewhere, at once, would find nothing to do.
   *
   * @returns the runs that others still train.
   */
  private async trainAll(plan: SweepPlan, shared: Shared, known: Known): Promise<readonly SweepRun[]> {
    const { io, signal } = this.setting;
    const { locks, report } = shared;
    let left = await this.open(await this.train(plan, shared, known), shared);
    if (left.length > 0 && !signal.aborted) report.waits(left.length, PATIENCE_MS);
    let waitedMs = 0;
    while (left.length > 0 && waitedMs < PATIENCE_MS && !signal.aborted) {
      await io.wait(LOOK_MS, signal);
      waitedMs += LOOK_MS;
      left = await this.open(left, shared);
      const free = left.filter(({ id }) => !locks.isHeld(id));
      if (free.length === 0) continue;
      const again = await this.train(this.plan(free, known.choices), shared, known);
      left = await this.open([...left.filter((run) => !free.includes(run)), ...again], shared);
      waitedMs = 0;
    }
    return left;
  }

  /** Those of some runs of other processes that have not ended. */
  private async open(runs: readonly SweepRun[], { folder, report }: Shared): Promise<readonly SweepRun[]> {
    const open: SweepRun[] = [];
    for (const run of runs) if ((await this.resultOf(run, folder)) === null) open.push(run);
    report.endedElsewhere(runs.length - open.length);
    return open;
  }

  /** @returns the runs that were left to other processes. */
  private async train({ groups }: SweepPlan, shared: Shared, known: Known): Promise<readonly SweepRun[]> {
    const { gpu, io, signal } = this.setting;
    const { report, locks } = shared;
    const left: SweepRun[] = [];
    for (const [i, group] of groups.entries()) {
      const [first] = group.runs;
      if (first === undefined || signal.aborted) break;
      report.beginGroup(i, groups.length, group);
      const { mine, others } = await this.take(group.runs, shared);
      left.push(...others);
      if (mine.length === 0) continue;
      await trainGroup(
        {
          gpu,
          ...known,
          ...shared,
          signal,
          now: () => io.now(),
          onEnd: (result) => report.end(result),
          onSteps: (progress) => {
            this.rates.measured(group.flopsPerStep, progress.msPerStep);
            report.steps(progress, () => {
              const later = groups
                .slice(i + 1)
                .map(({ flopsPerStep, steps }) => this.rates.estimateMs(flopsPerStep, steps) ?? NaN);
              return later.reduce((sum, ms) => sum + ms, (progress.steps - progress.step) * progress.msPerStep);
            });
          },
        },
        mine,
        await this.dataset(first.spec),
      );
      for (const { id } of mine) locks.release(id);
    }
    return left;
  }

  /** Takes the runs that nobody else trains, and of which nobody has come to the end since the sweep was planned. */
  private async take(
    runs: readonly SweepRun[],
    { folder, locks, report }: Shared,
  ): Promise<{ readonly mine: readonly SweepRun[]; readonly others: readonly SweepRun[] }> {
    const mine: SweepRun[] = [];
    const others = new Map<string, SweepRun[]>();
    let ended = 0;
    for (const run of runs) {
      const taken = locks.take(run.id);
      if (taken.kind === 'held') {
        others.set(taken.by, [...(others.get(taken.by) ?? []), run]);
        continue;
      }
      if (taken.after !== null) report.takenOver(run.id, taken.after);
      if ((await this.resultOf(run, folder)) === null) mine.push(run);
      else {
        locks.release(run.id);
        ended += 1;
      }
    }
    report.endedElsewhere(ended);
    for (const [by, held] of others) report.leftTo(by, held.length);
    return { mine, others: [...others.values()].flat() };
  }

  /** The data of a spec; the last one is remembered, as neighbours mostly share it. */
  private async dataset(spec: RunSpec): Promise<Dataset> {
    const key = JSON.stringify({ ...spec.data, batch: 0, gradAccum: 0 });
    const known = this.datasets.get(key);
    if (known !== undefined) return known;
    this.datasets.clear();
    const { data } = this.setting.request;
    const loading = loadDataset(spec, spec.data.source === 'file' ? data : undefined);
    this.datasets.set(key, loading);
    return loading;
  }
}
