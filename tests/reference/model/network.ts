import type { RunSpec } from '../../../src/spec/run-spec.ts';
import { attention, headNorm, linear, linearTransposed, nonlinearity, norm, rotary, softcap, softmax } from './layers.ts';
import { Matrix, Parameter, at } from './matrix.ts';
import type { Layer } from './matrix.ts';

/** The trained tensors of a model by the names of `parameterShapes`. */
export class Parameters {
  readonly all: ReadonlyMap<string, Parameter>;
  private readonly asked = new Set<string>();

  constructor(weights: ReadonlyMap<string, Float64Array>) {
    this.all = new Map([...weights].map(([name, value]) => [name, new Parameter(value.slice())]));
  }

  get(name: string): Parameter {
    const found = this.all.get(name);
    if (found === undefined) throw new RangeError(`weights: ${name} is missing`);
    this.asked.add(name);
    return found;
  }

  /** @throws RangeError when the model never asked for a tensor that it was given: a wrong name must not go unnoticed. */
  requireAllUsed(): void {
    for (const name of this.all.keys()) if (!this.asked.has(name)) throw new RangeError(`weights: ${name} is not of this model`);
  }
}

type ModelSpec = Pick<RunSpec, 'model'>;

/** Logits `[T,V]` of one sequence, and the pullback of their gradient into the parameters. */
export function network(
  { model }: ModelSpec,
  parameters: Parameters,
  tokens: Uint32Array,
): { logits: Matrix; back(dlogits: Matrix): void } {
  const biasOf = (name: string): Parameter | undefined => (model.bias ? parameters.get(`${name}.bias`) : undefined);
  const dense = (name: string, x: Matrix): Layer => linear(x, parameters.get(`${name}.weight`), biasOf(name));
  const normed = (name: string, x: Matrix): Layer =>
    norm(x, model.norm, parameters.get(`${name}.gain`), model.norm === 'layernorm' ? biasOf(name) : undefined);
  const kvHeads = model.kvHeads ?? model.heads;
  const headSize = model.width / model.heads;

  const attend = (block: string, x: Matrix): Layer =>
    chain(
      x,
      (h) => normed(`${block}.norm1`, h),
      (h) => dense(`${block}.attn.qkv`, h),
      model.qkNorm && ((h) => headNorm(h, 0, model.heads, headSize, parameters.get(`${block}.attn.qnorm.gain`))),
      model.qkNorm && ((h) => headNorm(h, model.heads, kvHeads, headSize, parameters.get(`${block}.attn.knorm.gain`))),
      model.position === 'rope' && ((h) => rotary(h, model.heads + kvHeads, headSize)),
      (h) => attention(h, model.heads, kvHeads, headSize),
      (h) => dense(`${block}.attn.proj`, h),
    );
  const think = (block: string, x: Matrix): Layer =>
    chain(
      x,
      (h) => normed(`${block}.norm2`, h),
      (h) => dense(`${block}.mlp.fc`, h),
      (h) => nonlinearity(h, model.mlp),
      (h) => dense(`${block}.mlp.proj`, h),
    );

  const embedded = embed(parameters.get('embed.weight'), model.width, tokens);
  const placed = model.position === 'learned' ? place(parameters.get('position.weight'), embedded.y) : undefined;
  const blocks = Array.from({ length: model.layers }, (_, i) => `blocks.${i}`);
  const body = chain(
    placed?.y ?? embedded.y,
    ...blocks.flatMap((block) => [(x: Matrix) => residual(x, attend(block, x)), (x: Matrix) => residual(x, think(block, x))]),
    (x) => normed('final.norm', x),
    (x) => (model.tied ? linearTransposed(x, parameters.get('embed.weight')) : linear(x, parameters.get('head.weight'))),
    model.logitSoftcap !== null && ((x) => softcap(x, model.logitSoftcap ?? Infinity)),
  );
  return {
    logits: body.y,
    back(dlogits) {
      const dx = body.back(dlogits);
      embedded.back(placed?.back(dx) ?? dx);
    },
  };
}

/** Layers one after another; `false` stands for one that the model leaves out. */
function chain(x: Matrix, ...layers: readonly (((x: Matrix) => Layer) | false)[]): Layer {
  const done: Layer[] = [];
  let y = x;
  for (const layer of layers) {
    if (layer === false) continue;
    const step = layer(y);
    done.push(step);
    y = step.y;
  }
  return { y, back: (dy) => done.reduceRight((slope, step) => step.back(slope), dy) };
}

function residual(x: Matrix, branch: Layer): Layer {
  return { y: x.plus(branch.y), back: (dy) => dy.plus(branch.back(dy)) };
}

function embed(table: Parameter, width: number, tokens: Uint32Array): Layer {
  const y = new Matrix(tokens.length, width);
  tokens.forEach((token, t) => y.row(t).set(table.value.subarray(token * width, (token + 1) * width)));
  const back = (dy: Matrix): Matrix => {
    tokens.forEach((token, t) => {
      for (let c = 0; c < width; c++) table.gradient[token * width + c] = at(table.gradient, token * width + c) + dy.get(t, c);
    });
    return dy;
  };
  return { y, back };
}

function place(table: Parameter, x: Matrix): Layer {
  const back = (dy: Matrix): Matrix => {
    dy.data.forEach((slope, i) => void (table.gradient[i] = at(table.gradient, i) + slope));
    return dy;
  };
  return { y: x.map((value, i) => value + at(table.value, i)), back };
}

/**
 * Of each row of logits the negative log-likelihood of its target, and the gradient of the sum of
 * `nll + zLoss * lse^2` over rows.
 */
export function likelihood(
  logits: Matrix,
  targets: Uint32Array,
  zLoss: number,
): { nll: number; penalty: number; dlogits: Matrix } {
  let [nll, penalty] = [0, 0];
  const dlogits = new Matrix(logits.rows, logits.cols);
  targets.forEach((target, t) => {
    const row = logits.row(t);
    const p = softmax(row);
    // exp(logit - lse) is the probability; the likeliest column gives lse without cancellation.
    const likeliest = p.reduce((best, value, v) => (value > at(p, best) ? v : best), 0);
    const lse = at(row, likeliest) - Math.log(at(p, likeliest));
    nll += lse - at(row, target);
    penalty += zLoss * lse ** 2;
    p.forEach((value, v) => dlogits.set(t, v, value + 2 * zLoss * lse * value - (v === target ? 1 : 0)));
  });
  return { nll, penalty, dlogits };
}
