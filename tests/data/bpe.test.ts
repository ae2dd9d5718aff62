import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { SpecError } from '../../src/base/errors.ts';
import { BpeTokenizer, parseBpeModel } from '../../src/data/bpe.ts';
import { trainBpe } from '../../src/data/bpe-train.ts';
import { bytesPerToken, ByteTokenizer, SymbolTokenizer } from '../../src/data/tokenizer.ts';
import { MAX_WORD_BYTES, wordEnd } from '../../src/data/words.ts';
import { decodeText } from '../../src/data/display.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function words(bytes: Uint8Array): string[] {
  const found: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = wordEnd(bytes, at);
    found.push(text(bytes.subarray(at, end)));
    at = end;
  }
  return found;
}

/** BPE from its definition: recounts every pair before each merge. */
function naiveBpe(bytes: Uint8Array, merges: number): [number, number][] {
  const split: number[][] = [];
  for (let at = 0; at < bytes.length;) {
    const end = wordEnd(bytes, at);
    split.push([...bytes.subarray(at, end)]);
    at = end;
  }
  const made: [number, number][] = [];
  while (made.length < merges) {
    const counts = new Map<number, number>();
    for (const word of split) {
      for (let i = 1; i < word.length; i += 1) {
        const key = (word[i - 1] ?? 0) * 65536 + (word[i] ?? 0);
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
    const best = [...counts].filter(([, count]) => count >= 2).sort(([a, x], [b, y]) => y - x || a - b)[0];
    if (best === undefined) return made;
    const [left, right] = [Math.floor(best[0] / 65536), best[0] % 65536];
    for (const word of split) {
      for (let i = 0; i + 1 < word.length; i += 1)
        if (word[i] === left && word[i + 1] === right) word.splice(i, 2, 256 + made.length);
    }
    made.push([left, right]);
  }
  return made;
}

describe('wordEnd', () => {
  it('cuts as GPT-2 does, on bytes', () => {
    expect(words(utf8("Hello  world, it's 1945!\n\n\tif (x) "))).toEqual([
      'Hello',
      ' ',
      ' world',
      ',',
      ' it',
      "'",
      's',
      ' 1945',
      '!',
      '\n\n\t',
      'if',
      ' (',
      'x',
      ')',
      ' ',
    ]);
    expect(words(utf8('naïve été   \n  a'))).toEqual(['naïve', ' été', '   \n ', ' a']);
  });

  it('covers any bytes without gaps in words of 1 to 64 bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
        for (let at = 0; at < bytes.length;) {
          const end = wordEnd(bytes, at);
          expect(end).toBeGreaterThan(at);
          expect(end - at).toBeLessThanOrEqual(MAX_WORD_BYTES);
          expect(end).toBeLessThanOrEqual(bytes.length);
          at = end;
        }
      }),
    );
    expect(words(new Uint8Array(150).fill(0x61)).map((word) => word.length)).toEqual([64, 64, 22]);
  });
});

// Few distinct bytes, so that pairs repeat, overlap (aaaa) and tie.
const repetitive = fc
  .array(fc.constantFrom(...utf8('aab b.\n1'), 0xff), { minLength: 1, maxLength: 200 })
  .map((list) => Uint8Array.from(list));

describe('trainBpe', () => {
  it('makes the merges that the definition makes, ties included', async () => {
    await fc.assert(
      fc.asyncProperty(repetitive, async (bytes) => {
        expect((await trainBpe(bytes, { merges: 40 })).merges).toEqual(naiveBpe(bytes, 40));
      }),
    );
    const english = utf8('the cat sat on the mat; the other cat sat there, then left. '.repeat(3));
    expect((await trainBpe(english, { merges: 60 })).merges).toEqual(naiveBpe(english, 60));
  });

  it('stops when no pair occurs twice; the vocabulary may keep room for the rest, whose ids stand for no bytes', async () => {
    const model = await trainBpe(utf8('abab xyxy'), { merges: 4096 });
    expect(model.merges.length).toBeLessThan(8);
    expect(new BpeTokenizer(model).vocab).toBe(256 + model.merges.length);
    const roomy = new BpeTokenizer(model, 4096);
    expect(roomy.vocab).toBe(256 + 4096);
    expect(text(roomy.decode([97, 4000, 98]))).toBe('ab');
    expect((await trainBpe(utf8('a'), { merges: 1 })).merges).toEqual([]);
  });

  it('reports rising progress that ends at 1', async () => {
    const shares: number[] = [];
    await trainBpe(utf8('some words to train on, some words '.repeat(50)), {
      merges: 100,
      onProgress: (share) => shares.push(share),
    });
    expect(shares.at(-1)).toBe(1);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
  });

  it('stops when aborted, also in the middle', async () => {
    await expect(trainBpe(utf8('ab ab'), { merges: 1, signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
      'enough',
    );
    const noise = Uint8Array.from({ length: 10_000 }, (_, i) => Math.imul(i, 2654435761) >>> 23);
    // A clock on which every look takes a slice of its own.
    let now = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (now += 1000));
    const controller = new AbortController();
    const training = trainBpe(noise, {
      merges: 65_000,
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('enough')),
    });
    await expect(training).rejects.toThrow('enough');
    clock.mockRestore();
  });

  it('refuses no bytes and impossible numbers of merges in words', async () => {
    await expect(trainBpe(new Uint8Array(0), { merges: 8 })).rejects.toThrow('tokenizer bpe: cannot be trained on empty data.');
    for (const merges of [0, -1, 1.5, 65_281, NaN]) await expect(trainBpe(utf8('ab'), { merges })).rejects.toThrow(SpecError);
  });
});

