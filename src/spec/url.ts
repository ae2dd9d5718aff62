import { strToU8 } from 'fflate';
import { putAt, withDefaults } from './defaults.ts';
import type { SpecInput } from './field.ts';
import type { RunSpec } from './run-spec.ts';
import { differingPaths, getField } from './schema.ts';
import { packHash, unpackHash } from './url-text.ts';
import { parseSpec } from './validate.ts';

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

export const DICTIONARY_1 = strToU8(
  '"gutenberg""code""names""file""constant""linear""none""learned""layernorm""relu2""swiglu":true,"bias":true,"tied":true,"qkNorm":true,' +
    '"sequential""random""bpe""tokens":1000000,"flops":1e12,"matmul-bias":false,"matmul-activation":false,"matmul-residual":false,' +
    '"norm-backward-residual":false,"attention":false,"cross-entropy":false}' +
    '"source":"markov","kvHeads":2,"order":"random","kind":"wsd","warmupSteps":200,"position":"learned","norm":"layernorm",' +
    BASE_1,
);

/** What links leave out: {@link BASE_1} with the younger fields. */
export const BASE_SPEC_1: RunSpec = parseSpec(JSON.parse(BASE_1), { base: withDefaults(SINCE_BASE_1) });

/** The hash of a valid spec, without the `#`: shorter the nearer the spec is to the defaults. */
export function specToHash(spec: RunSpec): string {
  return packHash(PREFIX, JSON.stringify(linkedPart(spec)), DICTIONARY_1);
}

/** What a link holds of a spec: the fields that differ from {@link BASE_SPEC_1}, nested like a spec. */
export function linkedPart(spec: RunSpec): Record<string, unknown> {
  const difference: Record<string, unknown> = {};
  for (const path of differingPaths(spec, BASE_SPEC_1)) {
    const value = getField(spec, path);
    if (value !== undefined) putAt(difference, path, value);
  }
  return difference;
}

/**
 * The spec that a hash holds, with or without its `#`.
 *
 * @throws SpecError where the hash is not one that {@link specToHash} makes, or its spec is not valid here.
 */
export function specFromHash(hash: string): RunSpec {
  return parseSpec(unpackHash(hash, { prefix: PREFIX, dictionary: DICTIONARY_1, holds: 'spec' }), { base: BASE_SPEC_1 });
}
