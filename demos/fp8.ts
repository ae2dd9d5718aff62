/** bf16 against FP8: two trainers, three seeds as lanes of each, and what their difference is worth. */
import { prepareDataset } from '../src/data/index.ts';
import { Gpu } from '../src/gpu/index.ts';
import { gapOver, verdictOf } from '../src/laws/index.ts';
import { parseSpec } from '../src/spec/index.ts';
import { Trainer } from '../src/train/index.ts';
import { adapterName, draw, element, say } from './page.ts';

const STEPS = 240;
const SEEDS = [1, 2, 3];
const RECIPES = ['bf16', 'fp8-current'] as const;

const specOf = (recipe: (typeof RECIPES)[number], seed: number): ReturnType<typeof parseSpec> =>
  parseSpec({
    version: 1,
    data: { source: 'markov', context: 32, batch: 4, markov: { symbols: 32, order: 1, concentration: 0.2 } },
    model: { layers: 1, width: 32, heads: 2 },
    optimizer: { lr: 0.01 },
    schedule: { warmupSteps: 20 },
    budget: { steps: STEPS },
    seed: { init: seed, data: seed },
    precision: { recipe },
  });

/** Losses of a recipe so far, one list a seed. */
interface Arm {
  readonly trainer: Trainer;
  readonly losses: number[][];
}

const meanOf = ({ losses }: Arm): number[] =>
  (losses[0] ?? []).map((_, step) => losses.reduce((sum, seed) => sum + (seed[step] ?? NaN), 0) / losses.length);

async function advance({ trainer, losses }: Arm): Promise<void> {
  await trainer.free();
  const { lossNats } = await trainer.advance(2);
  lossNats.forEach((loss, i) => void losses[i % losses.length]?.push(loss));
}

try {
  const gpu = await Gpu.open();
  gpu.onFault((error) => say(error.message, true));
  const { data } = specOf('bf16', 1);
  const { context, order, tokenizer, merges, batch } = data;
  const source = { kind: 'markov', markov: data.markov, trainTokens: 2 ** 17, validationTokens: 2 ** 12 } as const;
  const dataset = await prepareDataset(source, { context, order, tokenizer, merges });
  say('Compiling kernels…');
  const [bf16, fp8] = await Promise.all(
    RECIPES.map(async (recipe): Promise<Arm> => {
      const specs = SEEDS.map((seed) => specOf(recipe, seed));
      return { trainer: await Trainer.create({ gpu, specs, dataset }), losses: SEEDS.map(() => []) };
    }),
  );
  if (bf16 === undefined || fp8 === undefined) throw new Error('two recipes make two arms');
  for (const [name, { trainer }] of Object.entries({ bf16, fp8 }))
    element(`kept-${name}`).textContent = `${(trainer.memory.keptBytes / 1024).toFixed(1)} KiB a seed`;
  while (fp8.trainer.step < STEPS) {
    await advance(bf16);
    await advance(fp8);
    const { step } = fp8.trainer;
    draw([meanOf(bf16), meanOf(fp8)], STEPS);
    say(`Step ${step} of ${STEPS} on ${adapterName(gpu.report)}`);
    if (step % 40 !== 0) continue;
    const gap = gapOver({ arm: fp8.losses, baseline: bf16.losses }, Math.floor(0.75 * step), step);
    if (gap === null) continue;
    const names = { arm: 'fp8-current', baseline: 'bf16', tokensPerStep: batch * context };
    element('verdict').textContent = verdictOf(gap, names).text;
  }
} catch (error) {
  say(error instanceof Error ? error.message : String(error), true);
}
