import { requireWindow, type BatchOrder } from './batches.ts';
import { BpeTokenizer } from './bpe.ts';
import { trainBpe, type BpeModel } from './bpe-train.ts';
import { distinctTokens, unigramEntropyNats } from './entropy.ts';
import { MarkovSource, type MarkovOptions } from './markov.ts';
import { bytesPerToken, ByteTokenizer, SymbolTokenizer, type Tokenizer, type Tokens } from './tokenizer.ts';

/** Where the data comes from. */
export type DataInput =
  /** Text already split, as {@link Corpus} has it. */
  | {
      readonly kind: 'corpus';
      readonly name: string;
      readonly train: Uint8Array;
      readonly validation: Uint8Array | null;
      readonly ood: Uint8Array | null;
    }
  /** A user's file; its end is held out. */
  | { readonly kind: 'file'; readonly name: string; readonly bytes: Uint8Array }
  | {
      readonly kind: 'markov';
      readonly markov: MarkovOptions;
      /** Tokens to generate; 2^22 and 2^18 when left out. */
      readonly trainTokens?: number;
      readonly validationTokens?: number;
    };

export interface DataOptions {
  readonly tokenizer: 'byte' | 'bpe';
  /** Merges to train, for `bpe`. */
  readonly merges: number;
  /** Merges trained before on the same data; saves the training. */
  readonly model?: BpeModel;
  /** Every part must hold one window of this many tokens and its targets. */
  readonly context: number;
  /** In `sequential` order a file is trained on whole, so that its batches can be replayed elsewhere; nothing is held out. */
  readonly order: BatchOrder;
  /** Share of the tokenizer's training that is done, 0..1. */
  readonly onProgress?: (share: number) => void;
  readonly signal?: AbortSignal;
}

/** Data ready to train on. */
export interface Dataset {
  readonly name: string;
  readonly train: Tokens;
  /** Held out from `train`; null when there is none, and then a note says why. */
  readonly validation: Tokens | null;
  readonly ood: Tokens | null;
  readonly tokenizer: Tokenizer;
  /** The model's vocabulary, V: 256 for bytes, 256 + merges for `bpe` (also when training found fewer; a note says so), or the symbols. */
  readonly vocab: number;
  /** Entropy of the training tokens' frequencies, nats per token. */
  readonly unigramEntropyNats: number;
  /** The lowest reachable loss, nats per token, where it is known (Markov sources), else null. */
  readonly entropyRateNats: number | null;
  /** Distinct ids among the training tokens. */
  readonly uniqueTokens: number;
  /** Mean bytes per training token. */
  readonly bytesPerToken: number;
  /** SHA-256 over all parts before tokenization, 64 hex digits: equal exactly when the data is equal. */
  readonly contentHash: string;
  /** SHA-256 of the whole file, 64 hex digits: the same however it is parted. Files only. */
  readonly fileHash?: string;
  /** What a user should know about this data, as sentences. */
  readonly notes: readonly string[];
}

const FILE_HOLD_OUT = 0.05;
/** Bytes set aside per BPE token when a window's length in bytes must be guessed; English text has about 4 per token. */
const BPE_BYTES_GUESS = 8;
const MARKOV_TRAIN_TOKENS = 2 ** 22;
const MARKOV_VALIDATION_TOKENS = 2 ** 18;

interface Parts {
  readonly train: Uint8Array;
  readonly validation: Uint8Array | null;
  readonly ood: Uint8Array | null;
}

/**
 * Splits, tokenizes and measures. SpecError when the training part has fewer than context + 1 tokens; a validation or
 * out-of-distribution part that is too short is left out with a note. Rejects with the signal's reason when aborted.
 */
export async function prepareDataset(input: DataInput, options: DataOptions): Promise<Dataset> {
  if (input.kind === 'markov') return markovDataset(input, options);
  const where = input.kind === 'file' ? `data file "${input.name}"` : `corpus ${input.name}`;
  const notes: string[] = [];
  const parts = input.kind === 'file' ? splitFile(where, input.bytes, options, notes) : input;
  // Tokens are never more than bytes, so too few bytes need no tokenizer to be refused.
  requireWindow(where, parts.train.length, options.context);
  const tokenizer = await tokenizerFor(parts.train, options, notes);

  let train: Tokens = tokenizer.encode(parts.train);
  requireWindow(where, train.length, options.context);
  const validation = windowOrNull(parts.validation, tokenizer, options.context);
  if (parts.validation !== null && validation === null) {
    if (input.kind === 'file') train = tokenizer.encode(input.bytes);
    notes.push(`Nothing is held out: the validation part would be shorter than one window of ${options.context} tokens.`);
  }
  const ood = windowOrNull(parts.ood, tokenizer, options.context);
  if (parts.ood !== null && ood === null) notes.push(`The out-of-distribution part is left out: it is shorter than one window.`);
  return {
    name: input.name,
    train,
    validation,
    ood,
    ...measures(train, tokenizer),
    entropyRateNats: null,
    contentHash: await hashParts([parts.train, parts.validation, parts.ood]),
    ...(input.kind === 'file' ? { fileHash: hexOf(await digestOf(input.bytes)) } : {}),
    notes,
  };
}

