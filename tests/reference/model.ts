import { unreachable } from '../../src/base/errors.ts';
import type { RunSpec } from '../../src/spec/run-spec.ts';
import { totalSteps } from '../../src/spec/steps.ts';
import { at } from './model/matrix.ts';
import { Parameters, likelihood, network } from './model/network.ts';

/** One micro-batch: `tokens [B,T]` and, for each, the token that follows. */
export interface Batch {
  readonly tokens: ArrayLike<number>;
  readonly targets: ArrayLike<number>;
}

export interface Trajectory {
  /** Of each step: the mean negative log-likelihood over all tokens of the step, nats, before its update. */
  readonly losses: readonly number[];
  /** Of each step: the norm of the whole gradient before clipping. */
  readonly gradNorms: readonly number[];
  /** After the last step. */
  readonly weights: ReadonlyMap<string, Float64Array>;
}

/** Of one micro-batch: the mean nll, the mean of nll + z-loss (what is minimised), and the gradient of the latter. */
export interface Gradient {
  readonly loss: number;
  readonly objective: number;
  readonly gradients: ReadonlyMap<string, Float64Array>;
}

type Weights = ReadonlyMap<string, Float64Array>;

/**
 * The whole of a run in f64 plain loops: the second implementation that the engine's trajectories are held against. It shares
 * with the engine the spec's types and its number of steps, and no mathematics: not the graph, not the references of ops, not
 * the schedule.
 *
 * @param weights by the names and layouts of `parameterShapes`; left as they are.
 * @param batches one a micro-batch; as many steps run as they fill, of the steps that the spec's budget says.
 * @throws RangeError when weights are missing or unknown, or batches do not fill whole steps.
 */
export function referenceTraining(spec: RunSpec, weights: Weights, batches: readonly Batch[]): Trajectory {
  const { gradAccum } = spec.data;
  if (batches.length % gradAccum !== 0) throw new RangeError(`${batches.length} micro-batches do not fill steps of ${gradAccum}`);
  const current = new Map([...weights].map(([name, value]) => [name, value.slice()]));
  const moments = new Map(
    [...weights].map(([name, { length }]) => [name, { m: new Float64Array(length), v: new Float64Array(length) }]),
  );
  const [losses, gradNorms]: [number[], number[]] = [[], []];
  const steps = totalSteps(spec);
  for (let step = 1; step <= batches.length / gradAccum; step++) {
    const micro = batches.slice((step - 1) * gradAccum, step * gradAccum).map((batch) => referenceGradient(spec, current, batch));
    losses.push(micro.reduce((sum, { loss }) => sum + loss, 0) / gradAccum);
    const gradient = new Map([...current.keys()].map((name) => [name, average(micro.map((one) => need(one.gradients, name)))]));
    let squares = 0;
    for (const values of gradient.values()) squares += values.reduce((sum, value) => sum + value * value, 0);
    gradNorms.push(Math.sqrt(squares));
    const { clip } = spec.optimizer;
    const shrink = clip === null ? 1 : Math.min(1, clip / Math.sqrt(squares));
    const lr = spec.optimizer.lr * scheduleFactor(spec.schedule, step, steps);
    // A norm that is not finite halts the run: its weights stay as they are, and m is NaN from then on.
    if (!Number.isFinite(squares)) for (const { m } of moments.values()) m.fill(NaN);
    for (const [name, values] of current) {
      const decay = name.endsWith('.weight') ? spec.optimizer.weightDecay : 0;
      adamw(
        values,
        need(gradient, name).map((value) => value * shrink),
        need(moments, name),
        { ...spec.optimizer, lr, decay },
        step,
      );
    }
  }
  return { losses, gradNorms, weights: current };
}

