import type { DeviceReport, PeakReport } from '../worker/protocol.ts';
import type { EvalSeries, Run } from './run.ts';

/** What a table of steps has of a step. */
export const STEP_COLUMNS = [
  'step',
  'tokens',
  'flops',
  'seconds',
  'epochs',
  'learningRate',
  'gradNorm',
  'trainNats',
  'validationNats',
  'oodNats',
] as const;

/** One row a step of lane 0, and a row for an evaluation before the first one; values that do not exist are empty. */
export function runCsv(run: Run): string {
  const rows = [STEP_COLUMNS.join(',')];
  const validation = byStep(run.evals.validation);
  const ood = byStep(run.evals.ood);
  const steps = new Set([...run.steps.view(), ...validation.keys(), ...ood.keys()]);
  const first = run.steps.at(0);
  for (const step of [...steps].sort((a, b) => a - b)) {
    const at = step - first;
    const values = [
      step,
      run.xOf(step, 'tokens'),
      run.xOf(step, 'flops'),
      run.xOf(step, 'time'),
      run.epochs.at(at),
      run.lane0.learningRate.at(at),
      run.lane0.gradNorm.at(at),
      at >= 0 && at < run.steps.length ? written(run.lane0.lossNats.at(at)) : '',
      validation.has(step) ? written(validation.get(step) ?? Number.NaN) : '',
      ood.has(step) ? written(ood.get(step) ?? Number.NaN) : '',
    ];
    rows.push(
      values.map((value) => (typeof value === 'number' ? (Number.isFinite(value) ? String(value) : '') : value)).join(','),
    );
  }
  return `${rows.join('\n')}\n`;
}

/** A loss keeps its NaN and infinities: they are results. */
function written(loss: number): string {
  return Number.isNaN(loss) ? 'nan' : loss === Infinity ? 'inf' : loss === -Infinity ? '-inf' : String(loss);
}

function byStep(series: EvalSeries): Map<number, number> {
  return new Map([...series.steps.view()].map((step, i) => [step, series.lossNats.at(i)]));
}

/** A file name for something of this run: lower case, without what file systems dislike. */
export function fileName(run: Run, ending: string): string {
  const name = (run.spec.name === '' ? run.spec.data.source : run.spec.name).toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return `isoflop-${name.replace(/^-+|-+$/g, '')}-step-${run.step}.${ending}`;
}

/** The device card as Markdown, for a bug report or a paper's appendix. */
export function deviceMarkdown(device: DeviceReport, peak: PeakReport | null): string {
  const lines = [
    '## Isoflop device report',
    '',
    `- Adapter: ${deviceName(device)}${device.software ? ' (**software**: computes on the CPU)' : ''}`,
    `- Vendor / architecture / device: ${[device.vendor, device.architecture, device.device].map((word) => word || '—').join(' / ')}`,
    `- Build: ${device.build}`,
    `- Browser: ${device.userAgent}`,
    `- Matmul peak, f32: ${peak === null ? 'not measured' : `${(peak.matmulFlopsPerSecond / 1e9).toPrecision(4)} GFLOP/s (${peak.kernel})`}`,
    `- Kernel variants switched off: ${device.disabledVariants.length === 0 ? 'none' : device.disabledVariants.join(', ')}`,
    `- Features: ${device.features.length === 0 ? 'none' : [...device.features].sort().join(', ')}`,
    '',
    '| Limit | Value |',
    '| --- | ---: |',
    ...Object.entries(device.limits).map(([name, value]) => `| ${name} | ${value} |`),
  ];
  return `${lines.join('\n')}\n`;
}

export function deviceName(device: DeviceReport): string {
  const words = device.description || [device.vendor, device.architecture, device.device].filter((word) => word !== '').join(' ');
  return words === '' ? 'Unnamed adapter' : words;
}
