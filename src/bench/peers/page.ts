import { Gpu } from '../../gpu/device.ts';
import { flopsPerToken, parameterCount, tokensPerStep } from '../../spec/index.ts';
import { measurePeak } from '../../train/peak.ts';
import m from '../specs/m.json';
import s from '../specs/s.json';
import xs from '../specs/xs.json';
import { layCourse } from './contender.ts';
import type { Contender, Course } from './contender.ts';
import { commandCounts, countCommands } from './counters.ts';
import { openIsoflop } from './isoflop.ts';
import { openJax } from './jax.ts';
import type { ContenderName, HeapMark, PageOptions, PageReport, Race, Result } from './report.ts';
import { openTfjs } from './tfjs.ts';

declare global {
  /** Given by the launcher: prints a line, and reads the heap's size after collecting garbage. */
  function progress(line: string): Promise<void>;
  function heapBytes(): Promise<number>;
  var runPeers: ((options: PageOptions) => Promise<PageReport>) | undefined;
}

const SPECS: Readonly<Record<string, unknown>> = { xs, s, m };
/** A contender that needs this long for a step takes part in the first few rounds only. */
const SLOW_STEP_MS = 5000;
const SLOW_ROUNDS = 3;
/** Small, so that thousands of steps take minutes on a software adapter. */
const HEAP_SPEC = 'xs';
const HEAP_WARM_UP_STEPS = 100;
const HEAP_PARTS = 10;

type RaceOptions = Omit<PageOptions, 'specs' | 'heapSteps'>;

/** A contender with what was measured of it so far. */
interface Runner {
  readonly name: ContenderName;
  readonly contender: Contender;
  readonly firstStepMs: number;
  readonly losses: number[];
  stepsPerSample: number;
  readonly msPerStep: number[];
  steps: number;
  dispatches: number;
  submits: number;
}

globalThis.runPeers = async (options) => {
  countCommands();
  const gpu = await Gpu.open();
  const fault = new Promise<never>((_, reject) => void gpu.onFault(reject));
  return Promise.race([fault, measure(gpu, options)]);
};

async function measure(gpu: Gpu, { specs, heapSteps, ...options }: PageOptions): Promise<PageReport> {
  const races: Race[] = [];
  for (const name of specs) races.push(await race(gpu, name, options));
  const heap = heapSteps === 0 ? null : { spec: HEAP_SPEC, marks: await watchHeap(gpu, HEAP_SPEC, heapSteps) };
  return { adapter: gpu.report, races, heap };
}

function open(name: ContenderName, gpu: Gpu, course: Course): Promise<Contender> {
  switch (name) {
    case 'isoflop':
      return openIsoflop(gpu, course);
    case 'jax-js':
      return openJax(course);
    case 'tfjs':
      return openTfjs(course);
  }
}

/** First the losses of each contender, which warm it up; then timed samples, one of each a round. */
async function race(gpu: Gpu, specName: string, options: RaceOptions): Promise<Race> {
  const course = await layCourse(SPECS[specName]);
  const runners: Runner[] = [];
  for (const name of options.contenders) {
    const runner = await warmUp(name, gpu, course, options);
    runners.push(runner);
    await progress(
      `${specName} ${name}: first step ${runner.firstStepMs.toFixed(0)} ms, loss ${runner.losses.at(-1)} after ${runner.losses.length}`,
    );
  }
  for (let round = 1; round <= options.rounds; round++) {
    const taking = runners.filter((runner) => round <= SLOW_ROUNDS || (runner.msPerStep.at(-1) ?? 0) < SLOW_STEP_MS);
    if (taking.length === 0) break;
    for (const runner of taking) await sample(runner);
    await progress(
      `${specName} round ${round}: ${taking.map((r) => `${r.name} ${r.msPerStep.at(-1)?.toFixed(1)} ms`).join(', ')}`,
    );
  }
  for (const { contender } of runners) contender.destroy();
  const { spec, dataset } = course;
  const { matmulFlopsPerSecond, kernel } = await measurePeak(gpu);
  return {
    spec: specName,
    tokensPerStep: tokensPerStep(spec),
    matmuls: {
      flops: tokensPerStep(spec) * flopsPerToken(spec, dataset.vocab, 'causal').total,
      bestFlopsPerSecond: matmulFlopsPerSecond,
      kernel,
    },
    parameters: parameterCount(spec, dataset.vocab).total,
    results: runners.map(({ name, firstStepMs, losses, stepsPerSample, msPerStep, steps, dispatches, submits }): Result => ({
      name,
      firstStepMs,
      losses,
      stepsPerSample,
      msPerStep,
      dispatchesPerStep: dispatches / steps,
      submitsPerStep: submits / steps,
    })),
  };
}

async function warmUp(
  name: ContenderName,
  gpu: Gpu,
  course: Course,
  { checkSteps, checkMs, sampleMs }: RaceOptions,
): Promise<Runner> {
  const openedAt = performance.now();
  const contender = await open(name, gpu, course);
  const losses = [await contender.train(1)];
  const firstStepMs = performance.now() - openedAt;
  const startedAt = performance.now();
  while (losses.length < checkSteps && performance.now() - startedAt < checkMs) losses.push(await contender.train(1));
  const msPerStep = (performance.now() - startedAt) / (losses.length - 1);
  const stepsPerSample = Math.max(1, Math.ceil(sampleMs / msPerStep));
  return { name, contender, firstStepMs, losses, stepsPerSample, msPerStep: [], steps: 0, dispatches: 0, submits: 0 };
}

async function sample(runner: Runner): Promise<void> {
  const { contender, stepsPerSample } = runner;
  const before = commandCounts();
  const startedAt = performance.now();
  await contender.train(stepsPerSample);
  runner.msPerStep.push((performance.now() - startedAt) / stepsPerSample);
  const after = commandCounts();
  runner.steps += stepsPerSample;
  runner.dispatches += after.dispatches - before.dispatches;
  runner.submits += after.submits - before.submits;
}

/** Our own heap over a long run, rounded up to whole parts. */
async function watchHeap(gpu: Gpu, specName: string, steps: number): Promise<readonly HeapMark[]> {
  const contender = await openIsoflop(gpu, await layCourse(SPECS[specName]));
  await contender.train(HEAP_WARM_UP_STEPS);
  const partSteps = Math.ceil(steps / HEAP_PARTS);
  const marks: HeapMark[] = [{ step: 0, heapBytes: await heapBytes(), msPerStep: NaN }];
  for (let part = 1; part <= HEAP_PARTS; part++) {
    const startedAt = performance.now();
    await contender.train(partSteps);
    const msPerStep = (performance.now() - startedAt) / partSteps;
    marks.push({ step: part * partSteps, msPerStep, heapBytes: await heapBytes() });
    await progress(
      `${specName} heap: ${((marks.at(-1)?.heapBytes ?? NaN) / 2 ** 20).toFixed(2)} MiB after ${part * partSteps} steps`,
    );
  }
  contender.destroy();
  return marks;
}
