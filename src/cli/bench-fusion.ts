import { ratioWords } from '../laws/index.ts';
import { ablate, formWords, laneThroughput } from '../measure/index.ts';
import type { Ablation, AblationRow, LanesReport } from '../measure/index.ts';
import type { RunSpec } from '../spec/index.ts';
import type { Dataset } from '../data/index.ts';
import { adapterName, adapterWords, withGpu } from './adapter.ts';
import { bytes, count, significant, table } from './format.ts';
import type { Io } from './io.ts';

/** Specs with what they are trained on, and how what is found is told. */
export interface MeasuredSpecs {
  readonly specs: readonly RunSpec[];
  readonly datasetOf: (spec: RunSpec) => Promise<Dataset>;
  readonly json: boolean;
}

/** What each fusion rule is worth inside the training step of each spec. */
export function benchFusion({ specs, datasetOf, json }: MeasuredSpecs, rounds: number | undefined, io: Io): Promise<number> {
  return measureAll(specs, json, io, async (spec, gpu, verdicts, signal) => {
    const ablation = await ablate({
      gpu,
      spec,
      dataset: await datasetOf(spec),
      verdicts,
      signal,
      ...(rounds === undefined ? {} : { rounds }),
      onProgress: (done, total, what) => io.err(`${nameOf(spec)}: ${what} (${done + 1} of ${total})\n`),
    });
    return { value: { ablation }, text: ablationText(ablation) };
  });
}

/** The throughput of each spec against the number of lanes. */
export function benchLanes({ specs, datasetOf, json }: MeasuredSpecs, io: Io): Promise<number> {
  return measureAll(specs, json, io, async (spec, gpu, verdicts, signal) => {
    const lanes = await laneThroughput({
      gpu,
      spec,
      dataset: await datasetOf(spec),
      verdicts,
      signal,
      onProgress: (_done, _total, what) => io.err(`${nameOf(spec)}: ${what}\n`),
    });
    return { value: { lanes }, text: lanesText(lanes) };
  });
}

type Gpu = Parameters<Parameters<typeof withGpu>[0]>[0];
type Verdicts = Parameters<Parameters<typeof withGpu>[0]>[1];

/** Measures one spec after the other until the process is asked to stop; what was measured by then is told. */
function measureAll(
  specs: readonly RunSpec[],
  json: boolean,
  io: Io,
  one: (
    spec: RunSpec,
    gpu: Gpu,
    verdicts: Verdicts,
    signal: AbortSignal,
  ) => Promise<{ readonly value: object; readonly text: string }>,
): Promise<number> {
  return io.interruptible((signal) =>
    withGpu(async (gpu, verdicts) => {
      const { report } = gpu;
      if (!json) io.out(`${adapterWords(report)}\n`);
      const found: object[] = [];
      for (const spec of specs) {
        if (signal.aborted) break;
        const { value, text } = await one(spec, gpu, verdicts, signal);
        found.push({ name: spec.name, ...value });
        if (!json) io.out(`\n${nameOf(spec)}\n${text}`);
      }
      if (json) {
        const whole = { adapter: adapterName(report), software: report.software, specs: found };
        io.out(`${JSON.stringify(whole, null, 2)}\n`);
      }
      return signal.aborted ? Number(signal.reason) : 0;
    }),
  );
}

function nameOf({ name }: RunSpec): string {
  return name === '' ? 'run' : name;
}

/** The lines of `bench fusion`: every form against its reference. */
export function ablationText({ rows, idle, lossSteps, rounds }: Ablation): string {
  const titles = ['form', 'step', 'against', 'step', 'time', 'ratio', '95 % interval', 'dispatches', 'bound', 'memory', 'loss'];
  const lines = rows.map((row) => [
    formWords(row.form),
    `${significant(row.ms, 3)} ms`,
    row.reference === 'all' ? 'all rules' : 'no rule',
    `${significant(row.referenceMs, 3)} ms`,
    ratioWords(row.ratio),
    ...intervalCells(row),
    count(row.dispatches),
    bytes(row.boundBytes),
    bytes(row.peakBytes),
    row.lossDifference === 0 ? 'equal' : row.lossDifference.toExponential(1),
  ]);
  const still = idle.length === 0 ? '' : `change nothing in this model: ${idle.join(', ')}\n`;
  const how = `${rounds} rounds of A B B A; loss: difference to the reference's after ${lossSteps} steps\n`;
  return `${table([titles, ...lines], (column) => [1, 3, 5, 7, 8, 9, 10].includes(column))}${still}${how}`;
}

function intervalCells({ ratio }: AblationRow): readonly [string, string] {
  if (ratio === null) return ['', ''];
  return [ratio.ratio.toFixed(3), `${ratio.lo.toFixed(3)} to ${ratio.hi.toFixed(3)}`];
}

/** The lines of `bench lanes`. */
export function lanesText({ rows, fullAt, stoppedBy }: LanesReport): string {
  const one = rows.find(({ lanes }) => lanes === 1);
  const lines = rows.map(({ lanes, ms, quartilesMs, tokensPerSecond, peakBytes }) => [
    String(lanes),
    `${significant(ms, 3)} ms`,
    `${significant(quartilesMs[0], 3)} to ${significant(quartilesMs[1], 3)}`,
    count(tokensPerSecond),
    one === undefined ? '' : `${significant((lanes * one.ms) / ms, 3)} x`,
    bytes(peakBytes),
  ]);
  const titles = ['lanes', 'step', 'quartiles', 'tokens/s', 'of runs one by one', 'memory'];
  const end = stoppedBy === null ? '' : `no more lanes: ${stoppedBy}\n`;
  return `${table([titles, ...lines], () => true)}full at ${fullAt} ${fullAt === 1 ? 'lane' : 'lanes'}\n${end}`;
}
