import type { SpecInput } from './field.ts';

export interface Preset {
  /** Names the preset in a URL or on the command line. */
  readonly id: string;
  /** What the user gets, as a sentence without its full stop. */
  readonly title: string;
  /** What to look at, and why it happens. */
  readonly blurb: string;
  /** What differs from the defaults. */
  readonly spec: SpecInput;
  /** What differs between it and the run to hold it against: the cure, or the trouble that it cures. */
  readonly compare?: SpecInput;
}

export const PRESETS: readonly Preset[] = [
  {
    id: 'president',
    title: 'Learn to write like a president in a minute',
    blurb:
      'A byte-level GPT of 131 k parameters reads the State of the Union addresses up to 1945, and the sample turns from noise into words.',
    spec: { name: 'president' },
  },
  {
    id: 'names',
    title: 'Invent first names that could exist',
    blurb:
      'First names are short and there are few of them: watch the validation loss turn upwards while the training loss still falls.',
    spec: {
      name: 'names',
      data: { source: 'names', context: 32, batch: 32 },
      budget: { steps: 1500 },
    },
  },
  {
    id: 'markov',
    title: 'Find the entropy of a Markov source',
    blurb:
      'The text comes from a random chain whose entropy rate is known exactly; the loss approaches that line and cannot go below it.',
    spec: {
      name: 'markov',
      data: { source: 'markov', context: 32, batch: 32, order: 'random', markov: { symbols: 16, order: 2, concentration: 0.3 } },
      model: { width: 48 },
      budget: { steps: 1500 },
    },
  },
  {
    id: 'modern',
    title: 'Use SwiGLU, RoPE and grouped queries like a modern LLM',
    blurb:
      'The block of today’s large models at micro size: RMSNorm, RoPE, qk-norm, SwiGLU of ratio 8/3 and two key and value heads for four query heads.',
    spec: {
      name: 'modern',
      model: { mlp: 'swiglu', mlpRatio: 8 / 3, norm: 'rmsnorm', position: 'rope', qkNorm: true, kvHeads: 2 },
    },
  },
  {
    id: 'gpt2',
    title: 'Go back to GPT-2',
    blurb:
      'LayerNorm with biases, learned positions, GELU and a tied head: compare its loss with the modern block on the same data and seeds.',
    spec: {
      name: 'gpt-2',
      model: { mlp: 'gelu', mlpRatio: 4, norm: 'layernorm', position: 'learned', bias: true, tied: true },
      optimizer: { beta2: 0.95 },
    },
  },
  {
    id: 'gqa',
    title: 'Share one key and value head among eight queries',
    blurb: 'Grouped-query attention at its limit: the cache for sampling shrinks eightfold, and the loss tells what that costs.',
    spec: { name: 'one kv head', model: { width: 96, heads: 8, kvHeads: 1 } },
  },
  {
    id: 'code',
    title: 'Read source code through a BPE',
    blurb:
      'JavaScript through 1,024 merges: a token is worth several bytes, so compare bits per byte and not loss per token with a byte-level run.',
    spec: {
      name: 'code',
      data: { source: 'code', tokenizer: 'bpe', merges: 1024, context: 128, batch: 8 },
      model: { layers: 3, width: 96, heads: 6, tied: true },
      optimizer: { lr: 2e-3 },
    },
  },
  {
    id: 'qk-norm',
    title: 'See qk-norm survive a learning rate that is far too high',
    blurb:
      'At a learning rate of 0.1 attention logits run into hundreds and thousands, and softmax saturates; with qk-norm they stay ten to a hundred times smaller. The loss tends to end lower for it, but seeds differ in how much.',
    spec: {
      name: 'hot with qk-norm',
      data: { context: 32, batch: 8 },
      model: { layers: 2, width: 32, heads: 2, qkNorm: true },
      optimizer: { lr: 0.1, clip: null },
      schedule: { kind: 'constant', warmupSteps: 10 },
      budget: { steps: 200 },
    },
    compare: { model: { qkNorm: false } },
  },
  {
    id: 'z-loss',
    title: 'Hold the level of all output logits down with z-loss',
    blurb:
      'Cross-entropy does not care at which level all logits lie together, and without weight decay the mean log-sum-exp creeps from 5.5 up to 7. A hundredth of its square, added to the loss, brings it below 1 at no measurable cost; the largest logit grows in magnitude meanwhile, for logits become log-probabilities.',
    spec: {
      name: 'z-loss',
      data: { context: 32, batch: 8 },
      model: { layers: 1, width: 32, heads: 2 },
      loss: { zLoss: 0.01 },
      optimizer: { lr: 0.01, weightDecay: 0 },
      schedule: { kind: 'constant', warmupSteps: 10 },
      budget: { steps: 200 },
    },
    compare: { loss: { zLoss: 0 } },
  },
  {
    id: 'fp8',
    title: 'Train in FP8 and see what it costs',
    blurb:
      'Every matmul of the blocks reads E4M3 forward and E5M2 gradients, each tensor scaled by its own amax; hold its loss against bf16 over several seeds.',
    spec: { name: 'fp8', precision: { recipe: 'fp8-current' } },
    compare: { precision: { recipe: 'bf16' } },
  },
  {
    id: 'nvfp4',
    title: 'Train in four bits',
    blurb:
      'NVFP4 has eight magnitudes and a scale for every 16 elements; stochastic rounding keeps the mean of gradients. Look at the SQNR of each role.',
    spec: { name: 'nvfp4', precision: { recipe: 'nvfp4' } },
    compare: { precision: { recipe: 'bf16' } },
  },
  {
    id: 'delayed-overflow',
    title: 'Overflow a delayed scale after a spike',
    blurb:
      'Scales are made of the last step’s amax alone, and a hot start without warm-up lets tensors outgrow them: after two steps half of the weights of a layer overflow, and the SQNR of activations falls to a few dB. After ten steps it is about one element in a hundred of a tensor, and the loss does not tell. Current scaling overflows nowhere.',
    spec: {
      name: 'delayed overflow',
      data: { context: 32, batch: 4 },
      model: { layers: 1, width: 32, heads: 2, mlp: 'relu2' },
      optimizer: { lr: 0.1, clip: null },
      schedule: { kind: 'constant', warmupSteps: 0 },
      budget: { steps: 40 },
      precision: { recipe: 'fp8-delayed', scale: 'f32', amaxHistoryLen: 1, amaxAlgo: 'most_recent' },
    },
    compare: { precision: { recipe: 'fp8-current' } },
  },
  {
    id: 'gradient-underflow',
    title: 'Lose the gradients below E4M3',
    blurb:
      'Without a scale whatever is at most 2^-10 becomes 0 in E4M3, and gradients of a mean loss are smaller than that: nearly all are lost, the blocks hardly learn, and the loss ends more than a tenth higher. Current scaling loses about one in a hundred at most.',
    spec: {
      name: 'gradient underflow',
      data: { context: 32, batch: 16 },
      model: { layers: 2, width: 32, heads: 2 },
      optimizer: { lr: 0.01 },
      schedule: { warmupSteps: 20 },
      budget: { steps: 200 },
      precision: { recipe: 'fp8-none', format: 'e4m3' },
    },
    compare: { precision: { recipe: 'fp8-current' } },
  },
  {
    id: 'stochastic-rounding',
    title: 'Rescue weights in bf16 by stochastic rounding',
    blurb:
      'A step of less than half a unit of bf16 is lost when weights are rounded to nearest: gains of norms stay at 1 for good and large weights stand still. Rounding up now and then keeps the mean, and the loss ends about 3 % lower.',
    spec: {
      name: 'stochastic rounding',
      data: { context: 32, batch: 8 },
      model: { layers: 1, width: 32, heads: 2 },
      optimizer: { lr: 1e-3 },
      schedule: { kind: 'constant', warmupSteps: 10 },
      budget: { steps: 200 },
      precision: { recipe: 'bf16-pure', rounding: 'stochastic' },
    },
    compare: { precision: { rounding: 'nearest' } },
  },
  {
    id: 'wsd',
    title: 'Watch the loss drop when a WSD schedule cools down',
    blurb:
      'The learning rate stays at its peak for 80 % of the run and falls linearly to zero in the rest, and the loss falls with it.',
    spec: { name: 'wsd', schedule: { kind: 'wsd', warmupSteps: 100, cooldown: 0.2, finalRatio: 0 } },
  },
  {
    id: 'tied',
    title: 'Tie the head to the embedding',
    blurb: 'One table of 16,384 weights reads bytes and predicts them: an eighth fewer parameters, the same FLOPs.',
    spec: { name: 'tied', model: { tied: true } },
  },
  {
    id: 'no-positions',
    title: 'Take the positions away',
    blurb:
      'Nothing tells the model where a token stands but the causal mask; it learns all the same, only worse. Compare with RoPE.',
    spec: { name: 'no positions', model: { position: 'none' } },
  },
  {
    id: 'accumulate',
    title: 'Train the same batch in a quarter of the memory',
    blurb:
      'Four micro-batches of four rows make one step of sixteen: the same loss curve up to rounding, with a quarter of the activations.',
    spec: { name: 'accumulated', data: { batch: 4, gradAccum: 4 } },
  },
  {
    id: 'books',
    title: 'Spend a fixed number of FLOPs on old books',
    blurb:
      'A budget of 10 TFLOP on Gutenberg texts: make the model wider and it gets fewer tokens, which is the trade-off that scaling laws are about.',
    spec: {
      name: 'books',
      data: { source: 'gutenberg', context: 128 },
      model: { layers: 4, width: 128 },
      optimizer: { lr: 2e-3 },
      budget: { flops: 1e13 },
    },
  },
];
