import { ratioWords } from '../laws/index.ts';
import type { Ablation, KernelsReport, LanesReport, TuningReport } from '../worker/protocol.ts';
import { csv, type Cell } from './csv.ts';
import { deviceName } from './export.ts';
import { jsonText } from './json-file.ts';
import { kernelFigures } from './kernel-figures.ts';
import { candidateFigures } from './kernel-tuning.ts';
import { stepsOf, type KernelsResults, type Measured, type MeasuredWith } from './kernels-results.ts';

export const KERNELS_FORMAT = 'isoflop-kernels';
export const KERNELS_VERSION = 2;
/** Versions of earlier builds that are read still, as `kernels-upgrade` makes this build's of them. */
export const KERNELS_EARLIER: readonly number[] = [1];

/** Everything that was measured, with specs and environment; `kernelsFromJson` reads it. @param savedAt milliseconds since the epoch. */
export function kernelsJson(results: KernelsResults, savedAt: number): string {
  return jsonText({ format: KERNELS_FORMAT, version: KERNELS_VERSION, savedAt: new Date(savedAt).toISOString(), results });
}

// Tables, one row a thing measured. Times are in milliseconds, and the environment is in every row, so that files can be put together.

/** One row a kernel and size, of the step as it was set and with no fusion. */
export function kernelsCsv({ value, environment }: Measured<KernelsReport>): string {
  const head = ['fusion', 'kernel', 'variant', 'nodes', 'perStep', 'ms', 'lowMs', 'highMs', 'stepMs', 'share', 'flops', 'bytes'];
  const derived = ['gflops', 'gbps', 'intensity', 'ofLimit', 'bound', 'clock', 'copyGBs', 'fmaGFlops'];
  const { clock, limits } = value;
  const rows = stepsOf(value).flatMap(({ fusion, rows: kernels }) =>
    kernels.map((row): Cell[] => {
      const { kernel, variant, nodes, perStep, ms, rangeMs, share, flops, bytes, ofLimit, bound } = row;
      const { stepMs, gflops, gbps, intensity } = kernelFigures(row);
      return [
        fusion,
        kernel,
        variant,
        nodes.join(' '),
        perStep,
        ms,
        ...rangeMs,
        stepMs,
        share,
        flops ?? '',
        bytes,
        gflops ?? '',
        gbps,
        intensity ?? '',
        ofLimit ?? '',
        bound ?? '',
        clock,
        limits?.copyGBs.median ?? '',
        limits?.fmaGFlops.median ?? '',
      ];
    }),
  );
  return environmentCsv([...head, ...derived], rows, environment);
}

/** One row a dispatch of a step, in order. */
export function timelineCsv({ value, environment }: Measured<KernelsReport>): string {
  const head = ['fusion', 'dispatch', 'atMs', 'ms', 'node', 'kernel', 'variant', 'writes', 'bytes'];
  const rows = stepsOf(value).flatMap(({ fusion, rows: kernels, timeline }) =>
    timeline.map(({ atMs, ms, node, row, writes, bytes }, i): Cell[] => {
      const { kernel = '', variant = '' } = kernels[row] ?? {};
      return [fusion, i + 1, atMs, ms, node, kernel, variant, writes, bytes];
    }),
  );
  return environmentCsv(head, rows, environment);
}

/** One row a form of the step. `ratio` is its time over that of its reference. */
export function ablationCsv({ value, environment }: Measured<Ablation>): string {
  const head = ['form', 'rule', 'reference', 'ms', 'referenceMs', 'ratio', 'low', 'high', 'level', 'rounds', 'verdict'];
  const costs = ['dispatches', 'boundBytes', 'peakBytes', 'tunedShapes', 'referenceTunedShapes', 'lossDifference', 'lossSteps'];
  const rows = value.rows.map((row): Cell[] => {
    const { form, reference, ms, referenceMs, ratio, dispatches, boundBytes, peakBytes, tunedShapes, lossDifference } = row;
    const interval = ratio === null ? ['', '', '', ''] : [ratio.ratio, ratio.lo, ratio.hi, ratio.level];
    return [
      form.kind,
      form.rule,
      reference,
      ms,
      referenceMs,
      ...interval,
      value.rounds,
      ratioWords(ratio),
      dispatches,
      boundBytes,
      peakBytes,
      ...(tunedShapes ?? ['', '']),
      lossDifference,
      value.lossSteps,
    ];
  });
  return environmentCsv([...head, ...costs], rows, environment);
}

/** One row a number of lanes. */
export function lanesCsv({ value, environment }: Measured<LanesReport>): string {
  const head = ['lanes', 'ms', 'lowMs', 'highMs', 'tokensPerSecond', 'peakBytes', 'fullAt'];
  const rows = value.rows.map(({ lanes, ms, quartilesMs, tokensPerSecond, peakBytes }): Cell[] => [
    lanes,
    ms,
    ...quartilesMs,
    tokensPerSecond,
    peakBytes,
    value.fullAt,
  ]);
  return environmentCsv(head, rows, environment);
}

/** One row a candidate of a shape. `ofFirst` is its time over that of the variant that is used untuned. */
export function tuningCsv({ value, environment }: Measured<TuningReport>): string {
  const head = ['shape', 'variant', 'ms', 'spreadMs', 'ofFirst', 'firstGuess', 'chosen', 'timedBy', 'signature'];
  const rows = value.rows.flatMap((tuned) =>
    candidateFigures(tuned).map(({ variant, ms, spreadMs, ofFirst, firstGuess, chosen }): Cell[] => [
      tuned.shape,
      variant,
      ms ?? '',
      spreadMs ?? '',
      ofFirst ?? '',
      firstGuess ? 'yes' : '',
      chosen ? 'yes' : '',
      tuned.timedBy,
      tuned.signature,
    ]),
  );
  return environmentCsv(head, rows, environment);
}

function environmentCsv(head: readonly string[], rows: readonly (readonly Cell[])[], environment: MeasuredWith): string {
  const { device, measuredAt, spec, specHash, report } = environment;
  const facts: { readonly [column: string]: Cell } = {
    adapter: deviceName(device),
    software: device.software ? 'software adapter' : '',
    vendor: device.vendor,
    architecture: device.architecture,
    browser: device.userAgent,
    build: device.build,
    // What several tunings found, has no one date.
    measuredAt: spec === null ? '' : (measuredAt ?? ''),
    data: report?.data.name ?? '',
    vocab: report?.data.vocab ?? '',
    spec: specHash,
    tunedKernels: report?.tunedKernels ?? '',
  };
  return csv([[...head, ...Object.keys(facts)], ...rows.map((row) => [...row, ...Object.values(facts)])]);
}
