import type { AdapterReport } from '../gpu/index.ts';
import { jsonLine } from '../spec/index.ts';
import type { AxisValue, RunResult, SpecPath, SweepGroup, SweepPlan, SweepRun } from '../spec/index.ts';
import { adapterName, adapterWords } from './adapter.ts';
import { bytes, count, duration, significant, table } from './format.ts';
import type { Io } from './io.ts';
import type { Progress } from './sweep-group.ts';

/** Between two lines of progress. */
const PROGRESS_MS = 5000;

export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** What `sweep --plan` prints. */
export function printPlan(plan: SweepPlan, ended: number, adapter: AdapterReport, io: Io): void {
  const rows = plan.groups.map(({ runs, steps, flops, bytes: size, ms, refusal }, i) => [
    count(i + 1),
    count(runs.length),
    count(steps),
    flopsWords(flops),
    refusal !== null ? 'too large' : size === null ? '' : bytes(size),
    ms === null ? '' : duration(ms),
    groupWords(runs),
  ]);
  const head = ['group', 'lanes', 'steps', 'arithmetic', 'memory', 'time', 'runs'];
  io.out(`${adapterWords(adapter)}\n`);
  io.out(table([head, ...rows], (column) => column < 6));
  for (const { refusal, runs } of plan.groups) if (refusal !== null) io.out(`too large: ${groupWords(runs)}: ${refusal}\n`);
  io.out(`${planWords(plan, ended)}\n`);
}

/** The same as one object. */
export function jsonPlan(plan: SweepPlan, ended: number, adapter: AdapterReport): string {
  const groups = plan.groups.map(({ runs, ...group }) => ({ ...group, runs: runs.map(({ id, values }) => ({ id, values })) }));
  return JSON.stringify({ ...plan, groups, ended, adapter: adapterName(adapter), software: adapter.software });
}

function planWords({ runs, groups, flops, peakBytes, ms }: SweepPlan, ended: number): string {
  const done = ended === 0 ? '' : `${count(ended)} runs are done; `;
  const memory = peakBytes === null ? '' : `, ${bytes(peakBytes)} at most`;
  const time = ms === null ? ', and nothing like it was timed here yet' : `, about ${duration(ms)}`;
  return `${done}${plural(runs, 'run')} in ${plural(groups.length, 'group')}: ${flopsWords(flops)}${memory}${runs === 0 ? '' : time}`;
}

/** What the runs of a group have in common and what they differ in, of what the sweep varies. */
function groupWords(runs: readonly SweepRun[]): string {
  const paths = Object.keys(runs[0]?.values ?? {}) as SpecPath[];
  return paths
    .map((path) => {
      const values = [...new Map(runs.map(({ values: { [path]: value } }) => [JSON.stringify(value), value])).values()];
      // Numbers, for in a group they stand from coarse to fine; other values stay as they are.
      const sorted = values.toSorted((a, b) => (typeof a === 'number' && typeof b === 'number' ? a - b : 0)).map(valueWords);
      const all = sorted.length <= 3 ? sorted.join(', ') : `${sorted[0]} ... ${sorted.at(-1)} (${sorted.length})`;
      return `${path} ${all}`;
    })
    .join(' · ');
}

function valueWords(value: AxisValue | undefined): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'number') return JSON.stringify(value);
  const short = Number(value.toPrecision(6));
  return Math.abs(short) < 1e6 ? String(short) : short.toExponential().replace('+', '');
}

/** What `sweep` says while it works: ended runs on stdout, everything else on stderr. */
export class SweepReport {
  private readonly io: Io;
  private readonly json: boolean;
  private readonly total: number;
  private ended: number;
  private saidAt = -Infinity;
  private group = '';

  constructor(io: Io, { json, total, ended }: { json: boolean; total: number; ended: number }) {
    this.io = io;
    this.json = json;
    this.total = total;
    this.ended = ended;
  }