async function markovDataset(input: Extract<DataInput, { kind: 'markov' }>, { context }: DataOptions): Promise<Dataset> {
  const source = new MarkovSource(input.markov);
  const train = source.tokens('train', input.trainTokens ?? MARKOV_TRAIN_TOKENS);
  const validation = source.tokens('validation', input.validationTokens ?? MARKOV_VALIDATION_TOKENS);
  requireWindow('data markov', train.length, context);
  requireWindow('data markov validation', validation.length, context);
  return {
    name: 'markov',
    train,
    validation,
    ood: null,
    ...measures(train, new SymbolTokenizer(source.symbols)),
    unigramEntropyNats: source.unigramEntropyNats,
    entropyRateNats: source.entropyRateNats,
    contentHash: await hashParts([new Uint8Array(train.buffer), new Uint8Array(validation.buffer), null]),
    notes: [],
  };
}

function measures(
  train: Tokens,
  tokenizer: Tokenizer,
): Pick<Dataset, 'tokenizer' | 'vocab' | 'unigramEntropyNats' | 'uniqueTokens' | 'bytesPerToken'> {
  const { vocab } = tokenizer;
  return {
    tokenizer,
    vocab,
    unigramEntropyNats: unigramEntropyNats(train, vocab),
    uniqueTokens: distinctTokens(train, vocab),
    bytesPerToken: bytesPerToken(tokenizer, train),
  };
}

/** Holds out the last 5 % of a file, at least one window, at most half of it. */
function splitFile(where: string, bytes: Uint8Array, { context, order, tokenizer }: DataOptions, notes: string[]): Parts {
  requireWindow(where, bytes.length, context);
  if (order === 'sequential') {
    notes.push('Nothing is held out: in sequential order the whole file is trained on.');
    return { train: bytes, validation: null, ood: null };
  }
  const windowBytes = (context + 1) * (tokenizer === 'byte' ? 1 : BPE_BYTES_GUESS);
  const held = Math.max(Math.ceil(bytes.length * FILE_HOLD_OUT), windowBytes);
  if (held * 2 > bytes.length) {
    notes.push(`Nothing is held out: the file is too short to spare a window of ${context} tokens.`);
    return { train: bytes, validation: null, ood: null };
  }
  return { train: bytes.subarray(0, -held), validation: bytes.subarray(-held), ood: null };
}

async function tokenizerFor(train: Uint8Array, options: DataOptions, notes: string[]): Promise<Tokenizer> {
  if (options.tokenizer === 'byte') return new ByteTokenizer();
  const { merges, onProgress, signal } = options;
  const model =
    options.model ??
    (await trainBpe(train, {
      merges,
      ...(onProgress === undefined ? {} : { onProgress }),
      ...(signal === undefined ? {} : { signal }),
    }));
  if (model.merges.length < merges) {
    notes.push(`Only ${model.merges.length} of ${merges} merges were found: no other pair of tokens occurs twice in this data.`);
  }
  return new BpeTokenizer(model, merges);
}

function windowOrNull(bytes: Uint8Array | null, tokenizer: Tokenizer, context: number): Tokens | null {
  if (bytes === null) return null;
  const tokens = tokenizer.encode(bytes);
  return tokens.length > context ? tokens : null;
}

/** SHA-256 of the parts' SHA-256 digests one after the other; a part that is missing counts as empty. */
async function hashParts(parts: readonly (Uint8Array | null)[]): Promise<string> {
  const digests = new Uint8Array(32 * parts.length);
  for (const [i, part] of parts.entries()) {
    digests.set(await digestOf(part ?? new Uint8Array(0)), 32 * i);
  }
  return hexOf(await digestOf(digests));
}

async function digestOf(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes)));
}

function hexOf(digest: Uint8Array): string {
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
