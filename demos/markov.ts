/** A ladder of transformers on a source whose entropy is known, and a scaling law that must find it. */
import { prepareDataset, type Dataset } from '../src/data/index.ts';
import { Gpu } from '../src/gpu/index.ts';
import type { Fit } from '../src/laws/index.ts';
import { parameterCount, tokensPerStep } from '../src/spec/index.ts';
import { Trainer } from '../src/train/index.ts';
import { drawStudy, type FittedFloor } from './markov-chart.ts';
import {
  fitStudy,
  knownEntropy,
  rungs,
  specOf,
  tooFew,
  verdictOf,
  type Rung,
  type Study,
  type StudyPoint,
} from './markov-study.ts';
import kept from './markov.json' with { type: 'json' };
import { adapterName, element, say } from './page.ts';

const study: Study = kept;
const known = knownEntropy(study);

/** `full` is the study that was kept, once more. */
const LADDERS: { readonly [name: string]: readonly Rung[] } = {
  tiny: rungs([8, 16], [10, 20, 40], [1]),
  small: rungs([8, 16, 32], [100, 200, 400], [3]),
  full: rungs([8, 16, 24, 32, 48], [100, 200, 400, 800], [1, 2]),
};
const ladder = LADDERS[new URLSearchParams(location.search).get('ladder') ?? 'small'] ?? LADDERS['small'] ?? [];

const own: StudyPoint[] = [];
let fitted: FittedFloor | null = null;
let ownFitted: FittedFloor | null = null;
let fitting = new AbortController();

const show = (): void => drawStudy({ kept: study.points, own, fitted, ownFitted, known });
const floorOf = (fit: Fit): FittedFloor => ({ params: fit.params, ...verdictOf(fit, known) });

/** Fits what was trained here, and forgets a fit of fewer points that still goes on. */
async function refit(): Promise<void> {
  const few = tooFew(own);
  if (few !== null) {
    element('own').textContent = few;
    return;
  }
  fitting.abort();
  fitting = new AbortController();
  const { signal } = fitting;
  try {
    const fit = await fitStudy(own, signal);
    ownFitted = floorOf(fit);
    element('own').textContent = `After ${own.length} runs: ${verdictOf(fit, known).words}`;
    show();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function train(gpu: Gpu, dataset: Dataset, rung: Rung, place: string): Promise<StudyPoint> {
  const spec = specOf(study, rung);
  const trainer = await Trainer.create({ gpu, specs: [spec], dataset });
  try {
    while (trainer.step < rung.steps) {
      await trainer.free();
      await trainer.advance(Math.min(10, rung.steps - trainer.step));
      say(`${place}: width ${rung.width}, step ${trainer.step} of ${rung.steps} on ${adapterName(gpu.report)}`);
    }
    const loss = (await trainer.evaluate('validation'))?.[0] ?? Number.NaN;
    return { ...rung, N: parameterCount(spec).total, D: rung.steps * tokensPerStep(spec), loss };
  } finally {
    trainer.destroy();
  }
}

async function climb(): Promise<void> {
  const gpu = await Gpu.open();
  gpu.onFault((error) => say(error.message, true));
  const { context, order, tokenizer, merges, markov } = specOf(study, { width: 8, steps: 10, seed: 1 }).data;
  const dataset = await prepareDataset({ kind: 'markov', markov }, { context, order, tokenizer, merges });
  let refitted: Promise<void> = Promise.resolve();
  for (const [i, rung] of ladder.entries()) {
    own.push(await train(gpu, dataset, rung, `Run ${i + 1} of ${ladder.length}`));
    show();
    refitted = refit();
    refitted.catch(fail);
  }
  await refitted;
  say(`All ${ladder.length} runs trained on ${adapterName(gpu.report)}.`);
}

function fail(error: unknown): void {
  say(error instanceof Error ? error.message : String(error), true);
}

try {
  element('rate').textContent = `${known.toFixed(4)} nats per symbol`;
  show();
  const fit = await fitStudy(study.points);
  fitted = floorOf(fit);
  element('verdict').textContent = verdictOf(fit, known).words;
  element('kept').textContent = `${study.points.length} runs on ${study.adapter}${study.software ? ', a software adapter' : ''}`;
  element('loss').textContent = `${fitted.E.toFixed(4)} nats per symbol`;
  show();
  await climb();
} catch (error) {
  fail(error);
}
