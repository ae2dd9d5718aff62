import { benchmarkSpecs, stepCost } from '../bench/index.ts';
import type { StepCost } from '../bench/index.ts';
import { readCorpus } from '../data/corpora-node.ts';
import type { Dataset } from '../data/index.ts';
import type { RunSpec } from '../spec/index.ts';
import { openDataset } from '../train/index.ts';
import { adapterName, adapterWords, withGpu } from './adapter.ts';
import type { Command } from './command.ts';
import { bytes, count, significant, table } from './format.ts';
import { loadSpec } from './spec-file.ts';
import { fail, readWords } from './words.ts';

export const bench: Command = {
  usage: 'bench step [SPEC.json...] [--json]',
  summary: 'what a training step costs on this adapter',
  help: `step   trains each spec for some seconds and prints the wall time of a step as a run has it, then the time of every kernel
       by GPU timestamps where the adapter has them. Without a spec: S and M, the two benchmark models.
       A spec that reads a file is given the State of the Union addresses.

  --json   one JSON object: adapter, software, and for each spec its costs`,
  run: async (argv, io) => {
    const words = readWords(argv, { json: 'switch' }, ['BENCHMARK', 'SPEC.json...']);
    const [what, ...paths] = words.operands;
    if (what !== 'step') fail({ where: 'bench', rule: 'there is no such benchmark', got: what ?? '', expected: 'step' });
    const specs = paths.length === 0 ? benchmarkSpecs() : await Promise.all(paths.map((path) => loadSpec(path, io)));
    const json = words.has('json');
    return withGpu(async (gpu, verdicts) => {
      const { report } = gpu;
      if (!json) io.out(`${adapterWords(report)}\n`);
      const costs: StepCost[] = [];
      for (const spec of specs) {
        const cost = await stepCost({
          gpu,
          spec,
          dataset: await datasetOf(spec),
          verdicts,
          onProgress: (said) => io.err(`${said}\n`),
        });
        costs.push(cost);
        if (!json) io.out(`\n${costText(cost)}`);
      }
      if (json) io.out(`${JSON.stringify({ adapter: adapterName(report), software: report.software, costs }, null, 2)}\n`);
      return 0;
    });
  },
};

function datasetOf({ data }: RunSpec): Promise<Dataset> {
  return openDataset(data, {
    corpus: (name) => Promise.resolve(readCorpus(name)),
    file: () => Promise.resolve({ name: 'sotu', bytes: readCorpus('sotu').train }),
  });
}

/** A benchmark's lines: the step, then its kernels by their share of the sum of all kernels. */
function costText(cost: StepCost): string {
  const { msPerStep, kernels, flopsPerStep } = cost;
  const { median, low, high, windows } = msPerStep;
  const facts = [
    [
      'time of a step',
      `${significant(median, 3)} ms (quartiles ${significant(low, 3)} to ${significant(high, 3)} of ${windows} windows, ${count(cost.steps)} steps)`,
    ],
    [
      'throughput',
      `${count((1000 * cost.tokensPerStep) / median)} tokens/s, ${significant(flopsPerStep / median / 1e6, 3)} GFLOP/s`,
    ],
    ['dispatches', `${cost.dispatchesPerStep} a step, ${cost.stepsPerSubmit} steps a submit`],
    ['memory', `${bytes(cost.peakBytes)} of GPU buffers; the heap grew by ${signedBytes(cost.heapGrowthBytes)}`],
  ];
  const head = `${cost.name === '' ? 'run' : cost.name}: ${count(cost.parameters)} parameters, ${significant(flopsPerStep / 1e9, 3)} GFLOP a step\n${table(facts)}`;
  if (kernels === null) return `${head}no profile: this device has no timestamps\n`;
  const total = kernels.reduce((sum, { ms, perStep }) => sum + ms * perStep, 0);
  const rows = kernels.map(({ kernel, perStep, ms, rangeMs, flops, boundBytes, nodes }) => [
    kernel,
    String(perStep),
    `${significant(ms * 1000, 3)} us`,
    `${significant((100 * (rangeMs[1] - rangeMs[0])) / 2 / ms, 2)} %`,
    `${((100 * ms * perStep) / total).toFixed(1)} %`,
    flops === null ? '' : significant(flops / ms / 1e6, 3),
    significant(boundBytes / ms / 1e6, 3),
    nodes.length === 1 ? (nodes[0] ?? '') : `${nodes[0] ?? ''} and ${nodes.length - 1} more`,
  ]);
  const titles = ['kernel', 'a step', 'each', '+-', 'share', 'GFLOP/s', 'GB/s', 'nodes'];
  const sum = `kernels together ${significant(total, 3)} ms, ${significant((100 * total) / median, 3)} % of the step\n`;
  return `${head}${sum}${table([titles, ...rows], (column) => column > 0 && column < 7)}`;
}

function signedBytes(value: number): string {
  return value < 0 ? `-${bytes(-value)}` : bytes(value);
}