/** Loss and gradient of one micro-batch of `[B,T]` tokens, T the spec's context. */
export function referenceGradient(spec: RunSpec, weights: Weights, batch: Batch): Gradient {
  const parameters = new Parameters(weights);
  const count = batch.tokens.length;
  let [nll, penalty] = [0, 0];
  for (const [tokens, targets] of sequences(batch, spec.data.context)) {
    const pass = network(spec, parameters, tokens);
    const row = likelihood(pass.logits, targets, spec.loss.zLoss);
    nll += row.nll;
    penalty += row.penalty;
    pass.back(row.dlogits.map((value) => value / count));
  }
  parameters.requireAllUsed();
  const gradients = new Map([...parameters.all].map(([name, parameter]) => [name, parameter.gradient]));
  return { loss: nll / count, objective: (nll + penalty) / count, gradients };
}

/** Mean nll of one batch, nats. */
export function referenceLoss(spec: RunSpec, weights: Weights, batch: Batch): number {
  const parameters = new Parameters(weights);
  let nll = 0;
  for (const [tokens, targets] of sequences(batch, spec.data.context)) {
    nll += likelihood(network(spec, parameters, tokens).logits, targets, 0).nll;
  }
  return nll / batch.tokens.length;
}

function sequences({ tokens, targets }: Batch, context: number): [Uint32Array, Uint32Array][] {
  if (tokens.length !== targets.length || tokens.length % context !== 0) {
    throw new RangeError(`${tokens.length} tokens and ${targets.length} targets are not rows of ${context}`);
  }
  const [all, next] = [Uint32Array.from(tokens), Uint32Array.from(targets)];
  return Array.from({ length: all.length / context }, (_, b) => [
    all.subarray(b * context, (b + 1) * context),
    next.subarray(b * context, (b + 1) * context),
  ]);
}

/** Learning rate of a step, from 1, over the peak: a line up over the warm-up, then as the kind says, finalRatio at the end. */
export function scheduleFactor(
  { kind, warmupSteps, cooldown, finalRatio }: RunSpec['schedule'],
  step: number,
  steps: number,
): number {
  if (step <= warmupSteps) return step / warmupSteps;
  /** 1 until a decay over the last `length` steps starts, 0 at its end and after. */
  const left = (length: number): number => (step >= steps ? 0 : Math.min(1, (steps - step) / length));
  switch (kind) {
    case 'constant':
      return 1;
    case 'linear':
      return finalRatio + (1 - finalRatio) * left(steps - warmupSteps);
    case 'cosine':
      return finalRatio + (1 - finalRatio) * Math.sin((Math.PI / 2) * left(steps - warmupSteps)) ** 2;
    case 'wsd': {
      const length = Math.round(cooldown * steps);
      return length === 0 ? 1 : finalRatio + (1 - finalRatio) * left(length);
    }
    default:
      return unreachable(kind);
  }
}

interface AdamW {
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly decay: number;
}

/**
 * One step of AdamW, Loshchilov and Hutter 2019, algorithm 2, the decay multiplied by the learning rate as is usual. Where the first moment
 * is NaN, the mark of a run that has halted, nothing moves.
 */
function adamw(
  w: Float64Array,
  g: Float64Array,
  { m, v }: { m: Float64Array; v: Float64Array },
  rule: AdamW,
  step: number,
): void {
  const [seen1, seen2] = [1 - rule.beta1 ** step, 1 - rule.beta2 ** step];
  g.forEach((slope, i) => {
    if (Number.isNaN(at(m, i))) return;
    const first = rule.beta1 * at(m, i) + (1 - rule.beta1) * slope;
    const second = rule.beta2 * at(v, i) + (1 - rule.beta2) * slope * slope;
    const weight = at(w, i);
    w[i] = weight - rule.lr * (first / seen1 / (Math.sqrt(second / seen2) + rule.eps) + rule.decay * weight);
    m[i] = first;
    v[i] = second;
  });
}

function average(parts: readonly Float64Array[]): Float64Array {
  const [first, ...rest] = parts;
  if (first === undefined) throw new RangeError('an average of nothing');
  return first.map((value, i) => rest.reduce((sum, part) => sum + at(part, i), value) / parts.length);
}

function need<T>(map: ReadonlyMap<string, T>, name: string): T {
  const found = map.get(name);
  if (found === undefined) throw new RangeError(`${name} is missing`);
  return found;
}
