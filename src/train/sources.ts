import { BpeTokenizer, prepareDataset } from '../data/index.ts';
import type { BpeModel, Corpus, CorpusName, DataInput, Dataset } from '../data/index.ts';
import type { DataSpec } from '../spec/run-spec.ts';

/** Where bytes come from: fetched corpora and a user's file in the page, installed packages and `--data` on the command line. */
export interface DataSources {
  corpus(name: CorpusName): Promise<Corpus>;
  /** The user's own file. @throws SpecError when there is none. */
  file(): Promise<{ readonly name: string; readonly bytes: Uint8Array }>;
}

/** Remembers trained tokenizers. Neither method rejects: what cannot be kept is trained again. */
export interface TokenizerShelf {
  find(key: string): Promise<BpeModel | null>;
  keep(key: string, model: BpeModel): Promise<void>;
}

export interface OpenDataOptions {
  readonly tokenizers?: TokenizerShelf;
  /** Share of the tokenizer's training that is done, 0..1. */
  readonly onTokenizer?: (share: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * The data that a spec trains on, tokenized. A byte-level BPE is trained in slices when the shelf has none for the same bytes,
 * order, context and merges.
 *
 * @throws SpecError when the source cannot be had or is shorter than a window; the signal's reason when aborted.
 */
export async function openDataset(data: DataSpec, sources: DataSources, options: OpenDataOptions = {}): Promise<Dataset> {
  const { tokenizers, onTokenizer, signal } = options;
  const input = await inputOf(data, sources);
  signal?.throwIfAborted();
  const { context, order, merges } = data;
  const tokenizer = input.kind === 'markov' ? 'byte' : data.tokenizer;
  const key = tokenizer === 'bpe' && tokenizers !== undefined ? await modelKey(data, input) : null;
  const model = key === null ? null : ((await tokenizers?.find(key)) ?? null);
  const dataset = await prepareDataset(input, {
    tokenizer,
    merges,
    context,
    order,
    ...(model === null ? {} : { model }),
    ...(onTokenizer === undefined ? {} : { onProgress: onTokenizer }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (key !== null && model === null && dataset.tokenizer instanceof BpeTokenizer)
    await tokenizers?.keep(key, dataset.tokenizer.model);
  return dataset;
}

async function inputOf(data: DataSpec, sources: DataSources): Promise<DataInput> {
  if (data.source === 'markov') return { kind: 'markov', markov: data.markov };
  if (data.source === 'file') return { kind: 'file', ...(await sources.file()) };
  return { kind: 'corpus', ...(await sources.corpus(data.source)) };
}

/** Equal where training would give equal merges: what is held out of a file follows from its bytes, the order and the context. */
async function modelKey({ merges, order, context }: DataSpec, input: DataInput): Promise<string | null> {
  if (input.kind === 'markov') return null;
  const bytes = input.kind === 'file' ? input.bytes : input.train;
  const split = input.kind === 'file' ? `-${order === 'sequential' ? 'whole' : context}` : '';
  return `${await hashBytes(bytes)}${split}-${merges}`;
}

/** SHA-256, 64 hex digits. */
export async function hashBytes(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
