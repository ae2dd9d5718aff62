import { benchmarkSpecs, fitCosts, numericsReport, stepCost } from '../bench/index.ts';
import type { StepCost } from '../bench/index.ts';
import { readCorpus } from '../data/corpora-node.ts';
import type { Dataset } from '../data/index.ts';
import { choicesOf } from '../engine/index.ts';
import { defaultSpec } from '../spec/index.ts';
import type { RunSpec } from '../spec/index.ts';
import { openDataset } from '../train/index.ts';
import { adapterName, adapterWords, withGpu } from './adapter.ts';
import { benchFusion, benchLanes } from './bench-fusion.ts';
import { benchKernels } from './bench-kernels.ts';
import { numericsText } from './bench-numerics.ts';
import { gapsText, recipeStudy } from './bench-recipes.ts';
import type { Command } from './command.ts';

import { bytes, count, duration, significant, table } from './format.ts';
import type { Io } from './io.ts';
import { loadSpec } from './spec-file.ts';
import { fail, readWords, wholeNumber } from './words.ts';

export const bench: Command = {
  usage:
    'bench step|kernels|fusion|lanes|numerics|recipes|fit [SPEC.json...] [--tune] [--rounds N] [--words N] [--seeds N] [--save FILE] [--json]',
  summary:
    'what a training step costs on this adapter, whether emulated formats are what they should be, and what recipes do to the loss',
  help: `step      trains each spec for some seconds and prints the wall time of a step as a run has it, then the time of every kernel
          by GPU timestamps where the adapter has them. Without a spec: S and M, the two benchmark models.
          A spec that reads a file is given the State of the Union addresses.
kernels   times every kernel of the step of each spec, and holds it against the copies and multiply-adds that the adapter can do at most.
          Without a spec: S and M.
fusion    trains each spec with all fusion rules and none, with each rule alone and each taken away, in turns that share what slows the
          machine down, and prints the ratio of times with its interval. Without a spec: S and M.
lanes     trains 1, 2, 4, ... runs of each spec at once and prints their throughput together. Without a spec: S and M.
numerics  holds casts, products and delayed scaling against what they should be, then trains the spec in every recipe, turn by turn, with its
          casts fused and not, and prints what they cost. Without a spec: the default one.
recipes   trains the spec to its end in every recipe, from the same weights and on the same batches, and prints how far each ends from f32.
          Without a spec: the default one.
fit       fits the five-parameter law to 250 made-up points, from 500 starts and with 1,000 resamples, on one thread. It takes no spec.

  --tune   kernels first times the variants of every kernel that has several on the shapes of the step; the fastest are used from then on
  --rounds rounds of fusion, 3 or more; 7 when left out
  --words  random words that numerics casts on the CPU and on the GPU to each format; 1048576 when left out
  --json   one JSON object: adapter, software, and the costs of each spec, or what was found`,
  run: async (argv, io) => {
    const flags = { json: 'switch', tune: 'switch', rounds: 'value', words: 'value', seeds: 'value', save: 'value' } as const;
    const words = readWords(argv, flags, ['BENCHMARK', 'SPEC.json...']);
    const [what, ...paths] = words.operands;
    for (const [flag, benchmark] of Object.entries(FLAG_OF)) {
      if (words.has(flag as keyof typeof FLAG_OF) && what !== benchmark)
        fail({ where: `--${flag}`, rule: `it is a flag of bench ${benchmark}`, cure: 'Leave it out.' });
    }
    const number = (flag: 'words' | 'seeds' | 'rounds', max: number, min = 1): number | undefined => {
      const value = words.value(flag);
      return value === undefined ? undefined : wholeNumber(`--${flag}`, value, { min, max });
    };
    if (what === 'numerics') return benchNumerics(paths, number('words', 1e9), words.has('json'), io);
    if (what === 'fit') return benchFit(paths, words.has('json'), io);
    if (what === 'recipes') {
      const spec = await oneSpec(paths, 'recipes', io);
      return benchRecipes(spec, number('seeds', 64) ?? 3, words.value('save') ?? null, words.has('json'), io);
    }
    if (what !== 'step' && what !== 'kernels' && what !== 'fusion' && what !== 'lanes')
      fail({ where: 'bench', rule: 'there is no such benchmark', got: what ?? '', expected: BENCHMARKS });
    const specs = paths.length === 0 ? benchmarkSpecs() : await Promise.all(paths.map((path) => loadSpec(path, io)));
    const json = words.has('json');
    if (what === 'kernels') {
      const vocabOf = async (spec: RunSpec): Promise<number> => (await datasetOf(spec)).vocab;
      return benchKernels({ specs, vocabOf, tune: words.has('tune'), json }, io);
    }
    if (what === 'fusion') return benchFusion({ specs, datasetOf, json }, number('rounds', 1000, 3), io);
    if (what === 'lanes') return benchLanes({ specs, datasetOf, json }, io);
    return withGpu(async (gpu, verdicts, tunings) => {
      const { report } = gpu;
      if (!json) io.out(`${adapterWords(report)}\n`);
      const costs: StepCost[] = [];
      for (const spec of specs) {
        const cost = await stepCost({
          gpu,
          spec,
          dataset: await datasetOf(spec),
          verdicts,
          choices: choicesOf(tunings.values()),
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

const BENCHMARKS = 'step, kernels, fusion, lanes, numerics, recipes, fit';

/** Flags that one benchmark takes. */
const FLAG_OF = { rounds: 'fusion', tune: 'kernels', words: 'numerics', seeds: 'recipes', save: 'recipes' } as const;

async function benchNumerics(paths: readonly string[], random: number | undefined, json: boolean, io: Io): Promise<number> {
  const spec = await oneSpec(paths, 'numerics', io);
  return withGpu(async (gpu) => {
    const { report: adapter } = gpu;
    if (!json) io.out(`${adapterWords(adapter)}\n\n`);
    const onProgress = (said: string): void => io.err(`${said}\n`);
    const words = random === undefined ? {} : { words: random };
    const report = await numericsReport({ gpu, spec, dataset: await datasetOf(spec), ...words, onProgress });
    if (json) io.out(`${JSON.stringify({ adapter: adapterName(adapter), software: adapter.software, ...report }, null, 2)}\n`);
    else io.out(numericsText(report));
    return 0;
  });
}

function benchFit([surplus]: readonly string[], json: boolean, io: Io): number {
  if (surplus !== undefined) fail({ where: `"${surplus}"`, rule: 'bench fit takes no spec' });
  const costs = fitCosts();
  const rows = costs.map(({ loss, ms, objective, agree, starts }) => [
    loss,
    duration(ms),
    objective.toPrecision(8),
    `${agree} of ${starts} starts agree`,
  ]);
  io.out(json ? `${JSON.stringify({ costs }, null, 2)}\n` : table(rows, (column) => column === 1));
  return 0;
}

async function benchRecipes(spec: RunSpec, seeds: number, save: string | null, json: boolean, io: Io): Promise<number> {
  return withGpu(async (gpu) => {
    const study = await recipeStudy({ gpu, spec, dataset: await datasetOf(spec), seeds }, save, io);
    io.out(json ? `${JSON.stringify(study, null, 2)}\n` : gapsText(study));
    return 0;
  });
}

/** The one spec that a benchmark trains; the default one when none is named. */
async function oneSpec(paths: readonly string[], benchmark: string, io: Io): Promise<RunSpec> {
  const [path, surplus] = paths;
  if (surplus !== undefined) fail({ where: `"${surplus}"`, rule: `bench ${benchmark} takes one spec` });
  return path === undefined ? defaultSpec : loadSpec(path, io);
}

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
