import { gunzipSync } from 'node:zlib';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, createServer } from 'vite';
import { describe, expect, it } from 'vitest';
import { SpecError } from '../../src/base/errors.ts';
import { readCorpus } from '../../src/data/corpora-node.ts';
import { corporaPlugin } from '../../src/data/corpus-plugin.ts';
import { CorpusShelf } from '../../src/data/corpus-shelf.ts';
import { CORPORA, corpusPath, packCorpus, unpackCorpus, type Corpus } from '../../src/data/corpus.ts';

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
const corpora = new Map(CORPORA.map((name) => [name, readCorpus(name)]));
const corpus = (name: (typeof CORPORA)[number]): Corpus => corpora.get(name) ?? readCorpus(name);

describe('readCorpus', () => {
  it('holds out whole State of the Union addresses and keeps 1946 and later apart', () => {
    const { train, validation, ood } = corpus('sotu');
    const documents = (bytes: Uint8Array): string[] => latin1(bytes).split('\n\n').slice(0, -1);
    expect(latin1(train).startsWith('Fellow-Citizens of the Senate and House of Representatives: In meeting you again')).toBe(
      true,
    );
    const trained = new Set(documents(train));
    expect(documents(validation).length).toBeGreaterThanOrEqual(7);
    expect(documents(validation).filter((text) => trained.has(text))).toEqual([]);
    expect(validation.length / (train.length + validation.length)).toBeGreaterThan(0.03);
    expect(validation.length / (train.length + validation.length)).toBeLessThan(0.08);
    expect(/television/.test(latin1(ood ?? new Uint8Array(0)))).toBe(true);
    expect(/Soviet missiles|television/.test(latin1(train))).toBe(false);
    expect(train.length).toBeGreaterThan(7e6);
  });

  it('leaves Bryant and Burgess out of Gutenberg and holds out the end of each book', () => {
    const { train, validation, ood } = corpus('gutenberg');
    expect(/\[Emma by Jane Austen 1816\]/.test(latin1(train))).toBe(true);
    expect(/Sara Cone Bryant|Thornton W. Burgess/.test(latin1(train))).toBe(false);
    expect(/Call me Ishmael/.test(latin1(train))).toBe(true);
    expect(/Marianne Dashwood was born to an extraordinary fate/.test(latin1(validation))).toBe(true);
    expect(/Marianne Dashwood was born to an extraordinary fate/.test(latin1(train))).toBe(false);
    expect(validation.length / train.length).toBeCloseTo(0.05 / 0.95, 2);
    expect(ood).toBeNull();
  });

  it('takes only the JavaScript of three and holds out whole files', () => {
    const { train, validation } = corpus('code');
    const firstExports = [...latin1(validation).matchAll(/^class (\w+) /gm)].map(([line]) => line);
    expect(firstExports.length).toBeGreaterThan(5);
    expect(firstExports.filter((line) => latin1(train).includes(`\n${line}`))).toEqual([]);
    expect(train.length).toBeGreaterThan(4e6);
  });

  it('lists each first name once, shuffled, with a tenth held out', () => {
    const { train, validation } = corpus('names');
    const lines = (bytes: Uint8Array): string[] => latin1(bytes).trimEnd().split('\n');
    const all = [...lines(train), ...lines(validation)];
    expect(new Set(all).size).toBe(all.length);
    expect(all).toContain('Zuzana');
    expect(all.every((line) => line.trim() === line && line !== '')).toBe(true);
    expect(lines(validation).length / all.length).toBeCloseTo(0.1, 2);
    const inOrder = lines(train).filter((line, i, list) => i > 0 && (list[i - 1] ?? '') < line).length;
    expect(inOrder / lines(train).length).toBeLessThan(0.55);
  });

  it.each(CORPORA)('gives %s with LF line ends only, the same bytes each time', (name) => {
    const { train, validation } = corpus(name);
    expect(train.includes(0x0d) || validation.includes(0x0d)).toBe(false);
    expect(Buffer.compare(packCorpus(readCorpus(name)), packCorpus(corpus(name)))).toBe(0);
  });
});

