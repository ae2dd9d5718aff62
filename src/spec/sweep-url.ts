import { strToU8 } from 'fflate';
import { SpecError } from '../base/errors.ts';
import type { Sweep } from './sweep.ts';
import { parseSweep } from './sweep-read.ts';
import { BASE_SPEC_1, DICTIONARY_1, linkedPart } from './url.ts';
import { MAX_HASH_LENGTH, packHash, unpackHash } from './url-text.ts';

/**
 * A sweep as the hash of a URL, in the form of a spec's: `sweep1.`, and packed the JSON object of its name, what its base has other
 * than links leave out, its recipe with every parameter, and its axes. Neither that nor the dictionary may ever change.
 */
const PREFIX = 'sweep1.';

const WORDS_1 =
  '"recipe":{"kind":"lr-width""seeds""size-ladder""isoflop""horizons""batches""precision""fusion""tokensPerParameter":20,' +
  '"parameters":"all","warmup":"share","budgets":{"log":[1e10,"sizes":[{"layers":2,"width":64,"heads":4},"lr":{"log":[0.0001,0.1],"count":' +
  '"axes":[{"zip":[{"path":"model.width","values":[{"path":"optimizer.lr","values":[{"path":"budget.tokens","values":{"log":[' +
  '{"path":"seed.init","values":[1,2,3]},{"path":"seed.data","values":[1,2,3]}]}],"seeds":3},"name":"","base":{';

const DICTIONARY = Uint8Array.from([...DICTIONARY_1, ...strToU8(WORDS_1)]);

/**
 * The hash of a valid sweep, without the `#`.
 *
 * @throws SpecError where the sweep is too long for a link.
 */
export function sweepToHash({ name, base, recipe, axes }: Sweep): string {
  const json = JSON.stringify({
    ...(name === '' ? {} : { name }),
    base: linkedPart(base),
    ...(recipe === null ? {} : { recipe }),
    ...(axes.length === 0 ? {} : { axes }),
  });
  const hash = packHash(PREFIX, json, DICTIONARY);
  if (hash.length <= MAX_HASH_LENGTH) return hash;
  throw new SpecError({
    where: 'sweep',
    rule: 'is too long for a link',
    got: `${hash.length} characters`,
    expected: `${MAX_HASH_LENGTH} at most`,
    cure: 'Write long lists as ranges, or hand the sweep on as a file.',
  });
}

/**
 * The sweep that a hash holds, with or without its `#`.
 *
 * @throws SpecError where the hash is not one that {@link sweepToHash} makes, or its sweep is not valid here.
 */
export function sweepFromHash(hash: string): Sweep {
  return parseSweep(unpackHash(hash, { prefix: PREFIX, dictionary: DICTIONARY, holds: 'sweep' }), { base: BASE_SPEC_1 });
}
