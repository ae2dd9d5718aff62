import type { CastStats } from '../base/probe.ts';
import type { Comparison } from './comparison.ts';
import { readStability, stabilityMeasures, type StabilityMeasure } from './comparison-tensors.ts';
import { csv, type Cell } from './csv.ts';
import { jsonText } from './json-file.ts';

export const COMPARISON_FORMAT = 'isoflop-comparison';
export const COMPARISON_VERSION = 1;

/** One row a step of each seed of each arm; seeds count from 1. */
export function lossesCsv(comparison: Comparison): string {
  const rows: Cell[][] = [['arm', 'seed', 'step', 'tokens', 'lossNats', 'gradNorm', 'learningRate']];
  for (const { name, seeds } of comparison.arms) {
    for (const [seed, { lossNats, gradNorm, learningRate }] of seeds.entries()) {
      for (let i = 0; i < lossNats.length; i++) {
        const tokens = comparison.xOf(i + 1, 'tokens');
        rows.push([name, seed + 1, i + 1, tokens, lossNats.at(i), gradNorm.at(i), learningRate.at(i)]);
      }
    }
  }
  return csv(rows);
}

/** One row a window of training of each arm, against the baseline. Gaps are shares: 0.0031 is 0.31 %. */
export function gapsCsv(comparison: Comparison): string {
  const rows: Cell[][] = [['arm', 'baseline', 'firstStep', 'lastStep', 'tokens', 'gap', 'low', 'high', 'level', 'seeds']];
  for (const arm of comparison.arms) {
    for (const gap of comparison.gapsOf(arm)) {
      if (gap === null) continue;
      const { firstStep, lastStep, relative, lo, hi, level, seeds } = gap;
      const tokens = comparison.xOf(lastStep, 'tokens');
      rows.push([arm.name, comparison.baseline.name, firstStep, lastStep, tokens, relative, lo, hi, level, seeds.length]);
    }
  }
  return csv(rows);
}

/** One row a tensor of each probe and each cast of it: the one that the run makes (`whatIf` 0) and those asked about (1). */
export function tensorsCsv(comparison: Comparison): string {
  const cast = ['format', 'scaling', 'scale', 'underflow', 'overflow', 'sqnrDb', 'mse'] as const;
  const rows: Cell[][] = [['arm', 'seed', 'step', 'layer', 'role', 'elements', 'amax', 'zeros', 'nonFinite', 'whatIf', ...cast]];
  for (const { name, probes } of comparison.arms) {
    for (const { step, lane, tensors } of probes) {
      for (const { layer, role, elements, amax, zeros, nonFinite, cast: own, whatIf } of tensors) {
        const row = (stats: CastStats | null, asked: number): Cell[] => [
          name,
          lane + 1,
          step,
          layer,
          role,
          elements,
          amax,
          zeros,
          nonFinite,
          asked,
          ...cast.map((field) => stats?.[field] ?? ''),
        ];
        rows.push(row(own, 0), ...whatIf.map((stats) => row(stats, 1)));
      }
    }
  }
  return csv(rows);
}

/** One row a figure of each probe. */
export function stabilityCsv(comparison: Comparison): string {
  const rows: Cell[][] = [['arm', 'seed', 'step', 'measure', 'layer', 'value']];
  for (const arm of comparison.arms) {
    const measures = stabilityMeasures(arm);
    for (const probe of arm.probes)
      for (const measure of measures)
        rows.push([arm.name, probe.lane + 1, probe.step, measure.kind, layerOf(measure), readStability(probe, measure)]);
  }
  return csv(rows);
}

/** Everything that was measured, with specs and environment; `comparisonFromJson` reads it. */
export function comparisonJson(comparison: Comparison, savedAt: number): string {
  const { runId, device, base, setup, state, totalSteps, report, failure, arms } = comparison;
  const content = {
    format: COMPARISON_FORMAT,
    version: COMPARISON_VERSION,
    savedAt: new Date(savedAt).toISOString(),
    device,
    runId,
    base,
    setup,
    state,
    totalSteps,
    report,
    failure,
    verdicts: arms.filter((arm) => arm !== comparison.baseline).map((arm) => comparison.verdictOf(arm)),
    arms: arms.map(({ name, spec, state: armState, diverged, cost, heldOut, seeds, probes }) => ({
      name,
      spec,
      state: armState,
      diverged,
      cost,
      heldOut: { validation: listed(heldOut.validation), ood: listed(heldOut.ood) },
      seeds: seeds.map(({ lossNats, gradNorm, learningRate }) => ({
        lossNats: listed(lossNats.view()),
        gradNorm: listed(gradNorm.view()),
        learningRate: listed(learningRate.view()),
      })),
      probes,
    })),
  };
  return jsonText(content);
}

function listed(values: Float64Array | null): number[] | null {
  return values === null ? null : [...values];
}

function layerOf(measure: StabilityMeasure): string {
  if (measure.kind === 'attentionLogit') return `blocks.${measure.layer}`;
  return measure.kind === 'gradNorm' ? measure.layer : '';
}
