import { SpecError } from '../base/errors.ts';
import { CorpusShelf, prepareDataset } from '../data/index.ts';
import type { BpeModel, Corpus, CorpusName, Dataset, Fetch } from '../data/index.ts';
import type { RunSpec } from '../spec/index.ts';
import { hashBytes, openDataset, type TokenizerShelf } from '../train/index.ts';
import type { FileReport } from './protocol.ts';
import type { Entry, Vault } from './storage.ts';

export interface LibraryOptions {
  readonly vault: Vault;
  readonly fetch?: Fetch;
  /** Milliseconds since the epoch. */
  readonly wallClock: () => number;
  /** Tells the user what could not be kept. */
  readonly notice: (text: string) => void;
}

export interface OpenOptions {
  /** The data that a checkpoint was trained on: of the user's files the one that gives it is taken. */
  readonly wanted?: { readonly dataHash: string; readonly fileKey: string | null };
  /** SHA-256 of the file of the user's that it must be. */
  readonly fileHash?: string;
  readonly onTokenizer?: (share: number) => void;
  readonly signal?: AbortSignal;
}

/** A dataset, and the key of the user's file that it was made from. */
export interface Opened {
  readonly dataset: Dataset;
  readonly fileKey: string | null;
}

interface UserFile {
  readonly key: string;
  readonly name: string;
  readonly bytes: Uint8Array;
}

const FILES = 'file/';
const TOKENIZERS = 'tokenizer/';
const FILES_KEPT = 4;
const TOKENIZERS_KEPT = 16;

/** All data that runs train on: the site's corpora, the user's files, trained tokenizers. Files and tokenizers outlive the page. */
export class Library {
  private readonly options: LibraryOptions;
  private readonly vault: Vault;
  private corpora: CorpusShelf | null = null;
  /** The file added last, also where storage refuses it. */
  private file: UserFile | null = null;
  private last: { readonly key: string; readonly opened: Promise<Opened> } | null = null;

  constructor(options: LibraryOptions) {
    this.options = options;
    this.vault = options.vault;
  }

  /** Fetches every corpus, so that no request is made later. @param baseUrl the folder that holds `corpora/`. */
  async prefetch(baseUrl: string): Promise<void> {
    this.corpora ??= new CorpusShelf(baseUrl, this.options.fetch);
    await this.corpora.prefetch();
  }

