import type { ModelSpec, RunSpec } from './run-spec.ts';

export type Init = { readonly kind: 'normal'; readonly std: number } | { readonly kind: 'ones' } | { readonly kind: 'zeros' };

export interface ParameterShape {
  /** Name in the graph, in checkpoints and in exported weights: `blocks.0.attn.qkv.weight`. */
  readonly name: string;
  /** Linear weights are `[in, out]`: y = x W + b. */
  readonly shape: readonly number[];
  /** The shape in letters: C width, V vocabulary, T context, H heads, Hkv key and value heads, D = C/H, F MLP width. */
  readonly layout: string;
  readonly role: 'embedding' | 'position' | 'linear' | 'head' | 'bias' | 'gain';
  readonly init: Init;
  /** Decoupled weight decay applies: tensors of two or more dimensions. */
  readonly decay: boolean;
}

/** Parts of a spec that decide the tensors. */
export type ShapeSpec = Pick<RunSpec, 'data' | 'model'>;

const INIT_STD = 0.02;

/** Token ids are 0 .. vocabulary - 1: 256 bytes, 256 + merges for BPE (whether or not training found them all), the symbols of a Markov source. */
export function vocabSize({ data }: Pick<RunSpec, 'data'>): number {
  if (data.source === 'markov') return data.markov.symbols;
  return data.tokenizer === 'bpe' ? 256 + data.merges : 256;
}

/** D, channels of a head. */
export function headSize({ width, heads }: ModelSpec): number {
  return width / heads;
}

/** Hkv, heads of keys and values. */
export function kvHeadCount({ heads, kvHeads }: ModelSpec): number {
  return kvHeads ?? heads;
}

/** F: mlpRatio * width, to the nearest multiple of 4, at least 4. SwiGLU has a gate and an up projection of this width each. */
export function mlpWidth({ width, mlpRatio }: ModelSpec): number {
  return Math.max(4, 4 * Math.round((mlpRatio * width) / 4));
}

/**
 * Every trained tensor of the model, in order: the list that the model builder, checkpoints, `isoflop init` and the documentation
 * share. Columns of `attn.qkv` are the query heads, then the key heads, then the value heads; columns of a SwiGLU `mlp.fc` are the
 * gate, then the up projection. A tied model has no `head.weight`: its head is the transpose of `embed.weight`.
 *
 * Init: N(0, 0.02); the two projections into the residual stream N(0, 0.02 / sqrt(2 layers)); gains 1; biases 0 (GPT-2).
 */
export function parameterShapes(spec: ShapeSpec, vocab: number = vocabSize(spec)): readonly ParameterShape[] {
  const { model, data } = spec;
  const C = model.width;
  const D = headSize(model);
  const F = mlpWidth(model);
  const fc = model.mlp === 'swiglu' ? ([2 * F, '2F'] as const) : ([F, 'F'] as const);
  const qkv = (model.heads + 2 * kvHeadCount(model)) * D;
  const residualStd = INIT_STD / Math.sqrt(2 * model.layers);

  const tensors: ParameterShape[] = [];
  const normal = (name: string, role: ParameterShape['role'], shape: readonly number[], layout: string, std = INIT_STD): void => {
    tensors.push({ name, shape, layout, role, init: { kind: 'normal', std }, decay: true });
  };
  const gain = (name: string, size: number, layout: string): void => {
    tensors.push({ name: `${name}.gain`, shape: [size], layout, role: 'gain', init: { kind: 'ones' }, decay: false });
  };
  const bias = (name: string, size: number, layout: string): void => {
    if (model.bias)
      tensors.push({ name: `${name}.bias`, shape: [size], layout, role: 'bias', init: { kind: 'zeros' }, decay: false });
  };
  const norm = (name: string): void => {
    gain(name, C, '[C]');
    if (model.norm === 'layernorm') bias(name, C, '[C]');
  };
  const linear = (name: string, input: readonly [number, string], output: readonly [number, string], std = INIT_STD): void => {
    normal(`${name}.weight`, 'linear', [input[0], output[0]], `[${input[1]},${output[1]}]`, std);
    bias(name, output[0], `[${output[1]}]`);
  };

  normal('embed.weight', 'embedding', [vocab, C], '[V,C]');
  if (model.position === 'learned') normal('position.weight', 'position', [data.context, C], '[T,C]');
  for (let i = 0; i < model.layers; i++) {
    const block = `blocks.${i}`;
    norm(`${block}.norm1`);
    linear(`${block}.attn.qkv`, [C, 'C'], [qkv, '(H+2Hkv)D']);
    if (model.qkNorm) {
      gain(`${block}.attn.qnorm`, D, '[D]');
      gain(`${block}.attn.knorm`, D, '[D]');
    }
    linear(`${block}.attn.proj`, [model.heads * D, 'HD'], [C, 'C'], residualStd);
    norm(`${block}.norm2`);
    linear(`${block}.mlp.fc`, [C, 'C'], fc);
    linear(`${block}.mlp.proj`, [F, 'F'], [C, 'C'], residualStd);
  }
  norm('final.norm');
  if (!model.tied) normal('head.weight', 'head', [C, vocab], '[C,V]');
  return tensors;
}
