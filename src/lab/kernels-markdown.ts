import { ratioWords } from '../laws/index.ts';
import {
  formWords,
  type Ablation,
  type AblationRow,
  type KernelRow,
  type KernelsReport,
  type LanesReport,
  type TimelineEntry,
  type TuningReport,
} from '../worker/protocol.ts';
import { deviceName } from './export.ts';
import { kernelFigures, laneGain } from './kernel-figures.ts';
import { candidateFigures, candidateNote, isChanged } from './kernel-tuning.ts';
import { stepsOf, type Measured, type MeasuredWith } from './kernels-results.ts';

// Tables for a report or an issue: what measured above, spread beside each time.

export function kernelsMarkdown({ value, ...how }: Measured<KernelsReport>): string {
  const { clock, limits } = value;
  const timed = clock === 'timestamps' ? 'GPU timestamps' : 'wall time of many submits';
  const facts = [`Timed by ${timed}; median and half the distance between the quartiles`];
  if (limits !== null) {
    const { copyGBs, fmaGFlops } = limits;
    facts.push(
      `Limits measured: copy ${figure(copyGBs.median)} GB/s (${figure(copyGBs.low)} to ${figure(copyGBs.high)}), ` +
        `f32 multiply-add ${figure(fmaGFlops.median)} GFLOP/s (${figure(fmaGFlops.low)} to ${figure(fmaGFlops.high)})`,
    );
  }
  const head = ['Kernel', 'A step', 'Each, ms', '±', 'Of a step, ms', 'Share', 'GFLOP/s', 'GB/s', 'FLOP/byte', 'Of limit'];
  const tables = stepsOf(value).map(({ title, rows }) => {
    const table = markdown(head, rows.map(kernelCells));
    return `${value.unfused === null ? '' : `### ${title}\n\n`}${table}`;
  });
  return document('Kernels of a training step', how, facts, tables);
}

function kernelCells(row: KernelRow): string[] {
  const { kernel, variant, perStep, ms, share, ofLimit, bound } = row;
  const { stepMs, gflops, gbps, intensity, spreadMs } = kernelFigures(row);
  const limit = ofLimit === null ? '—' : `${percent(ofLimit)}${bound === null ? '' : ` of ${bound}`}`;
  const name = variant === '' ? kernel : `${kernel}, ${variant}`;
  return [
    name,
    String(perStep),
    figure(ms),
    figure(spreadMs),
    figure(stepMs),
    percent(share),
    figure(gflops),
    figure(gbps),
    figure(intensity),
    limit,
  ];
}

export function timelineMarkdown({ value, ...how }: Measured<KernelsReport>): string {
  const head = ['At, ms', 'Takes, ms', 'Node', 'Kernel', 'Writes', 'MiB'];
  const tables = stepsOf(value).map(({ title, rows, timeline }) => {
    const cells = ({ atMs, ms, node, row, writes, bytes }: TimelineEntry): string[] => [
      figure(atMs),
      figure(ms),
      node,
      rows[row]?.kernel ?? '',
      writes,
      mebibytes(bytes),
    ];
    return `${value.unfused === null ? '' : `### ${title}\n\n`}${markdown(head, timeline.map(cells))}`;
  });
  return document('Timeline of one training step', how, ['Dispatches in order, as if without gaps'], tables);
}

export function ablationMarkdown({ value, ...how }: Measured<Ablation>): string {
  const { rows, idle, lossSteps, rounds } = value;
  const facts = [
    `${rounds} rounds of reference, form, form, reference; times are medians, intervals 95 %`,
    `Loss difference: relative, after ${lossSteps} steps from the same weights`,
    ...(idle.length === 0 ? [] : [`Rules that change nothing in this model: ${idle.join(', ')}`]),
    ...(rows.some(({ tunedShapes }) => tunedShapes !== null)
      ? ['Tuned shapes: how many are computed as the tuner chose, in the form and in its reference']
      : []),
  ];
  const head = ['Form', 'Against', 'ms a step', 'Reference, ms', 'Time over reference', 'Verdict', 'Dispatches', 'MiB bound'];
  const table = markdown([...head, 'Peak MiB', 'Tuned shapes', 'Loss difference'], rows.map(ablationCells));
  return document('Fusions of a training step, switched', how, facts, [table]);
}

function ablationCells(row: AblationRow): string[] {
  const { form, reference, ms, referenceMs, ratio, dispatches, boundBytes, peakBytes, tunedShapes, lossDifference } = row;
  const interval = ratio === null ? '—' : `${ratio.ratio.toFixed(3)} (${ratio.lo.toFixed(3)} to ${ratio.hi.toFixed(3)})`;
  return [
    formWords(form),
    formWords({ kind: reference, rule: '' }),
    figure(ms),
    figure(referenceMs),
    interval,
    ratioWords(ratio),
    String(dispatches),
    mebibytes(boundBytes),
    mebibytes(peakBytes),
    tunedShapes === null ? '—' : tunedShapes.join(', reference '),
    figure(lossDifference),
  ];
}

