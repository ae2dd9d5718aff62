import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SpecError } from '../../src/base/errors.ts';
import { Batcher } from '../../src/data/batches.ts';
import { BpeTokenizer } from '../../src/data/bpe.ts';
import { prepareDataset, type DataInput, type DataOptions } from '../../src/data/dataset.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const byteOptions: DataOptions = { tokenizer: 'byte', merges: 512, context: 16, order: 'shuffled' };
const file = (bytes: Uint8Array, name = 'notes.txt'): DataInput => ({ kind: 'file', name, bytes });
const prose = utf8('It was the best of times, it was the worst of times, it was the age of wisdom. '.repeat(60));
const noise = Uint8Array.from({ length: 4000 }, (_, i) => Math.imul(i + 1, 2654435761) >>> 24);

describe('prepareDataset', () => {
  it('holds out the last 5 % of a file, bytes that are not UTF-8 included', async () => {
    const data = await prepareDataset(file(noise), byteOptions);
    expect(data.train).toEqual(Uint16Array.from(noise.subarray(0, 3800)));
    expect(data.validation).toEqual(Uint16Array.from(noise.subarray(3800)));
    expect(data).toMatchObject({ name: 'notes.txt', vocab: 256, ood: null, entropyRateNats: null, bytesPerToken: 1, notes: [] });
    expect(data.uniqueTokens).toBeGreaterThan(200);
    expect(data.unigramEntropyNats).toBeGreaterThan(5);
  });

  it('holds out one window where 5 % would be less', async () => {
    const data = await prepareDataset(file(noise.subarray(0, 100)), byteOptions);
    expect(data.validation?.length).toBe(17);
    expect(data.train.length).toBe(83);
  });

  it('holds out nothing from a file too short for it, and says so', async () => {
    const data = await prepareDataset(file(noise.subarray(0, 30)), byteOptions);
    expect(data.train.length).toBe(30);
    expect(data.validation).toBeNull();
    expect(data.notes).toEqual(['Nothing is held out: the file is too short to spare a window of 16 tokens.']);
  });

  it('trains on the whole file in sequential order, so that its batches can be replayed from the file', async () => {
    const data = await prepareDataset(file(noise), { ...byteOptions, order: 'sequential' });
    expect(data.validation).toBeNull();
    const batcher = new Batcher({ tokens: data.train, vocab: data.vocab, context: 16, batch: 2, order: 'sequential', seed: 0 });
    const [tokens, targets] = [new Uint32Array(32), new Uint32Array(32)];
    const windows = Math.floor((noise.length - 1) / 16);
    batcher.fill(200, tokens, targets);
    const start = ((200 * 2) % windows) * 16;
    expect([...tokens.subarray(0, 16)]).toEqual([...noise.subarray(start, start + 16)]);
    expect([...targets.subarray(0, 16)]).toEqual([...noise.subarray(start + 1, start + 17)]);
  });

  it('trains BPE on the training part, keeps the model for another time, and gives the bytes back', async () => {
    const options: DataOptions = { ...byteOptions, tokenizer: 'bpe', merges: 64 };
    const data = await prepareDataset(file(prose), options);
    expect(data.vocab).toBe(256 + 64);
    expect(data.tokenizer.encode(prose).every((id) => data.tokenizer.byteLength(id) > 0)).toBe(true);
    expect(data.bytesPerToken).toBeGreaterThan(2);
    const held = data.validation ?? new Uint16Array(0);
    expect([...data.tokenizer.decode(data.train), ...data.tokenizer.decode(held)]).toEqual([...prose]);
    expect(data.notes).toEqual([expect.stringMatching(/^Only \d+ of 64 merges were found/)]);
    if (!(data.tokenizer instanceof BpeTokenizer)) throw new Error(`expected a BPE tokenizer, got ${data.tokenizer.kind}`);
    const again = await prepareDataset(file(prose), { ...options, model: data.tokenizer.model });
    expect(again.train).toEqual(data.train);
  });

  it('hashes the content: equal for equal data, different for one changed byte', async () => {
    const hash = async (bytes: Uint8Array): Promise<string> => (await prepareDataset(file(bytes), byteOptions)).contentHash;
    const changed = noise.slice();
    changed[3999] = (noise[3999] ?? 0) ^ 1;
    expect(await hash(noise)).toMatch(/^[0-9a-f]{64}$/);
    expect(await hash(noise)).toBe(await hash(noise.slice()));
    expect(await hash(changed)).not.toBe(await hash(noise));
  });

  it('tells which file it was by the hash of its bytes, however it is parted', async () => {
    const hashes = async (bytes: Uint8Array, change: object): Promise<(string | undefined)[]> => {
      const { contentHash, fileHash } = await prepareDataset(file(bytes), { ...byteOptions, ...change });
      return [fileHash, contentHash];
    };
    const whole = createHash('sha256').update(noise).digest('hex');
    const parted = await Promise.all([{}, { context: 300 }, { order: 'sequential' }].map((change) => hashes(noise, change)));
    expect(parted.map(([fileHash]) => fileHash)).toEqual([whole, whole, whole]);
    expect(new Set(parted.map(([, contentHash]) => contentHash)).size).toBe(3);
    const corpus = { kind: 'corpus', name: 'sotu', train: prose, validation: null, ood: null } as const;
    expect(await prepareDataset(corpus, byteOptions)).not.toHaveProperty('fileHash');
  });

  it('takes corpora as they are split, and notes parts that are too short', async () => {
    const data = await prepareDataset(
      { kind: 'corpus', name: 'sotu', train: prose, validation: prose, ood: utf8('short') },
      byteOptions,
    );
    expect(data.validation?.length).toBe(prose.length);
    expect(data.ood).toBeNull();
    expect(data.notes).toEqual(['The out-of-distribution part is left out: it is shorter than one window.']);
  });

  it('gives a Markov source its vocabulary and its known entropy', async () => {
    const markov = { symbols: 12, order: 1, concentration: 0.2, seed: 1 };
    const data = await prepareDataset({ kind: 'markov', markov, trainTokens: 5000, validationTokens: 500 }, byteOptions);
    expect(data).toMatchObject({ name: 'markov', vocab: 12, notes: [] });
    expect([data.train.length, data.validation?.length]).toEqual([5000, 500]);
    expect(data.entropyRateNats ?? Infinity).toBeLessThan(data.unigramEntropyNats);
  });

  it.each([
    [
      file(new Uint8Array(0), 'a.txt'),
      'data file "a.txt": is empty: got 0 tokens, expected at least context + 1 = 17. Choose a longer file.',
    ],
    [
      file(utf8('x'), 'a.txt'),
      'data file "a.txt": is shorter than one window of the context: got 1 token, expected at least context + 1 = 17.',
    ],
    [file(noise.subarray(0, 16), 'a.txt'), 'data file "a.txt": is shorter than one window of the context: got 16 tokens'],
  ])('refuses empty, one-byte and short files in words', async (input, message) => {
    for (const tokenizer of ['byte', 'bpe'] as const) {
      const preparing = prepareDataset(input, { ...byteOptions, tokenizer });
      await expect(preparing).rejects.toThrow(SpecError);
      await expect(preparing).rejects.toThrow(message);
    }
  });

  it('refuses a kept tokenizer with more merges than the spec', async () => {
    const model = {
      merges: [
        [97, 98],
        [99, 100],
      ] as [number, number][],
    };
    await expect(prepareDataset(file(prose), { ...byteOptions, tokenizer: 'bpe', merges: 1, model })).rejects.toThrow(
      /more merges than the spec: got 2/,
    );
  });

  it('stops when aborted while the tokenizer trains', async () => {
    const signal = AbortSignal.abort(new Error('stopped by the user'));
    await expect(prepareDataset(file(prose), { ...byteOptions, tokenizer: 'bpe', signal })).rejects.toThrow(
      'stopped by the user',
    );
  });
});
