import { deflateSync, inflateSync, strFromU8, strToU8 } from 'fflate';
import { SpecError } from '../base/errors.ts';
import { shown } from './words.ts';

/** Longest hash that is read; a spec with every field its own is a tenth of it. */
export const MAX_HASH_LENGTH = 8192;

/**
 * A JSON text as the hash of a URL: the prefix and, in base64url without padding, a CRC-32 (little-endian) of the rest and then the
 * raw deflate stream of the text. The dictionary is part of the format and may never change under a prefix.
 */
export function packHash(prefix: string, json: string, dictionary: Uint8Array): string {
  const deflated = deflateSync(strToU8(json), { level: 9, dictionary });
  const bytes = new Uint8Array(4 + deflated.length);
  new DataView(bytes.buffer).setUint32(0, crc32(deflated), true);
  bytes.set(deflated, 4);
  return prefix + toBase64Url(bytes);
}

interface HashForm {
  readonly prefix: string;
  readonly dictionary: Uint8Array;
  /** What people call the content, as in "a spec". */
  readonly holds: string;
}

/**
 * The JSON value in a hash that {@link packHash} made, with or without its `#`.
 *
 * @throws SpecError for any other text.
 */
export function unpackHash(hash: string, { prefix, dictionary, holds }: HashForm): unknown {
  const text = hash.startsWith('#') ? hash.slice(1) : hash;
  if (!text.startsWith(prefix)) {
    throw new SpecError({
      where: 'URL',
      rule: `does not hold a ${holds} that this build reads`,
      got: shown(text),
      expected: `a hash that starts with ${prefix}`,
      cure: 'Copy the whole link again.',
    });
  }
  const mangled = (got: string, expected: string, cause?: unknown): SpecError => {
    const rule = `is mangled, so the ${holds} in it is lost`;
    return new SpecError({ where: 'URL', rule, got, expected, cure: 'Copy the whole link again.', cause });
  };
  if (text.length > MAX_HASH_LENGTH) throw mangled(`${text.length} characters`, `${MAX_HASH_LENGTH} at most`);
  const bytes = fromBase64Url(text.slice(prefix.length));
  if (bytes === undefined || bytes.length <= 4) throw mangled(shown(text), `base64url of a checksum and a deflated ${holds}`);
  const deflated = bytes.subarray(4);
  const [got, expected] = [crc32(deflated), new DataView(bytes.buffer).getUint32(0, true)];
  if (got !== expected) throw mangled(`checksum ${hex(got)}`, hex(expected));
  try {
    return JSON.parse(strFromU8(inflateSync(deflated, { dictionary })));
  } catch (cause) {
    throw mangled(shown(text), 'a deflated JSON object', cause);
  }
}

function toBase64Url(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');
}

/** `undefined` where the text is not exactly what {@link toBase64Url} makes of some bytes. */
function fromBase64Url(text: string): Uint8Array | undefined {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) return undefined;
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = Uint8Array.from(binary, (c) => c.charCodeAt(0));
  return toBase64Url(bytes) === text ? bytes : undefined;
}

/** CRC-32 of zlib and PNG (polynomial 0xedb88320), bit by bit: a link is short. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

const hex = (word: number): string => word.toString(16).padStart(8, '0');