describe('BpeTokenizer', () => {
  it('round-trips any bytes, invalid UTF-8 included', async () => {
    const tokenizer = new BpeTokenizer(
      await trainBpe(utf8('the cat sat on the mat and the dog sat too '.repeat(4)), { merges: 50 }),
    );
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.string().map(utf8), repetitive), (bytes) => {
        const ids = tokenizer.encode(bytes);
        expect(tokenizer.decode(ids)).toEqual(Uint8Array.from(bytes));
        expect(ids.reduce((sum, id) => sum + tokenizer.byteLength(id), 0)).toBe(bytes.length);
      }),
    );
  });

  it('encodes the training text into the ids that training ended with', async () => {
    await fc.assert(
      fc.asyncProperty(repetitive, async (bytes) => {
        const model = await trainBpe(bytes, { merges: 30 });
        const counts = new Map<number, number>();
        const ids = new BpeTokenizer(model).encode(bytes);
        for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
        // Merging by definition, one merge after the other over the whole text, word by word.
        let at = 0;
        for (let start = 0; start < bytes.length;) {
          const end = wordEnd(bytes, start);
          const word = [...bytes.subarray(start, end)];
          model.merges.forEach(([left, right], m) => {
            for (let i = 0; i + 1 < word.length; i += 1)
              if (word[i] === left && word[i + 1] === right) word.splice(i, 2, 256 + m);
          });
          expect([...ids.subarray(at, at + word.length)]).toEqual(word);
          at += word.length;
          start = end;
        }
        expect(at).toBe(ids.length);
      }),
    );
  });

  it('survives being kept as JSON', async () => {
    const bytes = utf8('to be or not to be, that is the question to be asked');
    const model = await trainBpe(bytes, { merges: 20 });
    const again = new BpeTokenizer(parseBpeModel(JSON.parse(JSON.stringify(model))));
    expect(again.encode(bytes)).toEqual(new BpeTokenizer(model).encode(bytes));
    expect(bytesPerToken(again, again.encode(bytes))).toBeGreaterThan(1);
  });

  it.each([
    [[[97, 300]], /merge 0 joins ids that are not yet made: got 97, 300, expected 0..255/],
    [
      [
        [97, 98],
        [97, 98],
      ],
      /merge 1 repeats an earlier one/,
    ],
    [[[97, -1]], /not yet made/],
    [Array.from({ length: 7 }, (_, i) => (i === 0 ? [97, 97] : [255 + i, 255 + i])), /merge 6 is too long: got 128 bytes/],
  ])('refuses merges that training cannot have made: %j', (merges, message) => {
    const pairs = merges.map(([left = 0, right = 0]): [number, number] => [left, right]);
    expect(() => new BpeTokenizer({ merges: pairs })).toThrow(message);
  });

  it.each([
    null,
    7,
    {},
    { merges: {} },
    { merges: [[1]] },
    { merges: [['a', 'b']] },
    { merges: [[1, 2, 3]] },
    { merges: [null] },
  ])('refuses to read %j as a kept model', (value) => {
    expect(() => parseBpeModel(value)).toThrow(/^tokenizer bpe: is not a kept tokenizer: got .*Train the tokenizer again\.$/);
  });

  it('refuses ids outside its vocabulary', () => {
    expect(() => new BpeTokenizer({ merges: [[97, 98]] }).decode([97, 257])).toThrow(
      /token 1 is not in the vocabulary: got 257, expected 0..256/,
    );
  });
});

describe('byte and symbol tokenizers', () => {
  it('round-trip bytes and symbols', () => {
    fc.assert(
      fc.property(
        fc.uint8Array(),
        (bytes) => text(new ByteTokenizer().decode(new ByteTokenizer().encode(bytes))) === text(bytes),
      ),
    );
    const symbols = new SymbolTokenizer(256);
    const all = Uint16Array.from({ length: 256 }, (_, i) => i);
    expect(symbols.encode(symbols.decode(all))).toEqual(all);
    expect(text(new SymbolTokenizer(28).decode([0, 25, 26]))).toBe('azA');
    expect(() => new SymbolTokenizer(4).encode(utf8('e'))).toThrow(/not in the vocabulary: got 4, expected 0..3/);
    expect(() => new ByteTokenizer().decode([256])).toThrow(SpecError);
  });
});

describe('decodeText', () => {
  it('shows control characters, replaces what is not UTF-8, and keeps lines and tabs', () => {
    expect(decodeText(utf8('a\tb\nc\u0000\u001b[31m\u007f\r'))).toBe('a\tb\nc\u2400\u241b[31m\u2421\u240d');
    expect(decodeText(Uint8Array.of(0x61, 0xff, 0xc3))).toBe('a\ufffd\ufffd');
    expect(decodeText(utf8('\u202eabc\u0085'))).toBe('\ufffdabc\ufffd');
  });
});