export function lanesMarkdown({ value, ...how }: Measured<LanesReport>): string {
  const { rows, fullAt, stoppedBy } = value;
  const facts = [
    `Full at ${fullAt} ${fullAt === 1 ? 'lane' : 'lanes'}: the fewest with 90 % of the highest throughput; times are medians and quartiles`,
    ...(stoppedBy === null ? [] : [`No more lanes were tried: ${stoppedBy}`]),
  ];
  const head = ['Lanes', 'ms a step', 'Quartiles, ms', 'Tokens/s', 'Throughput over the first', 'Peak MiB'];
  const table = markdown(
    head,
    rows.map((row) => {
      const { lanes, ms, quartilesMs, tokensPerSecond, peakBytes } = row;
      const range = quartilesMs.map(figure).join(' to ');
      const gain = `${laneGain(rows, row).toFixed(2)} ×`;
      return [String(lanes), figure(ms), range, figure(tokensPerSecond), gain, mebibytes(peakBytes)];
    }),
  );
  return document('Throughput against lanes', how, facts, [table]);
}

export function tuningMarkdown({ value, ...how }: Measured<TuningReport>): string {
  const { rows } = value;
  const timed = rows.some(({ timedBy }) => timedBy === 'wall') ? 'the wall time of many submits' : 'GPU timestamps';
  const facts = [
    `${rows.filter(isChanged).length} of ${rows.length} shapes are computed by another variant than the first guess`,
    `Timed by ${timed}, the candidates in turns; median and half the distance between the quartiles`,
  ];
  const head = ['Shape', 'Variant', 'Each, ms', '±', 'Time over the first guess', 'Used', 'Note'];
  const cells = rows.flatMap((tuned) =>
    candidateFigures(tuned).map((candidate) => {
      const { variant, ms, halfMs, ofFirst, firstGuess, chosen } = candidate;
      const note = firstGuess ? 'first guess' : candidateNote(candidate);
      const ratio = ofFirst === null ? '—' : ofFirst.toFixed(2);
      return [tuned.shape, variant, figure(ms), figure(halfMs), ratio, chosen ? 'yes' : '', note];
    }),
  );
  return document('Variants of kernels, tuned', how, facts, [markdown(head, cells)]);
}

function document(
  title: string,
  { environment, stopped, failure }: Omit<Measured<unknown>, 'value'>,
  facts: readonly string[],
  tables: readonly string[],
): string {
  const { device, measuredAt, spec } = environment;
  const software = device.software ? ' (**software adapter**: computes on the CPU; these figures say nothing of a GPU)' : '';
  const lines = [
    `Adapter: ${deviceName(device)}${software}`,
    `Browser: ${device.userAgent}`,
    `Isoflop: build ${device.build}, ${spec === null && measuredAt !== null ? 'the last of it ' : ''}${measuredAt ?? 'measured earlier'}`,
    modelLine(environment),
    ...facts,
    ...(stopped ? ['Stopped before its end: not all is measured'] : []),
    ...(failure === null ? [] : [`Ended early: ${failure.message}`]),
  ];
  return `## ${title}\n\n${lines.map((line) => `- ${line}`).join('\n')}\n\n${tables.join('\n')}`;
}

function modelLine({ spec, specHash, report }: MeasuredWith): string {
  if (spec === null) return 'Shapes of all settings that were tuned on this adapter';
  const { layers, width, heads } = spec.model;
  const size = report === null ? '' : `, ${report.parameters} parameters, ${report.tokensPerStep} tokens a step of one lane`;
  const tuned =
    report === null || report.tunedKernels === 0 ? '' : `; ${report.tunedKernels} shapes of kernels as the tuner chose`;
  return `Model: ${layers} layers, width ${width}, ${heads} heads${size}; settings \`#${specHash}\`${tuned}`;
}

/** The first column is text, as are those of {@link WORDS}; the others are figures. */
function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = head.map((name, i) => (i === 0 || WORDS.has(name) ? '---' : '---:'));
  return `${[line(head), line(rule), ...rows.map(line)].join('\n')}\n`;
}

const WORDS = new Set(['Node', 'Kernel', 'Writes', 'Against', 'Verdict', 'Variant', 'Used', 'Note']);

/** Three digits that say something. */
function figure(value: number | null): string {
  if (value === null || Number.isNaN(value)) return '—';
  return Math.abs(value) >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function mebibytes(bytes: number): string {
  return figure(bytes / 2 ** 20);
}
