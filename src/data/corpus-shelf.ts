import { SpecError } from '../base/errors.ts';
import { CORPORA, corpusPath, unpackCorpus, type Corpus, type CorpusName } from './corpus.ts';

/** What the shelf needs of `fetch`. */
export type Fetch = (url: string) => Promise<Response>;

/**
 * The packed corpora in memory (about 8 MB compressed, all four). They are fetched while the page loads, one after the other, so
 * that choosing another one later needs no request; a corpus is unpacked each time it is opened, and not kept unpacked.
 */
export class CorpusShelf {
  readonly #baseUrl: string;
  readonly #fetch: Fetch;
  readonly #packed = new Map<CorpusName, Promise<Uint8Array<ArrayBuffer>>>();

  /** @param baseUrl the folder that holds `corpora/`, with a slash at its end, e.g. `document.baseURI`. */
  constructor(baseUrl: string, fetcher: Fetch = (url) => fetch(url)) {
    this.#baseUrl = baseUrl;
    this.#fetch = fetcher;
  }

  /** Fetches every corpus, `first` before the others; resolves when no further request will be made. Rejects on the first failure. */
  async prefetch(first: CorpusName = 'sotu'): Promise<void> {
    await this.#fetched(first);
    for (const name of CORPORA) await this.#fetched(name);
  }

  /** The corpus, unpacked; waits for its file if that is still on its way. SpecError when it cannot be had. */
  async open(name: CorpusName): Promise<Corpus> {
    return unpackCorpus(name, await gunzip(name, await this.#fetched(name)));
  }

  #fetched(name: CorpusName): Promise<Uint8Array<ArrayBuffer>> {
    const known = this.#packed.get(name);
    if (known !== undefined) return known;
    const pending = this.#request(name);
    this.#packed.set(name, pending);
    // A failure is not kept, so that opening the corpus again tries again.
    pending.catch(() => this.#packed.delete(name));
    return pending;
  }

  async #request(name: CorpusName): Promise<Uint8Array<ArrayBuffer>> {
    const url = new URL(corpusPath(name), this.#baseUrl).href;
    const fault = {
      where: `corpus ${name}`,
      rule: `cannot be fetched from ${url}`,
      cure: 'Reload the page while its server can be reached.',
    };
    let response: Response;
    try {
      response = await this.#fetch(url);
    } catch (cause) {
      throw new SpecError({ ...fault, cause });
    }
    if (!response.ok) throw new SpecError({ ...fault, got: `HTTP status ${response.status}`, expected: '200' });
    return new Uint8Array(await response.arrayBuffer());
  }
}

async function gunzip(name: CorpusName, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  // A server that declares the gzip layer as a content encoding has had it removed already.
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch (cause) {
    throw new SpecError({
      where: `corpus ${name}`,
      rule: 'is damaged',
      cure: 'Reload the page; if that does not help, build the site again.',
      cause,
    });
  }
}