  begin(plan: SweepPlan, adapter: AdapterReport): void {
    this.io.err(`${adapterWords(adapter)}\n${planWords(plan, this.ended)}\n`);
    if (!this.json && plan.runs > 0)
      this.io.out(`${['id', 'ended', 'steps', 'loss', 'validation', 'of'].map(cell).join('  ')}\n`);
  }

  beginGroup(index: number, of: number, { runs, steps }: SweepGroup): void {
    this.group = `group ${index + 1} of ${of}`;
    this.io.err(`${this.group}: ${plural(runs.length, 'lane')}, ${count(steps)} steps, ${groupWords(runs)}\n`);
    this.saidAt = performance.now();
  }

  steps({ step, steps, losses }: Progress, leftMsOf: () => number): void {
    if (performance.now() - this.saidAt < PROGRESS_MS) return;
    const leftMs = leftMsOf();
    this.saidAt = performance.now();
    const [low, high] = [Math.min(...losses), Math.max(...losses)];
    const loss = losses.length === 0 ? '' : `, loss ${low.toFixed(3)}${high > low ? ` to ${high.toFixed(3)}` : ''}`;
    const left = Number.isFinite(leftMs) ? `, about ${duration(leftMs)} left` : '';
    this.io.err(
      `${this.group}: step ${count(step)} of ${count(steps)}${loss}; ${this.ended} of ${this.total} runs done${left}\n`,
    );
  }

  end(result: RunResult): void {
    this.ended += 1;
    if (this.json) {
      this.io.out(`${jsonLine(result)}\n`);
      return;
    }
    const { id, status, steps, meanLoss, validation, values } = result;
    const of = Object.entries(values).map(([path, value]) => `${path} ${valueWords(value)}`);
    const cells = [id, status, count(steps), meanLoss.toFixed(4), validation?.toFixed(4) ?? ''];
    this.io.out(`${[...cells.map(cell), of.join(' · ')].join('  ')}\n`);
  }

  /** Another process is done with runs of this one's. */
  endedElsewhere(runs: number): void {
    this.ended += runs;
  }

  /** A run's lock was left by a process that is gone. */
  takenOver(id: string, holder: string): void {
    this.io.err(`${this.group}: run ${id} is taken over from ${holder}, which is gone\n`);
  }

  /** Runs of the group are being trained by somebody else. */
  leftTo(holder: string, runs: number): void {
    this.io.err(`${this.group}: ${plural(runs, 'run')} of it ${are(runs)} being trained by ${holder}, and left to that\n`);
  }

  /** Nothing else is left to do. */
  waits(runs: number, mostMs: number): void {
    const said = 'left to other processes: waiting until they end or are free';
    this.io.err(`${plural(runs, 'run')} ${are(runs)} ${said}, ${duration(mostMs)} at most\n`);
  }

  /** @param left runs that other processes train, and that have not ended. */
  finish(interrupted: boolean, left: number): void {
    const { ended, total, io } = this;
    const others = `done; ${plural(left, 'run')} ${are(left)} being trained by other processes: start the same command again when those are through`;
    const said = interrupted
      ? 'interrupted; what was trained is saved, and the same command goes on from it'
      : left === 0
        ? 'done'
        : others;
    io.err(`${ended} of ${plural(total, 'run')} ${said}\n`);
  }
}

function cell(text: string, i: number): string {
  const widths = [16, 8, 10, 10, 10];
  const width = widths[i];
  return width === undefined ? text : i < 2 ? text.padEnd(width) : text.padStart(width);
}

function are(number: number): string {
  return number === 1 ? 'is' : 'are';
}

function plural(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
}

/** `1.23e+12` as `1.23 TFLOP`. */
function flopsWords(flops: number): string {
  const units = ['FLOP', 'kFLOP', 'MFLOP', 'GFLOP', 'TFLOP', 'PFLOP', 'EFLOP'];
  const power = flops < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(flops) / 3));
  return `${significant(flops / 1000 ** power, 3)} ${units[power] ?? ''}`;
}
