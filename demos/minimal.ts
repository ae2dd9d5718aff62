/** The smallest page that trains: text, spec, trainer, loop. */
import { decodeText, prepareDataset } from '../src/data/index.ts';
import { Gpu } from '../src/gpu/index.ts';
import { parseSpec } from '../src/spec/index.ts';
import { Trainer } from '../src/train/index.ts';
import { adapterName, draw, element, say } from './page.ts';

const STEPS = 300;

// Anything will do as a text; this one counts, so that a minute of training shows.
const digits = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
const spell = (n: number): string =>
  String(n)
    .replaceAll(/\d/g, (digit) => `${digits[Number(digit)]} `)
    .trim();
const text = Array.from({ length: 2000 }, (_, n) => `${n} is ${spell(n)}.\n`).join('');

const spec = parseSpec({
  version: 1,
  data: { source: 'file', context: 32, batch: 8 },
  model: { layers: 1, width: 32, heads: 2 },
  optimizer: { lr: 0.01 },
  schedule: { warmupSteps: 20 },
  budget: { steps: STEPS },
});

try {
  const gpu = await Gpu.open();
  gpu.onFault((error) => say(error.message, true));
  const { context, order, tokenizer, merges } = spec.data;
  const bytes = new TextEncoder().encode(text);
  const dataset = await prepareDataset({ kind: 'file', name: 'numbers', bytes }, { context, order, tokenizer, merges });
  say('Compiling kernels…');
  const trainer = await Trainer.create({ gpu, specs: [spec], dataset });
  const losses: number[] = [];
  while (trainer.step < STEPS) {
    await trainer.free();
    const { lossNats } = await trainer.advance(2);
    losses.push(...lossNats);
    draw([losses], STEPS);
    say(`Step ${trainer.step} of ${STEPS} on ${adapterName(gpu.report)}: loss ${losses.at(-1)?.toFixed(3)} nats per byte`);
    if (trainer.step % 50 !== 0) continue;
    const written = await trainer.sample(new TextEncoder().encode('12'), { tokens: 120, temperature: 0.5, draw: trainer.step });
    element('sample').textContent = `12${decodeText(written)}`;
  }
} catch (error) {
  say(error instanceof Error ? error.message : String(error), true);
}
