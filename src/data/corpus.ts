import { SpecError } from '../base/errors.ts';

/** The built-in corpora: text of installed packages, packed when the site is built. */
export const CORPORA = ['sotu', 'gutenberg', 'code', 'names'] as const;
export type CorpusName = (typeof CORPORA)[number];

/** Raw bytes of a corpus, split so that no document is in two parts. */
export interface Corpus {
  readonly name: CorpusName;
  readonly train: Uint8Array;
  readonly validation: Uint8Array;
  /** Text of another time or kind than `train`, or null. */
  readonly ood: Uint8Array | null;
}

/** Where the page finds a packed corpus, relative to its base URL. */
export function corpusPath(name: CorpusName): string {
  return `corpora/${name}.bin`;
}

const MAGIC = 0x50434f49; // "IOCP", little-endian
const HEADER_BYTES = 16;

/** One run of bytes: u32 magic, then the u32 lengths of train, validation and ood (all little-endian), then the three parts. No ood has length 0. */
export function packCorpus(corpus: Corpus): Uint8Array<ArrayBuffer> {
  const parts = [corpus.train, corpus.validation, corpus.ood ?? new Uint8Array(0)];
  const packed = new Uint8Array(HEADER_BYTES + parts.reduce((sum, part) => sum + part.length, 0));
  const view = new DataView(packed.buffer);
  view.setUint32(0, MAGIC, true);
  let at = HEADER_BYTES;
  parts.forEach((part, i) => {
    view.setUint32(4 + 4 * i, part.length, true);
    packed.set(part, at);
    at += part.length;
  });
  return packed;
}

/** The inverse of {@link packCorpus}; the parts are views of `packed`. SpecError when it is not a whole packed corpus. */
export function unpackCorpus(name: CorpusName, packed: Uint8Array): Corpus {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const whole = packed.length >= HEADER_BYTES && view.getUint32(0, true) === MAGIC;
  const lengths = whole ? [4, 8, 12].map((offset) => view.getUint32(offset, true)) : [0, 0, 0];
  const [train = 0, validation = 0, ood = 0] = lengths;
  const expected = HEADER_BYTES + train + validation + ood;
  if (!whole || packed.length !== expected) {
    throw new SpecError({
      where: `corpus ${name}`,
      rule: 'is damaged',
      got: `${packed.length} bytes`,
      expected: whole ? `${expected} bytes` : 'a packed corpus',
      cure: 'Reload the page; if that does not help, build the site again.',
    });
  }
  const validationAt = HEADER_BYTES + train;
  const oodAt = validationAt + validation;
  return {
    name,
    train: packed.subarray(HEADER_BYTES, validationAt),
    validation: packed.subarray(validationAt, oodAt),
    ood: ood === 0 ? null : packed.subarray(oodAt),
  };
}
