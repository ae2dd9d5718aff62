import type { Tuned } from '../engine/index.ts';
import { adapterName, withGpu } from './adapter.ts';
import type { Command } from './command.ts';
import { bytes, count, table } from './format.ts';
import { readWords } from './words.ts';

const IN_BYTES = /(BufferSize|BindingSize|StorageSize)$/;
/** Limits of drawing; this engine only computes. `--json` has them all. */
const DRAWING = /Texture|Sampler|Vertex|Color|InterStage|Fragment/;

export const device: Command = {
  usage: 'device [--json]',
  summary: 'the adapter in use, its features and limits',
  help: `The machine's own GPU is used where it has a driver, else the software adapter that ships with Chrome or Chromium; VK_DRIVER_FILES
chooses a driver. A software adapter computes on the CPU: its losses are those of a run like any other, its times say nothing about GPUs.

  --json   one JSON object: adapter, software, vendor, architecture, device, description, features, limits, tuned`,
  run: async (argv, io) => {
    const words = readWords(argv, { json: 'switch' }, []);
    const { report, tuned } = await withGpu((gpu, _, tunings) =>
      Promise.resolve({ report: gpu.report, tuned: [...tunings.values()] }),
    );
    if (words.has('json')) {
      io.out(`${JSON.stringify({ adapter: adapterName(report), ...report, tuned }, null, 2)}\n`);
      return 0;
    }
    const facts = [
      ['adapter', adapterName(report)],
      ['kind', report.software ? 'software: it computes on the CPU, so its times say nothing about GPUs' : 'hardware'],
      ['vendor', report.vendor],
      ['architecture', report.architecture],
      ['device', report.device],
      ['features', report.features.join(', ')],
      ['tuner', tuned.length === 0 ? 'nothing measured: isoflop bench kernels --tune' : tunedWords(tuned)],
    ];
    const limits = Object.entries(report.limits)
      .filter(([name]) => !DRAWING.test(name))
      .map(([name, value]) => [`  ${name}`, IN_BYTES.test(name) ? bytes(value) : count(value)]);
    io.out(`${table(facts.filter(([, value]) => value !== ''))}limits\n${table(limits)}`);
    return 0;
  },
};

function tunedWords(tuned: readonly Tuned[]): string {
  const changed = tuned.filter(({ chosen, candidates }) => chosen !== candidates[0]?.variant);
  return `${count(tuned.length)} shapes measured, ${count(changed.length)} of them with another variant than the first guess`;
}
