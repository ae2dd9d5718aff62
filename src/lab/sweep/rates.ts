import { runFlopsPerStep, type StepRates } from '../../spec/index.ts';
import type { DeviceReport } from '../../worker/protocol.ts';
import type { RunRecord } from '../store/record.ts';

/** Learns how long steps take from runs that were trained on this adapter. */
export function learnRates(rates: StepRates, records: Iterable<RunRecord>, device: DeviceReport | null): void {
  for (const { environment, msPerStep, spec, program } of records) {
    if (device === null || environment === null || msPerStep === null) continue;
    if (environment.adapter !== device.description || environment.software !== device.software) continue;
    rates.measured(runFlopsPerStep(spec) * program.lanes, msPerStep);
  }
}
