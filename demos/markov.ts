/** The loss of a transformer against the entropy rate of its source, which is known exactly. */
import { prepareDataset } from '../src/data/index.ts';
import { Gpu } from '../src/gpu/index.ts';
import { parseSpec } from '../src/spec/index.ts';
import { Trainer } from '../src/train/index.ts';
import { adapterName, draw, element, say } from './page.ts';

const STEPS = 400;
const EVERY = 10;

const spec = parseSpec({
  version: 1,
  data: { source: 'markov', context: 32, batch: 8, markov: { symbols: 16, order: 1, concentration: 0.3, seed: 7 } },
  model: { layers: 1, width: 32, heads: 2 },
  optimizer: { lr: 0.01 },
  schedule: { kind: 'cosine', warmupSteps: 20, finalRatio: 0.05 },
  budget: { steps: STEPS },
  eval: { everySteps: EVERY, batches: 8 },
});

try {
  const gpu = await Gpu.open();
  gpu.onFault((error) => say(error.message, true));
  const { context, order, tokenizer, merges, markov } = spec.data;
  const dataset = await prepareDataset({ kind: 'markov', markov }, { context, order, tokenizer, merges });
  const rate = dataset.entropyRateNats ?? NaN;
  element('rate').textContent = `${rate.toFixed(4)} nats per symbol`;
  say('Compiling kernels…');
  const trainer = await Trainer.create({ gpu, specs: [spec], dataset });
  const losses: number[] = [];
  for (;;) {
    const loss = (await trainer.evaluate('validation'))?.[0] ?? NaN;
    losses.push(loss);
    draw([losses], 1 + STEPS / EVERY, { floor: rate });
    element('loss').textContent = `${loss.toFixed(4)} nats per symbol`;
    element('gap').textContent = `${(loss - rate).toFixed(4)} nats, ${((100 * (loss - rate)) / rate).toFixed(1)} % of the rate`;
    say(`Step ${trainer.step} of ${STEPS} on ${adapterName(gpu.report)}`);
    if (trainer.step >= STEPS) break;
    await trainer.free();
    await trainer.advance(EVERY);
  }
} catch (error) {
  say(error instanceof Error ? error.message : String(error), true);
}
