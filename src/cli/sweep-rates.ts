import type { AdapterReport } from '../gpu/index.ts';
import { runFlopsPerStep } from '../spec/index.ts';
import type { RunSpec } from '../spec/index.ts';
import { adapterName } from './adapter.ts';
import type { RunResult } from './sweep-folder.ts';

/** How long steps take here, as far as it was measured. */
export class Rates {
  /** Milliseconds a step, by its FLOPs over all lanes. */
  private readonly msPerStep = new Map<number, number>();

  /** From a run that ended earlier, where it was on this adapter. */
  learn(spec: RunSpec, { adapter, software, lanes, msPerStep }: RunResult, report: AdapterReport): void {
    if (adapter !== adapterName(report) || software !== report.software) return;
    this.measured(runFlopsPerStep(spec) * lanes, msPerStep);
  }

  measured(flopsPerStep: number, msPerStep: number): void {
    if (flopsPerStep > 0 && msPerStep > 0) this.msPerStep.set(flopsPerStep, msPerStep);
  }

  /** In proportion to the steps whose arithmetic is nearest, as a ratio; null before any was measured. */
  estimateMs(flopsPerStep: number, steps: number): number | null {
    const distance = (flops: number): number => Math.abs(Math.log(flops / flopsPerStep));
    const [nearest] = [...this.msPerStep].toSorted(([a], [b]) => distance(a) - distance(b));
    return nearest === undefined ? null : (steps * nearest[1] * flopsPerStep) / nearest[0];
  }
}
