/**
 * A run, as plain data: everything that decides its bits. The types of one {@link RunSpec}; the rules, defaults, labels and help
 * of each field are one row of the table in `schema.ts`, and a test holds the two together.
 */
export interface RunSpec {
  readonly version: 1;
  /** What the user calls the run; decides nothing. */
  readonly name: string;
  readonly data: DataSpec;
  readonly model: ModelSpec;
  readonly loss: LossSpec;
  readonly optimizer: OptimizerSpec;
  readonly schedule: ScheduleSpec;
  readonly budget: BudgetSpec;
  readonly seed: SeedSpec;
  readonly eval: EvalSpec;
  readonly precision: PrecisionSpec;
  readonly fusion: FusionSpec;
}

export type Source = 'sotu' | 'gutenberg' | 'code' | 'names' | 'markov' | 'file';

export interface DataSpec {
  readonly source: Source;
  readonly tokenizer: 'byte' | 'bpe';
  /** Merges of the byte-level BPE; the vocabulary is 256 + merges. Ignored by `byte`. */
  readonly merges: number;
  /** Tokens a row sees, T. */
  readonly context: number;
  /** Rows of one micro-batch, B. */
  readonly batch: number;
  /** Micro-batches whose gradients are averaged into one step. */
  readonly gradAccum: number;
  /** `shuffled`: every block of the data once an epoch; `random`: independent offsets; `sequential`: the data in order. */
  readonly order: 'shuffled' | 'random' | 'sequential';
  readonly markov: MarkovSpec;
}

/** A random Markov chain over the token ids 0 .. symbols - 1, with no tokenizer; its entropy rate is computed exactly. */
export interface MarkovSpec {
  readonly symbols: number;
  /** Symbols the next one depends on. */
  readonly order: number;
  /** Dirichlet concentration of each transition row; small is predictable. */
  readonly concentration: number;
  readonly seed: number;
}

export interface ModelSpec {
  readonly layers: number;
  /** Residual width, C. */
  readonly width: number;
  readonly heads: number;
  /** Key and value heads (GQA); divides heads. `null`: as many as heads. */
  readonly kvHeads: number | null;
  readonly mlp: 'gelu' | 'relu2' | 'swiglu';
  /** MLP width over residual width; the width is rounded to a multiple of 4. */
  readonly mlpRatio: number;
  readonly norm: 'layernorm' | 'rmsnorm';
  readonly position: 'learned' | 'rope' | 'none';
  readonly qkNorm: boolean;
  /** The head shares the embedding's weights. */
  readonly tied: boolean;
  readonly bias: boolean;
  /** `cap * tanh(logits / cap)` on the output logits; `null` is off. */
  readonly logitSoftcap: number | null;
}

export interface LossSpec {
  /** c in `loss + c * lse(logits)^2`; 0 is off. */
  readonly zLoss: number;
}

export interface OptimizerSpec {
  readonly kind: 'adamw';
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  /** Decoupled, on tensors of two or more dimensions. */
  readonly weightDecay: number;
  /** Largest global gradient norm; `null` is off. */
  readonly clip: number | null;
}

export interface ScheduleSpec {
  readonly kind: 'constant' | 'linear' | 'cosine' | 'wsd';
  readonly warmupSteps: number;
  /** Share of all steps that WSD cools down over, 0..1. */
  readonly cooldown: number;
  /** Final learning rate over the peak, 0..1 (linear, cosine, wsd). */
  readonly finalRatio: number;
}

/** How long the run is; exactly one of the three. Tokens and FLOPs round up to whole steps. */
export type BudgetSpec = { readonly steps: number } | { readonly tokens: number } | { readonly flops: number };

export interface SeedSpec {
  readonly init: number;
  readonly data: number;
}

export interface EvalSpec {
  /** Steps between evaluations; 0 is never. */
  readonly everySteps: number;
  /** Batches of held-out data an evaluation averages. */
  readonly batches: number;
}

export interface PrecisionSpec {
  /** What is cast, and to what: a row of `RECIPES`. */
  readonly recipe:
    | 'f32'
    | 'bf16'
    | 'bf16-pure'
    | 'fp8-current'
    | 'fp8-delayed'
    | 'fp8-none'
    | 'fp8-block'
    | 'mxfp8'
    | 'mxfp4'
    | 'nvfp4'
    | 'fp8-lm';
  /** FP8 formats of recipes that have a choice; `hybrid` is E4M3 forward, E5M2 backward; `recipe`: the recipe's own. */
  readonly format: 'recipe' | 'hybrid' | 'e4m3' | 'e5m2';
  /** Scales of tensors: rounded down to a power of two, or f32 as they come. */
  readonly scale: 'power-of-two' | 'f32';
  /** Powers of two left free below the format's maximum, by scales of tensors. */
  readonly margin: number;
  /** Steps whose amax counts, by delayed scaling. */
  readonly amaxHistoryLen: number;
  readonly amaxAlgo: 'max' | 'most_recent';
  /** Elements along the side of a block; `null`: the format's own 128, 32 or 16. */
  readonly blockSize: number | null;
  /** `recipe`: to nearest, but gradients in NVFP4 stochastically. `stochastic`: the weights of `bf16-pure`, the gradient operands of the others. */
  readonly rounding: 'recipe' | 'nearest' | 'stochastic';
  readonly overrides: OverridesSpec;
}

/** Casts by selector, over what the recipe does; a later entry wins over earlier ones. `precision.ts` reads both. */
export type OverridesSpec = { readonly [selector: string]: string };

/** Every rule on, every rule off, or named rules over `all`. Rule names are those of `fusion-rules.ts`. */
export type FusionSpec = 'all' | 'none' | { readonly [rule: string]: boolean };
