import { SpecError } from '../../base/errors.ts';
import { flopsPerToken, tokensPerStep, vocabSize, type ParametersCounted, type RunSpec } from '../../spec/index.ts';
import type { OwnOptima } from '../laws/optima.ts';
import type { PlanLaw } from './law.ts';
import { allocate, type Allocation } from './plan.ts';
import { ratesFor, type RateRule, type Rates } from './rates.ts';
import { runOf, type PlannedRun } from './runs.ts';
import { budgetOfMinutes, type Speed } from './speed.ts';

export interface PlanSettings {
  readonly unit: 'flops' | 'minutes';
  readonly flops: number;
  readonly minutes: number;
  /** Tokens of inference that the budget pays too; 0: none. */
  readonly inferenceTokens: number;
  readonly rates: RateRule;
}

export interface PlanContext {
  /** What a run is besides its size, length, batch and learning rate. */
  readonly base: RunSpec;
  readonly law: PlanLaw;
  /** Which parameters N counts where the law does not say. */
  readonly counted: ParametersCounted;
  readonly speeds: readonly Speed[];
  /** What one's own sweeps found best. */
  readonly own: OwnOptima;
  /** Where nothing of a step's speed is known; null where not even the peak is. */
  readonly peak: Speed | null;
}

/** What a budget buys, and the run that is. */
export interface Planned {
  /** FLOPs: 6 N D where they were given, every matmul counted where they are minutes. */
  readonly budget: number;
  /** How minutes became FLOPs; null for a budget in FLOPs. */
  readonly speed: Speed | null;
  readonly allocation: Allocation;
  readonly rates: Rates;
  /** null where no model is near. */
  readonly run: PlannedRun | null;
  /** How long it trains, in ms; null where no speed is known. */
  readonly estimatedMs: number | null;
}

const MS_PER_SECOND = 1000;
/** FLOPs, minutes or tokens beyond which nothing is planned: what all of the world's GPUs do in centuries. */
export const MOST_FLOPS = 1e40;

/** Plans that are tried for a time, until one takes nearly all of it. */
const ROUNDS = 5;
const NEARLY = 0.985;
const SHADE = 0.995;

/** A speed must be measured first. */
export const UNMEASURED = 'unmeasured';

/** @throws SpecError for a budget that is none, and for a law that gives no size. */
export function makePlan(settings: PlanSettings, context: PlanContext): Planned | typeof UNMEASURED {
  const { base, law, own, speeds, peak } = context;
  const counted = law.counted ?? context.counted;
  const { inferenceTokens } = settings;
  checkPositive('budget', settings.unit === 'flops' ? settings.flops : settings.minutes, MOST_FLOPS);
  if (inferenceTokens !== 0) checkPositive('inference tokens', inferenceTokens, MOST_FLOPS);
  const planFor = (budget: number, by: PlanLaw = law): Part => {
    const allocation = withSense(allocate(by, budget, inferenceTokens), Math.log(vocabSize(base)));
    const at = { N: allocation.N.value, D: allocation.D.value };
    checkPositive(`law ${law.title}: N`, at.N, Infinity);
    checkPositive(`law ${law.title}: D`, at.D, Infinity);
    const rates = ratesFor(settings.rates, base, at.N, at.D, own);
    const chosen = { learningRate: rates.learningRate.value, batch: rates.batch.value };
    return { allocation, rates, run: runOf(base, at, chosen, counted) };
  };
  // On the way to a budget nothing needs intervals, which cost a plan for each resample.
  const bare = { ...law, replicates: [] };
  const tried = new Map<number, Part>();
  const roughly = (budget: number): Part => {
    const part = tried.get(budget) ?? planFor(budget, bare);
    tried.set(budget, part);
    return part;
  };
  const timed =
    settings.unit === 'minutes'
      ? budgetOfMinutes(settings.minutes, speeds, (budget) => flopsOfStep(roughly(budget).run?.spec ?? base))
      : null;
  const speed = timed?.speed ?? (settings.unit === 'minutes' ? peak : null);
  if (settings.unit === 'minutes' && speed === null) return UNMEASURED;
  const budget = speed === null ? settings.flops : settings.minutes * 60 * speed.flopsPerSecond;
  const plan = planFor(speed === null ? budget : budgetWithin(budget, roughly));
  const known = timed ?? (plan.run === null ? null : budgetOfMinutes(1, speeds, () => flopsOfStep(plan.run?.spec ?? base)));
  const estimatedMs = plan.run === null || known === null ? null : (plan.run.flops / known.speed.flopsPerSecond) * MS_PER_SECOND;
  return { budget, speed, ...plan, estimatedMs };
}

type Part = Pick<Planned, 'allocation' | 'rates' | 'run'>;

/**
 * The budget of 6 N D whose run costs what a time pays for, or a little less: models differ in size by steps, and every matmul of theirs
 * takes time, attention's and the head's too. What goes into inference is taken as the law counts it.
 */
function budgetWithin(flops: number, partFor: (budget: number) => Part): number {
  // Between the largest budget that fits and the smallest that does not, as far as they are known.
  let [budget, fits, over] = [flops, 0, Infinity];
  for (let round = 0; round < ROUNDS; round++) {
    const { run, allocation } = partFor(budget);
    if (run === null) return budget;
    const spent = run.flops + budget - allocation.C;
    if (spent <= flops) fits = Math.max(fits, budget);
    else over = Math.min(over, budget);
    if (spent <= flops && spent > NEARLY * flops) return budget;
    // A shade less than what would be all of it: steps are whole.
    const scaled = (budget * SHADE * flops) / spent;
    budget = scaled > fits && scaled < over ? scaled : Math.sqrt(fits * over);
  }
  return fits > 0 ? fits : budget;
}

/** Says it where a law foretells more than a model has that knows nothing. */
function withSense(allocation: Allocation, knowsNothing: number): Allocation {
  const { value } = allocation.lossNats;
  if (!(value > knowsNothing)) return allocation;
  const words =
    `The law foretells ${value.toFixed(2)} nats where a model that knows nothing has ${knowsNothing.toFixed(2)}: it does not hold at this ` +
    'size, and what it says of N and D is a place to start from.';
  return { ...allocation, warnings: [...allocation.warnings, words] };
}

function flopsOfStep(spec: RunSpec): number {
  return tokensPerStep(spec) * flopsPerToken(spec, vocabSize(spec)).total;
}

function checkPositive(where: string, value: number, most: number): void {
  if (value > 0 && value <= most && Number.isFinite(value)) return;
  throw new SpecError({ where, rule: 'is no positive number', got: String(value), expected: `above 0` });
}
