import type { XUnit } from '../lab/index.ts';

/** How the charts are drawn. */
export interface ChartView {
  readonly unit: XUnit;
  readonly xLog: boolean;
  readonly yLog: boolean;
  /** Weight of the moving average, 0 (off) to 0.999. */
  readonly smoothing: number;
}

export const DEFAULT_VIEW: ChartView = { unit: 'step', xLog: false, yLog: false, smoothing: 0.9 };

export const UNITS: { readonly [U in XUnit]: string } = { step: 'Step', tokens: 'Tokens', flops: 'FLOPs', time: 'Seconds' };

export type CurveId = 'train' | 'validation' | 'ood' | 'earlier';

declare global {
  interface HTMLElementEventMap {
    /** The user changed how the charts are drawn. */
    'lab-view': CustomEvent<Partial<ChartView>>;
    /** The user shows or hides a curve. */
    'lab-curve': CustomEvent<CurveId>;
  }
}

/** The smoothing slider runs evenly over orders of magnitude of 1 - weight: 0 is off, 100 averages about 1,000 steps. */
export function weightOf(slider: number): number {
  return slider === 0 ? 0 : 1 - 10 ** (-3 * (slider / 100));
}

export function sliderOf(weight: number): number {
  return weight === 0 ? 0 : Math.round((-100 * Math.log10(1 - weight)) / 3);
}
