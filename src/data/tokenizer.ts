import { SpecError } from '../base/errors.ts';

/** Token ids; every tokenizer here has a vocabulary of at most 65,536 and gives Uint16Array. */
export type Tokens = Uint16Array | Uint32Array;

/** Bytes to token ids and back. `decode(encode(bytes))` is `bytes` for any bytes that the tokenizer takes. */
export interface Tokenizer {
  readonly kind: 'byte' | 'bpe' | 'symbol';
  /** Ids are below this. */
  readonly vocab: number;
  encode(bytes: Uint8Array): Uint16Array<ArrayBuffer>;
  /** SpecError for an id that is not in the vocabulary. */
  decode(ids: ArrayLike<number>): Uint8Array<ArrayBuffer>;
  /** Bytes that a token stands for. */
  byteLength(id: number): number;
}

/** Mean bytes per token, 0 for no tokens: a loss in nats per token divided by this is comparable between tokenizers. */
export function bytesPerToken(tokenizer: Tokenizer, tokens: Tokens): number {
  let bytes = 0;
  for (const id of tokens) bytes += tokenizer.byteLength(id);
  return tokens.length === 0 ? 0 : bytes / tokens.length;
}

/** SpecError unless every token is below `vocab`. */
export function requireInVocab(where: string, tokens: ArrayLike<number>, vocab: number): void {
  for (let i = 0; i < tokens.length; i += 1) {
    const id = tokens[i] ?? 0;
    if (!(id >= 0 && id < vocab)) {
      throw new SpecError({
        where,
        rule: `token ${i} is not in the vocabulary`,
        got: String(id),
        expected: `0..${vocab - 1}`,
        cure: 'Use the tokenizer that the model was made for.',
      });
    }
  }
}

/** Every byte is a token. */
export class ByteTokenizer implements Tokenizer {
  readonly kind = 'byte';
  readonly vocab = 256;

  encode(bytes: Uint8Array): Uint16Array<ArrayBuffer> {
    return Uint16Array.from(bytes);
  }

  decode(ids: ArrayLike<number>): Uint8Array<ArrayBuffer> {
    requireInVocab('byte tokenizer', ids, this.vocab);
    return Uint8Array.from(ids);
  }

  byteLength(): number {
    return 1;
  }
}

/** Bytes in the order in which symbols use them: a-z, A-Z, 0-9, the other printable ones, then the rest. */
const SYMBOL_BYTES: Uint8Array = (() => {
  const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const readable = [...range(0x61, 0x7a), ...range(0x41, 0x5a), ...range(0x30, 0x39)];
  return Uint8Array.from(new Set([...readable, ...range(0x21, 0x7e), ...range(0, 255)]));
})();

/** The symbols of a synthetic source: ids pass through, each shown as one readable byte (0 is `a`). */
export class SymbolTokenizer implements Tokenizer {
  readonly kind = 'symbol';
  readonly vocab: number;

  /** @param symbols 1..256. */
  constructor(symbols: number) {
    this.vocab = symbols;
  }

  /** SpecError for a byte that stands for no symbol. */
  encode(bytes: Uint8Array): Uint16Array<ArrayBuffer> {
    const ids = Uint16Array.from(bytes, (byte) => SYMBOL_BYTES.indexOf(byte));
    requireInVocab('symbol tokenizer', ids, this.vocab);
    return ids;
  }

  decode(ids: ArrayLike<number>): Uint8Array<ArrayBuffer> {
    requireInVocab('symbol tokenizer', ids, this.vocab);
    return Uint8Array.from(ids, (id) => SYMBOL_BYTES[id] ?? 0);
  }

  byteLength(): number {
    return 1;
  }
}
