import { choicesOf } from '../engine/index.ts';
import type { Tuned } from '../engine/index.ts';
import type { Gpu } from '../gpu/index.ts';
import { measureKernels, type KernelRow, type KernelsReport, type Spread } from '../measure/index.ts';
import type { RunSpec } from '../spec/index.ts';
import { tuneTraining } from '../train/index.ts';
import type { KnownVerdicts } from '../train/index.ts';
import { adapterName, adapterWords, withGpu } from './adapter.ts';
import { significant, table } from './format.ts';
import type { Io } from './io.ts';
import { cachePath, keepTunings } from './verdict-file.ts';

export interface KernelsRequest {
  readonly specs: readonly RunSpec[];
  readonly vocabOf: (spec: RunSpec) => Promise<number>;
  /** The tuner measures anew, and what it chooses is kept. */
  readonly tune: boolean;
  readonly json: boolean;
}

/** Times the kernels of each spec's step and prints them; stopped, it prints and keeps what was done by then. */
export async function benchKernels(request: KernelsRequest, io: Io): Promise<number> {
  return io.interruptible((signal) =>
    withGpu(async (gpu, verdicts, tunings) => {
      const { report: adapter } = gpu;
      if (!request.json) io.out(`${adapterWords(adapter)}\n`);
      const steps: object[] = [];
      const path = cachePath('tuned', adapter);
      let choices = choicesOf(tunings.values());
      let status = 0;
      try {
        for (const spec of request.specs) {
          signal.throwIfAborted();
          const vocab = await request.vocabOf(spec);
          const name = spec.name === '' ? 'run' : spec.name;
          const tuned = request.tune ? await tuneSpec({ gpu, spec, vocab, verdicts, path, signal, name }, io) : [];
          choices = new Map([...choices, ...choicesOf(tuned)]);
          if (!request.json && request.tune) io.out(`\n${name}: ${tuningText(tuned)}`);
          const onProgress = (done: number, total: number, what: string): void => said(io, `${name}: ${what}`, done, total);
          const report = await measureKernels(gpu, spec, { vocab }, { verdicts, choices, signal, onProgress });
          if (!request.json) io.out(`\n${kernelsText(name, report)}`);
          const rows = report.rows.map(({ variants, ...row }) => ({
            ...row,
            others: variants.slice(1).map(({ variant }) => variant),
          }));
          steps.push({ name: spec.name, limits: report.limits, clock: report.clock, rows, tuned });
        }
      } catch (error) {
        if (!signal.aborted) throw error;
        status = Number(signal.reason);
      }
      const { software } = adapter;
      if (request.json) io.out(`${JSON.stringify({ adapter: adapterName(adapter), software, steps }, null, 2)}\n`);
      return status;
    }),
  );
}

interface Tuning {
  readonly gpu: Gpu;
  readonly spec: RunSpec;
  readonly vocab: number;
  readonly verdicts: KnownVerdicts;
  /** The file that keeps results. */
  readonly path: string;
  readonly signal: AbortSignal;
  readonly name: string;
}

/** Keeps the result of each shape as it is found. */
async function tuneSpec({ gpu, spec, vocab, verdicts, path, signal, name }: Tuning, io: Io): Promise<readonly Tuned[]> {
  return tuneTraining(gpu, spec, vocab, {
    verdicts,
    signal,
    onProgress: ({ done, total, shape, tuned }) => {
      if (tuned === null) said(io, `${name}: tuning ${shape}`, done, total);
      else keepTunings(path, [tuned]);
    },
  });
}

function said(io: Io, what: string, done: number, total: number): void {
  io.err(`${what} (${done} of ${total})\n`);
}

/** Every candidate of every shape; the one that is used from now on is marked. */
export function tuningText(tuned: readonly Tuned[]): string {
  const rows = tuned.flatMap(({ shape, candidates, chosen }) =>
    candidates.map(({ variant, ms, spreadMs }, i) => [
      i === 0 ? shape : '',
      variant === chosen ? '*' : '',
      variant,
      ms === null ? 'failed its check' : micros(ms),
      ms === null ? '' : spreadMs === null ? 'slower by far' : percent(spreadMs / 2 / ms),
    ]),
  );
  const by = tuned[0]?.timedBy === 'wall' ? 'the wall clock' : 'GPU timestamps';
  const head = `${tuned.length} shapes tuned by ${by}; * is used from now on\n`;
  return `${head}${table([['shape', '', 'variant', 'each', '+-'], ...rows], (column) => column > 2)}`;
}

/** What the adapter can do at most, then the kernels by their share of the step. */
export function kernelsText(
  name: string,
  { limits, clock, rows }: Pick<KernelsReport, 'limits' | 'clock'> & { readonly rows: readonly Figures[] },
): string {
  const facts =
    limits === null
      ? []
      : [
          ['copies', `${spreadWords(limits.copyGBs)} GB/s`],
          ['f32 multiply-adds', `${spreadWords(limits.fmaGFlops)} GFLOP/s`],
        ];
  const totalMs = rows.reduce((sum, { ms, perStep }) => sum + ms * perStep, 0);
  const by = clock === 'wall' ? 'the wall clock, submits counted in' : 'GPU timestamps';
  const titles = ['kernel', 'variant', 'a step', 'each', '+-', 'share', 'GFLOP/s', 'GB/s', 'FLOP/byte', 'of limit', 'bound by'];
  const sorted = rows.toSorted((a, b) => b.share - a.share).map(rowCells);
  const right = (column: number): boolean => column > 1 && column < 10;
  return `${name}: kernels together ${significant(totalMs, 3)} ms a step, by ${by}\n${table(facts)}${table([titles, ...sorted], right)}`;
}

type Figures = Omit<KernelRow, 'variants'>;

function rowCells({ kernel, variant, perStep, ms, rangeMs, share, flops, bytes, ofLimit, bound }: Figures): readonly string[] {
  return [
    kernel,
    variant,
    String(perStep),
    micros(ms),
    percent((rangeMs[1] - rangeMs[0]) / 2 / ms),
    `${(100 * share).toFixed(1)} %`,
    flops === null ? '' : significant(flops / ms / 1e6, 3),
    significant(bytes / ms / 1e6, 3),
    flops === null ? '' : significant(flops / bytes, 3),
    ofLimit === null ? '' : percent(ofLimit),
    bound === null ? '' : bound,
  ];
}

function spreadWords({ median, low, high }: Spread): string {
  return `${significant(median, 3)} (quartiles ${significant(low, 3)} to ${significant(high, 3)})`;
}

function micros(ms: number): string {
  return `${significant(ms * 1000, 3)} us`;
}

function percent(share: number): string {
  return `${significant(100 * share, 2)} %`;
}
