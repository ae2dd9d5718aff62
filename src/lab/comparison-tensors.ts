import type { CastStats, Probe, TensorProbe } from '../base/probe.ts';
import type { ComparedArm } from './comparison-arm.ts';

/** Figures of a tensor, and of the cast of it. Shares are 0..1, SQNR is in dB. */
export const TENSOR_MEASURES = ['amax', 'zeros', 'nonFinite', 'scale', 'underflow', 'overflow', 'sqnrDb', 'mse'] as const;
export type TensorMeasure = (typeof TENSOR_MEASURES)[number];

/** What is read of a tensor: a measure, of the cast that the run makes or, with `format`, of one that it was asked about. */
export interface Reading {
  readonly measure: TensorMeasure;
  readonly format?: string;
}

/** A figure over the steps that were probed. */
export interface ProbeSeries {
  readonly steps: readonly number[];
  /** NaN where there is none. */
  readonly values: readonly number[];
}

/** A tensor's place in the map. */
export interface MapRow {
  readonly site: string;
  readonly layer: string;
  readonly role: string;
}

/** A figure of every tensor over training. */
export interface TensorMap {
  /** In the order of the model. */
  readonly rows: readonly MapRow[];
  readonly steps: readonly number[];
  /** `[rows, steps]`; NaN where there is none. */
  readonly values: Float64Array;
}

/** Of one seed, steps ascending. */
export function probesOf(arm: ComparedArm, seed: number): readonly Probe[] {
  return arm.probes.filter(({ lane }) => lane === seed);
}

/** A tensor at the last probe at or before `step`; undefined where there is none. */
export function tensorAt(arm: ComparedArm, seed: number, site: string, step = Infinity): TensorProbe | undefined {
  return probesOf(arm, seed)
    .findLast((probe) => probe.step <= step)
    ?.tensors.find((tensor) => tensor.site === site);
}

/** The cast of a tensor that a reading is about; undefined where the run makes none, or was not asked. */
export function castOf(tensor: TensorProbe, format?: string): CastStats | undefined {
  return format === undefined ? (tensor.cast ?? undefined) : tensor.whatIf.find((cast) => cast.format === format);
}

/** NaN where the tensor has no such figure. */
export function readTensor(tensor: TensorProbe, { measure, format }: Reading): number {
  if (measure === 'amax' || measure === 'zeros' || measure === 'nonFinite') return tensor[measure];
  return castOf(tensor, format)?.[measure] ?? Number.NaN;
}

export function tensorSeries(arm: ComparedArm, seed: number, site: string, reading: Reading): ProbeSeries {
  const probes = probesOf(arm, seed);
  return {
    steps: probes.map(({ step }) => step),
    values: probes.map(({ tensors }) => {
      const tensor = tensors.find((candidate) => candidate.site === site);
      return tensor === undefined ? Number.NaN : readTensor(tensor, reading);
    }),
  };
}

/** The map of layer x role over training: a row a tensor, a column a probed step. */
export function tensorMap(arm: ComparedArm, seed: number, reading: Reading): TensorMap {
  const probes = probesOf(arm, seed);
  const rows = new Map<string, MapRow>();
  for (const { tensors } of probes)
    for (const { site, layer, role } of tensors) if (!rows.has(site)) rows.set(site, { site, layer, role });
  const places = new Map([...rows.keys()].map((site, place) => [site, place]));
  const values = new Float64Array(rows.size * probes.length).fill(Number.NaN);
  for (const [column, { tensors }] of probes.entries())
    for (const tensor of tensors) values[(places.get(tensor.site) ?? 0) * probes.length + column] = readTensor(tensor, reading);
  return { rows: [...rows.values()], steps: probes.map(({ step }) => step), values };
}

/** A figure of a run's stability: a maximum attention logit of a layer by its place, a gradient norm by the layer's name. */
export type StabilityMeasure =
  | { readonly kind: 'attentionLogit'; readonly layer: number }
  | { readonly kind: 'outputLogit' }
  | { readonly kind: 'meanLse' }
  | { readonly kind: 'gradNorm'; readonly layer: string };

/** Every figure that an arm's probes hold. */
export function stabilityMeasures(arm: ComparedArm): StabilityMeasure[] {
  const last = arm.probes.at(-1)?.stability;
  if (last === undefined) return [];
  return [
    ...last.maxAttentionLogit.map((_, layer): StabilityMeasure => ({ kind: 'attentionLogit', layer })),
    { kind: 'outputLogit' },
    { kind: 'meanLse' },
    ...last.gradNorms.map(({ layer }): StabilityMeasure => ({ kind: 'gradNorm', layer })),
  ];
}

export function stabilitySeries(arm: ComparedArm, seed: number, measure: StabilityMeasure): ProbeSeries {
  const probes = probesOf(arm, seed);
  return { steps: probes.map(({ step }) => step), values: probes.map((probe) => readStability(probe, measure)) };
}

/** NaN where the probe has no such figure. */
export function readStability({ stability }: Probe, measure: StabilityMeasure): number {
  switch (measure.kind) {
    case 'attentionLogit':
      return stability.maxAttentionLogit[measure.layer] ?? Number.NaN;
    case 'outputLogit':
      return stability.maxOutputLogit;
    case 'meanLse':
      return stability.meanLse;
    case 'gradNorm':
      return stability.gradNorms.find(({ layer }) => layer === measure.layer)?.norm ?? Number.NaN;
  }
}