  /** Takes a file of the user's in; it becomes the `file` source. Gives it as bytes. @throws SpecError when it is too short. */
  async addFile(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<Dataset> {
    const dataset = await prepareDataset(
      { kind: 'file', name, bytes },
      { tokenizer: 'byte', merges: 0, context: 1, order: 'shuffled' },
    );
    const key = `${FILES}${await hashBytes(bytes)}`;
    this.file = { key, name, bytes };
    this.last = null;
    try {
      await this.vault.put(key, bytes.buffer, { name }, this.options.wallClock());
      await this.keepNewest(FILES, FILES_KEPT);
    } catch (error) {
      this.options.notice(`${name} is at hand until the page closes; the browser's storage did not take it: ${wordsOf(error)}`);
    }
    return dataset;
  }

  /** The user's files that are at hand: the one that was added last first, then the newest. */
  async files(): Promise<FileReport[]> {
    const kept = await this.vault.list(FILES).catch((): Entry[] => []);
    const others = kept.filter(({ key }) => key !== this.file?.key).map((entry) => ({ key: entry.key, name: nameOf(entry) }));
    return [...(this.file === null ? [] : [this.file]), ...others].map(({ key, name }) => ({
      name,
      hash: key.slice(FILES.length),
    }));
  }

  /** The data of a spec. The last one is remembered, so that a forecast and the start after it prepare it once. */
  open(data: RunSpec['data'], options: OpenOptions = {}): Promise<Opened> {
    const key = this.cacheKey(data, options);
    if (this.last?.key === key && options.wanted === undefined) return this.last.opened;
    const opened = this.prepare(data, options);
    const entry = { key, opened };
    this.last = entry;
    opened.catch(() => {
      if (this.last === entry) this.last = null;
    });
    return opened;
  }

  /** The data of a spec where it is already prepared or on its way. */
  peek(data: RunSpec['data']): Promise<Opened> | null {
    return this.last?.key === this.cacheKey(data, {}) ? this.last.opened : null;
  }

  private cacheKey(
    { source, tokenizer, merges, markov, context, order }: RunSpec['data'],
    { wanted, fileHash }: OpenOptions,
  ): string {
    const fileKey = fileHash === undefined ? (this.file?.key ?? null) : `${FILES}${fileHash}`;
    const file = source === 'file' ? [wanted ?? null, fileKey, order === 'sequential'] : [];
    return JSON.stringify([source, source === 'markov' ? markov : tokenizer, tokenizer === 'bpe' ? merges : 0, context, ...file]);
  }

  private async prepare(data: RunSpec['data'], { wanted, fileHash, onTokenizer, signal }: OpenOptions): Promise<Opened> {
    const options = {
      tokenizers: this.tokenizers(),
      ...(onTokenizer === undefined ? {} : { onTokenizer }),
      ...(signal === undefined ? {} : { signal }),
    };
    const corpus = (name: CorpusName): Promise<Corpus> => this.corpus(name);
    if (data.source !== 'file') {
      const file = (): Promise<never> => Promise.reject(noFile());
      return { dataset: await openDataset(data, { corpus, file }, options), fileKey: null };
    }
    for await (const file of this.candidates(wanted, fileHash)) {
      const dataset = await openDataset(data, { corpus, file: () => Promise.resolve(file) }, options);
      if (wanted === undefined || dataset.contentHash === wanted.dataHash) return { dataset, fileKey: file.key };
      if (fileHash !== undefined) throw ofAnotherFile(file.name);
    }
    if (fileHash !== undefined) throw noFile('The file that the run is to be trained on is no longer kept: add that file again.');
    throw noFile(wanted === undefined ? undefined : 'The run was trained on a file that is no longer kept: add that file again.');
  }

  /** The user's files in the order in which they should be tried; bytes of no other are read. */
  private async *candidates(wanted: OpenOptions['wanted'], fileHash: string | undefined): AsyncGenerator<UserFile> {
    const fits = ({ key }: { readonly key: string }): boolean => fileHash === undefined || key === `${FILES}${fileHash}`;
    if (this.file !== null && fits(this.file)) yield this.file;
    const kept = (await this.vault.list(FILES).catch((): Entry[] => [])).filter(fits);
    const first = kept.filter(({ key }) => key === wanted?.fileKey);
    for (const { key } of [...first, ...kept.filter((entry) => !first.includes(entry))]) {
      const found = key === this.file?.key ? null : await this.vault.get(key);
      if (found !== null) yield { key, name: nameOf(found.entry), bytes: new Uint8Array(found.bytes) };
    }
  }

  private corpus(name: CorpusName): Promise<Corpus> {
    if (this.corpora !== null) return this.corpora.open(name);
    return Promise.reject(
      new SpecError({ where: `corpus ${name}`, rule: 'the page has not said where its files are', cure: 'Reload the page.' }),
    );
  }

  private tokenizers(): TokenizerShelf {
    return {
      find: async (key) => {
        const kept = await this.vault.get(`${TOKENIZERS}${key}`).catch(() => null);
        return kept === null ? null : parseModel(new TextDecoder().decode(kept.bytes));
      },
      keep: async (key, model) => {
        const bytes = new TextEncoder().encode(JSON.stringify(model));
        try {
          await this.vault.put(`${TOKENIZERS}${key}`, bytes.buffer, null, this.options.wallClock());
          await this.keepNewest(TOKENIZERS, TOKENIZERS_KEPT);
        } catch (error) {
          this.options.notice(`The trained tokenizer could not be kept for the next visit: ${wordsOf(error)}`);
        }
      },
    };
  }

  private async keepNewest(prefix: string, count: number): Promise<void> {
    for (const { key } of (await this.vault.list(prefix)).slice(count)) await this.vault.remove(key);
  }
}

function noFile(cure = 'Drop a file on the page, or choose another source.'): SpecError {
  return new SpecError({ where: 'spec data.source', rule: 'there is no file of yours to train on', got: 'file', cure });
}

function ofAnotherFile(name: string): SpecError {
  return new SpecError({
    where: 'checkpoint',
    rule: 'it was trained on another file than the one at hand',
    got: `"${name}"`,
    cure: 'Add the file that the run was started on.',
  });
}

function nameOf({ meta }: Entry): string {
  const name: unknown = typeof meta === 'object' && meta !== null ? Reflect.get(meta, 'name') : undefined;
  return typeof name === 'string' ? name : 'your file';
}

/** An error's message, as the end of a sentence. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function parseModel(text: string): BpeModel | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return isModel(value) ? value : null;
}

function isModel(value: unknown): value is BpeModel {
  const merges: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'merges') : undefined;
  return (
    Array.isArray(merges) &&
    merges.every((pair: unknown) => Array.isArray(pair) && pair.length === 2 && pair.every(Number.isInteger))
  );
}
