import { parameterCount, vocabSize } from '../spec/index.ts';
import { encodeWeights, initialWeights } from '../train/index.ts';
import type { Command } from './command.ts';
import { writeWhole } from './files.ts';
import { count } from './format.ts';
import { loadSpec } from './spec-file.ts';
import { readWords } from './words.ts';

export const init: Command = {
  usage: 'init SPEC.json --out W.safetensors',
  summary: 'the weights that a run starts from, as safetensors',
  help: `Writes the initial weights of a spec in f32, row-major, under the names that the README documents. They follow from the spec's
seed.init alone and are the same on every machine, so that "isoflop train SPEC.json --init W.safetensors" is "isoflop train SPEC.json".

  SPEC.json   the run, as JSON; - reads it from stdin
  --out       the file to write; one that is there is replaced`,
  run: async (argv, io) => {
    const words = readWords(argv, { out: 'value' }, ['SPEC.json']);
    const path = words.required('out', 'a file name');
    const spec = await loadSpec(words.operands[0] ?? '-', io);
    const weights = initialWeights(spec, vocabSize(spec));
    writeWhole(path, encodeWeights(weights, spec));
    io.out(`${path}: ${count(weights.length)} tensors, ${count(parameterCount(spec).total)} parameters\n`);
    return 0;
  },
};