describe('packed corpora', () => {
  const small: Corpus = { name: 'names', train: Uint8Array.of(1, 2, 3), validation: Uint8Array.of(4), ood: null };

  it('round-trip, also without an out-of-distribution part', () => {
    expect(unpackCorpus('names', packCorpus(small))).toEqual(small);
    const withOod = { ...small, ood: Uint8Array.of(5, 6) };
    expect(unpackCorpus('names', packCorpus(withOod))).toEqual(withOod);
  });

  it('are refused in words when cut short, lengthened or foreign', () => {
    const packed = packCorpus(small);
    for (const bytes of [
      packed.subarray(0, -1),
      packed.subarray(0, 7),
      new Uint8Array(0),
      Uint8Array.of(...packed, 0),
      new Uint8Array(64),
    ]) {
      expect(() => unpackCorpus('names', bytes)).toThrow(/^corpus names: is damaged: got \d+ bytes, expected/);
    }
  });
});

describe('corporaPlugin and CorpusShelf', () => {
  it('serve in development the bytes that Node reads', async () => {
    const server = await createServer({
      configFile: false,
      logLevel: 'silent',
      root: mkdtempSync(join(tmpdir(), 'isoflop-serve-')),
      plugins: [corporaPlugin()],
      server: { port: 0, host: '127.0.0.1', watch: null, ws: false },
    });
    try {
      await server.listen();
      const address = server.httpServer?.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const shelf = new CorpusShelf(`http://127.0.0.1:${port}/`);
      expect(Buffer.compare(packCorpus(await shelf.open('names')), packCorpus(corpus('names')))).toBe(0);
      expect((await fetch(`http://127.0.0.1:${port}/corpora/other.bin`)).status).toBe(404);
    } finally {
      rmSync(server.config.root, { recursive: true });
      await server.close();
    }
  });

  it('put every corpus into a build', async () => {
    const root = mkdtempSync(join(tmpdir(), 'isoflop-build-'));
    try {
      writeFileSync(join(root, 'index.html'), '<!doctype html><title>t</title>');
      await build({ configFile: false, logLevel: 'silent', root, plugins: [corporaPlugin()] });
      for (const name of CORPORA) {
        const unpacked = unpackCorpus(name, gunzipSync(readFileSync(join(root, 'dist', corpusPath(name)))));
        expect(Buffer.compare(packCorpus(unpacked), packCorpus(corpus(name)))).toBe(0);
      }
    } finally {
      rmSync(root, { recursive: true });
    }
  }, 60_000);

  it('promise 8: fetch each corpus once while loading, the first one first, and nothing when one is opened', async () => {
    const urls: string[] = [];
    const shelf = new CorpusShelf('https://lab.test/deep/', async (url) => {
      urls.push(url);
      return new Response(
        packCorpus({ name: 'names', train: Uint8Array.of(urls.length), validation: Uint8Array.of(0), ood: null }),
      );
    });
    await shelf.prefetch('code');
    const loaded = [...urls];
    expect(loaded).toEqual(['code', 'sotu', 'gutenberg', 'names'].map((name) => `https://lab.test/deep/corpora/${name}.bin`));
    expect((await shelf.open('gutenberg')).train).toEqual(Uint8Array.of(3));
    expect((await shelf.open('code')).train).toEqual(Uint8Array.of(1));
    expect(urls).toEqual(loaded);
  });

  it('say what failed, and try again when asked again', async () => {
    let answers = [
      (): Response => new Response('', { status: 503 }),
      (): Response => {
        throw new TypeError('offline');
      },
    ];
    const shelf = new CorpusShelf('https://lab.test/', async () => {
      const [answer, ...rest] = answers;
      answers = rest;
      return answer === undefined ? new Response(Uint8Array.of(0x1f, 0x8b, 1, 2)) : answer();
    });
    await expect(shelf.open('sotu')).rejects.toThrow(
      'corpus sotu: cannot be fetched from https://lab.test/corpora/sotu.bin: got HTTP status 503, expected 200.',
    );
    await expect(shelf.open('sotu')).rejects.toThrow(SpecError);
    await expect(shelf.open('sotu')).rejects.toThrow('corpus sotu: is damaged. Reload the page');
  });
});
