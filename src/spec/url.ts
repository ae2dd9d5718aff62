import { deflateSync, inflateSync, strFromU8, strToU8 } from 'fflate';
import { SpecError } from '../base/errors.ts';
import { putAt, withDefaults } from './defaults.ts';
import type { SpecInput } from './field.ts';
import type { RunSpec } from './run-spec.ts';
import { differingPaths, getField } from './schema.ts';
import { parseSpec } from './validate.ts';
import { shown } from './words.ts';

/**
 * A spec as the hash of a URL: `spec1.` and, in base64url without padding, a CRC-32 (little-endian) of the rest and then the raw
 * deflate stream of a JSON object. The object holds what differs from {@link BASE_1}, nested like a spec.
 *
 * Links must outlive this code, so what they rest on is written out here and not taken from the table: BASE_1 is what a link leaves
 * out, and it starts the deflate dictionary. Neither may ever change; other defaults or another dictionary make a `spec2.`.
 */
const PREFIX = 'spec1.';

const BASE_1 =
  '{"name":"","budget":{"steps":2000},"seed":{"init":1,"data":1},"data":{"source":"sotu","tokenizer":"byte","merges":1024,"context":64,' +
  '"batch":16,"gradAccum":1,"order":"shuffled","markov":{"symbols":16,"order":2,"concentration":0.3,"seed":1}},"model":{"layers":2,' +
  '"width":64,"heads":4,"kvHeads":null,"mlp":"gelu","mlpRatio":4,"norm":"rmsnorm","position":"rope","qkNorm":false,"tied":false,' +
  '"bias":false,"logitSoftcap":null},"loss":{"zLoss":0},"optimizer":{"kind":"adamw","lr":0.003,"beta1":0.9,"beta2":0.99,"eps":1e-8,' +
  '"weightDecay":0.1,"clip":1},"schedule":{"kind":"cosine","warmupSteps":100,"cooldown":0.2,"finalRatio":0.1},"eval":{"everySteps":50,' +
  '"batches":8},"precision":{"recipe":"f32"},"fusion":"all"}';

/**
 * What links mean by fields that are younger than BASE_1: a field that joins the table joins this list with the default of that day, and
 * no entry ever changes.
 */
const SINCE_BASE_1: SpecInput = {
  precision: {
    format: 'recipe',
    scale: 'power-of-two',
    margin: 0,
    amaxHistoryLen: 1024,
    amaxAlgo: 'max',
    blockSize: null,
    rounding: 'recipe',
    overrides: {},
  },
};

const DICTIONARY_1 = strToU8(
  '"gutenberg""code""names""file""constant""linear""none""learned""layernorm""relu2""swiglu":true,"bias":true,"tied":true,"qkNorm":true,' +
    '"sequential""random""bpe""tokens":1000000,"flops":1e12,"matmul-bias":false,"matmul-activation":false,"matmul-residual":false,' +
    '"norm-backward-residual":false,"attention":false,"cross-entropy":false}' +
    '"source":"markov","kvHeads":2,"order":"random","kind":"wsd","warmupSteps":200,"position":"learned","norm":"layernorm",' +
    BASE_1,
);

/** Longest hash that is read; a spec with every field its own is a tenth of it. */
const MAX_LENGTH = 8192;

const baseSpec: RunSpec = parseSpec(JSON.parse(BASE_1), { base: withDefaults(SINCE_BASE_1) });

/** The hash of a valid spec, without the `#`: shorter the nearer the spec is to the defaults. */
export function specToHash(spec: RunSpec): string {
  const difference: Record<string, unknown> = {};
  for (const path of differingPaths(spec, baseSpec)) {
    const value = getField(spec, path);
    if (value !== undefined) putAt(difference, path, value);
  }
  const deflated = deflateSync(strToU8(JSON.stringify(difference)), { level: 9, dictionary: DICTIONARY_1 });
  const bytes = new Uint8Array(4 + deflated.length);
  new DataView(bytes.buffer).setUint32(0, crc32(deflated), true);
  bytes.set(deflated, 4);
  return PREFIX + toBase64Url(bytes);
}

/**
 * The spec that a hash holds, with or without its `#`.
 *
 * @throws SpecError where the hash is not one that {@link specToHash} makes, or its spec is not valid here.
 */
export function specFromHash(hash: string): RunSpec {
  const text = hash.startsWith('#') ? hash.slice(1) : hash;
  if (!text.startsWith(PREFIX)) {
    throw new SpecError({
      where: 'URL',
      rule: 'does not hold a spec that this build reads',
      got: shown(text),
      expected: `a hash that starts with ${PREFIX}`,
      cure: 'Copy the whole link again.',
    });
  }
  if (text.length > MAX_LENGTH) throw mangled(`${text.length} characters`, `${MAX_LENGTH} at most`);
  const bytes = fromBase64Url(text.slice(PREFIX.length));
  if (bytes === undefined || bytes.length <= 4) throw mangled(shown(text), 'base64url of a checksum and a deflated spec');
  const deflated = bytes.subarray(4);
  const [got, expected] = [crc32(deflated), new DataView(bytes.buffer).getUint32(0, true)];
  if (got !== expected) throw mangled(`checksum ${hex(got)}`, hex(expected));
  let input: unknown;
  try {
    input = JSON.parse(strFromU8(inflateSync(deflated, { dictionary: DICTIONARY_1 })));
  } catch (cause) {
    throw mangled(shown(text), 'a deflated JSON object', cause);
  }
  return parseSpec(input, { base: baseSpec });
}

function mangled(got: string, expected: string, cause?: unknown): SpecError {
  const rule = 'is mangled, so the spec in it is lost';
  return new SpecError({ where: 'URL', rule, got, expected, cure: 'Copy the whole link again.', cause });
}

function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
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
