import type { PageReport, Race, Result } from './report.ts';

export interface Environment {
  readonly browser: string;
  readonly cores: number;
  /** Processes ready to run, mean over the last minute: well above the cores means that the times are disturbed. */
  readonly load: number;
}

/** Isoflop's first losses and another's agree when they differ by no more than this, relatively. */
const LOSS_RTOL = 1e-5;
const COLUMNS = [
  '',
  'ms/step',
  'min..max',
  'tokens/s',
  'against the first',
  'dispatches',
  'submits',
  'steps/submit',
  'first step',
  'largest loss difference',
];

/** Writes the tables to stdout as Markdown. */
export function printReport({ adapter, races, heap }: PageReport, { browser, cores, load }: Environment): void {
  const { vendor, architecture, device, description } = adapter;
  const names = [vendor, architecture, device, description].filter((name) => name !== '');
  const where = `${names.join(' ') || 'unnamed adapter'}${adapter.software ? ' (software adapter)' : ''}`;
  print(`${browser} · ${where} · ${cores} cores, load ${load.toFixed(1)}`);
  for (const race of races) printRace(race, where);
  if (heap !== null) {
    print(`\n**JS heap of isoflop on ${heap.spec.toUpperCase()}, after collecting garbage · ${where}**\n`);
    printRows([
      ['step', 'MiB', 'ms/step since the row above'],
      ...heap.marks.map(({ step, heapBytes, msPerStep }, i) => [
        `${step}`,
        (heapBytes / 2 ** 20).toFixed(2),
        i === 0 ? '' : msPerStep.toFixed(1),
      ]),
    ]);
  }
}

function printRace({ spec, parameters, tokensPerStep, matmuls, results }: Race, where: string): void {
  const [first] = results;
  if (first === undefined) return;
  print(
    `\n**${spec.toUpperCase()}: ${(parameters / 1e6).toFixed(2)} M parameters, ${tokensPerStep} tokens a step · ${where}**\n`,
  );
  const rows = results.map((result) => {
    const ms = median(result.msPerStep);
    return [
      result.name,
      ms.toFixed(1),
      spread(result.msPerStep, 1),
      (tokensPerStep / (ms / 1000)).toFixed(0),
      result === first ? '1' : ratio(result, first),
      result.dispatchesPerStep.toFixed(0),
      result.submitsPerStep.toFixed(1),
      (1 / result.submitsPerStep).toPrecision(2),
      `${(result.firstStepMs / 1000).toFixed(1)} s`,
      result === first ? '' : lossDifference(result, first),
    ];
  });
  printRows([COLUMNS, ...rows]);
  const { flops, bestFlopsPerSecond, kernel } = matmuls;
  const ms = (1000 * flops) / bestFlopsPerSecond;
  const times = (median(first.msPerStep) / ms).toFixed(2);
  const rate = `${(bestFlopsPerSecond / 1e9).toPrecision(3)} GFLOP/s (${kernel})`;
  print(
    `\nIts ${(flops / 1e9).toPrecision(3)} GFLOP of matmuls alone, at ${rate}, take ${ms.toFixed(1)} ms: a step of ${first.name} takes ${times} times that.`,
  );
}

/** How many times as long a step takes, round by round, so that a disturbance of the machine strikes both. */
function ratio(result: Result, first: Result): string {
  const ratios = result.msPerStep.map((ms, round) => ms / (first.msPerStep[round] ?? NaN));
  return `${median(ratios).toFixed(2)} x (${spread(ratios, 2)})`;
}

function lossDifference({ losses }: Result, first: Result): string {
  const differences = losses.map((loss, i) => Math.abs(loss / (first.losses[i] ?? NaN) - 1));
  const worst = differences.reduce((most, difference) => (difference <= most ? most : difference), 0);
  const verdict = worst <= LOSS_RTOL ? 'agree' : `differ by more than ${LOSS_RTOL}`;
  return `${worst.toExponential(1)} in ${losses.length} steps: ${verdict}`;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2;
}

function spread(values: readonly number[], digits: number): string {
  return `${Math.min(...values).toFixed(digits)}..${Math.max(...values).toFixed(digits)}`;
}

function printRows(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, i) => (cells[i] ?? '').padEnd(width)).join(' | ')} |`;
  rows.forEach((row, i) => {
    print(line(row));
    if (i === 0) print(`|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`);
  });
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
