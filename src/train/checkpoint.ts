import { SpecError } from '../base/errors.ts';
import { sameShape } from '../base/shape.ts';
import type { Dataset } from '../data/index.ts';
import { differingPaths } from '../spec/schema.ts';
import { parameterShapes } from '../spec/shapes.ts';
import type { RunSpec } from '../spec/run-spec.ts';
import { parseSpec } from '../spec/validate.ts';
import { decodeSafetensors, encodeSafetensors } from './safetensors.ts';
import type { NamedTensor } from './safetensors.ts';

/** What the GPU keeps from step to step: weights, moments, and what delayed scaling remembers. */
export const STATE_ARENAS = ['weights', 'm', 'v', 'scales', 'amaxHistory'] as const;
export type StateArena = (typeof STATE_ARENAS)[number];

/** Everything that the rest of a run follows from, to the bit. */
export interface Checkpoint {
  readonly runId: string;
  /** One spec a lane. */
  readonly specs: readonly RunSpec[];
  /** Steps done. The data cursor is `step * gradAccum` micro-batches. */
  readonly step: number;
  /** Where the run ends, extensions included. */
  readonly targetStep: number;
  readonly dataHash: string;
  readonly vocab: number;
  /** Milliseconds since the epoch. */
  readonly savedAt: number;
  readonly lanes: readonly LaneState[];
  /** Variants of kernels that were not the default ones, by signature: with others, sums would have another order. */
  readonly choices: readonly (readonly [signature: string, variant: string])[];
}

/** Tensors of each arena by name, without prefixes; the arenas of delayed scaling are empty in runs without it. */
export type LaneState = { readonly [G in StateArena]: readonly NamedTensor[] };

const FORMAT = 'isoflop-checkpoint';
const VERSION = '1';

/** What stands before a tensor's name in a file: `blocks.0.mlp.fc.weight`, `optimizer.m.blocks.0.mlp.fc.weight`. */
const PREFIXES = {
  weights: '',
  m: 'optimizer.m.',
  v: 'optimizer.v.',
  scales: 'scaling.scale.',
  amaxHistory: 'scaling.amaxHistory.',
} as const satisfies { readonly [G in StateArena]: string };
const PARAMETERS = ['weights', 'm', 'v'] as const;
const SCALING = ['scales', 'amaxHistory'] as const;

/** Of several lanes, names stand behind `lane.<i>.`. */
function prefixOf(group: StateArena, lane: number, lanes: number): string {
  return `${lanes === 1 ? '' : `lane.${lane}.`}${PREFIXES[group]}`;
}

export function encodeCheckpoint(checkpoint: Checkpoint): ArrayBuffer {
  const { lanes, specs, step, targetStep, dataHash, runId, savedAt, vocab, choices } = checkpoint;
  const tensors = lanes.flatMap((state, lane) =>
    STATE_ARENAS.flatMap((group) =>
      state[group].map((tensor) => ({ ...tensor, name: `${prefixOf(group, lane, lanes.length)}${tensor.name}` })),
    ),
  );
  const cursor = step * (specs[0]?.data.gradAccum ?? 1);
  const metadata = {
    format: FORMAT,
    version: VERSION,
    specs: JSON.stringify(specs),
    step: String(step),
    targetStep: String(targetStep),
    cursor: String(cursor),
    dataHash,
    vocab: String(vocab),
    runId,
    savedAt: String(savedAt),
    ...(choices.length === 0 ? {} : { choices: JSON.stringify(choices) }),
  };
  return encodeSafetensors({ tensors, metadata });
}

/**
 * @param where what the file is called in errors.
 * @throws SpecError on a file that is no checkpoint of this build's version, or misses a tensor of its own spec.
 */
export function decodeCheckpoint(file: ArrayBuffer, where: string): Checkpoint {
  const { tensors, metadata } = decodeSafetensors(file, where);
  if (metadata['format'] !== FORMAT) {
    throw new SpecError({
      where,
      rule: 'the file is no Isoflop checkpoint',
      got: metadata['format'] ?? 'no format in its metadata',
      expected: FORMAT,
      cure: 'Bare weights start a run through --init, not as a checkpoint.',
    });
  }
  if (metadata['version'] !== VERSION) {
    throw new SpecError({
      where,
      rule: 'checkpoint version',
      got: String(metadata['version']),
      expected: VERSION,
      cure: 'Open it with the build that wrote it.',
    });
  }
  const specs = parseSpecs(metadata['specs'], where);
  const count = (key: string): number => {
    const value = Number(metadata[key]);
    if (!Number.isSafeInteger(value) || value < 0)
      throw new SpecError({ where, rule: `${key} is no count`, got: String(metadata[key]) });
    return value;
  };
  const vocab = count('vocab');
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const lanes = specs.map((spec, lane): LaneState => {
    const parameters = (kind: (typeof PARAMETERS)[number]): readonly NamedTensor[] =>
      parameterShapes(spec, vocab).map(({ name, shape }) => {
        const full = `${prefixOf(kind, lane, specs.length)}${name}`;
        return { ...requireTensor(byName.get(full), full, shape, where), name };
      });
    // Which tensors have a scale follows from the graph: the trainer holds them against it.
    const scaling = (kind: (typeof SCALING)[number]): readonly NamedTensor[] => {
      const prefix = prefixOf(kind, lane, specs.length);
      return tensors.flatMap((tensor) =>
        tensor.name.startsWith(prefix) ? [{ ...tensor, name: tensor.name.slice(prefix.length) }] : [],
      );
    };
    return {
      weights: parameters('weights'),
      m: parameters('m'),
      v: parameters('v'),
      scales: scaling('scales'),
      amaxHistory: scaling('amaxHistory'),
    };
  });
  const expected = lanes.reduce((sum, state) => sum + STATE_ARENAS.reduce((n, kind) => n + state[kind].length, 0), 0);
  if (tensors.length !== expected) {
    throw new SpecError({
      where,
      rule: 'tensors do not belong to the spec of the file',
      got: `${tensors.length} tensors`,
      expected: `${expected}`,
    });
  }
  return {
    runId: metadata['runId'] ?? '',
    specs,
    step: count('step'),
    targetStep: count('targetStep'),
    dataHash: metadata['dataHash'] ?? '',
    vocab,
    savedAt: count('savedAt'),
    lanes,
    choices: parseChoices(metadata['choices'], where),
  };
}

function parseChoices(text: string | undefined, where: string): Checkpoint['choices'] {
  if (text === undefined) return [];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SpecError({ where, rule: 'its choices of kernels are not JSON', cause });
  }
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  return list.map((item: unknown) => {
    const pair: readonly unknown[] = Array.isArray(item) ? item : [];
    const [signature, variant] = pair;
    if (typeof signature !== 'string' || typeof variant !== 'string')
      throw new SpecError({ where, rule: 'its choices of kernels are mangled', got: JSON.stringify(item) });
    return [signature, variant] as const;
  });
}

function parseSpecs(text: string | undefined, where: string): readonly RunSpec[] {
  let value: unknown;
  try {
    value = JSON.parse(text ?? '');
  } catch (cause) {
    throw new SpecError({ where, rule: 'its spec is not JSON', cause });
  }
  if (!Array.isArray(value) || value.length === 0) throw new SpecError({ where, rule: 'it has no spec' });
  return value.map((item: unknown) => parseSpec(item));
}

/** Weights alone, for `isoflop init` and for other tools: tensor names as in `parameterShapes`. */
export function encodeWeights(weights: readonly NamedTensor[], spec: RunSpec): ArrayBuffer {
  return encodeSafetensors({
    tensors: weights,
    metadata: { format: 'isoflop-weights', version: VERSION, spec: JSON.stringify(spec) },
  });
}

/**
 * The weights of `spec` from any safetensors file that has them all under their names: bare weights, or a checkpoint of one lane.
 *
 * @throws SpecError naming the first tensor that is missing, unknown or of another shape.
 */
export function decodeWeights(file: ArrayBuffer, spec: RunSpec, vocab: number, where: string): readonly NamedTensor[] {
  const { tensors } = decodeSafetensors(file, where);
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const shapes = parameterShapes(spec, vocab);
  const names = new Set(shapes.map(({ name }) => name));
  const foreign = tensors.find(({ name }) => !names.has(name) && !/^(optimizer|scaling)\./.test(name));
  if (foreign !== undefined) {
    throw new SpecError({
      where,
      rule: 'a tensor is not of this spec',
      got: foreign.name,
      cure: 'Use weights that were made for the same model.',
    });
  }
  return shapes.map(({ name, shape }) => requireTensor(byName.get(name), name, shape, where));
}

function requireTensor(tensor: NamedTensor | undefined, name: string, shape: readonly number[], where: string): NamedTensor {
  const cure = 'Use a file that was made for the same spec.';
  if (tensor === undefined) throw new SpecError({ where, rule: `tensor ${name} is missing`, cure });
  if (!sameShape(tensor.shape, shape)) {
    throw new SpecError({
      where,
      rule: `tensor ${name} has another shape`,
      got: `[${tensor.shape.join(',')}]`,
      expected: `[${shape.join(',')}]`,
      cure,
    });
  }
  return tensor;
}

/**
 * The checkpoint of those of its lanes that train these specs, in the order of the specs: a lane is a run (promise 2), so some of them go
 * on without the others. As it is where it has not all of them; {@link requireSameRun} says so then.
 */
export function lanesOf(checkpoint: Checkpoint, specs: readonly RunSpec[]): Checkpoint {
  const isSame = (a: RunSpec, b: RunSpec): boolean => differingPaths(a, b).every((path) => path === 'name');
  const lanes = specs.map((spec) => {
    const lane = checkpoint.specs.findIndex((candidate) => isSame(candidate, spec));
    return checkpoint.lanes[lane];
  });
  return lanes.every((lane) => lane !== undefined) ? { ...checkpoint, specs, lanes } : checkpoint;
}

/** @throws SpecError unless the run of `specs` on `dataset` is the one that the checkpoint was made of; names decide nothing. */
export function requireSameRun(checkpoint: Checkpoint, specs: readonly RunSpec[], dataset: Pick<Dataset, 'contentHash'>): void {
  const refuse = (rule: string, cure: string): never => {
    throw new SpecError({ where: 'checkpoint', rule, cure });
  };
  if (checkpoint.dataHash !== dataset.contentHash)
    refuse('it was trained on other data', 'Choose the data that the run was started on.');
  const cure = 'Resume with the spec in the checkpoint, or start a new run.';
  if (specs.length !== checkpoint.specs.length) refuse('it has another number of lanes', cure);
  for (const [lane, spec] of specs.entries()) {
    const path = differingPaths(checkpoint.specs[lane] ?? spec, spec).find((candidate) => candidate !== 'name');
    if (path !== undefined) refuse(`it is of another spec: ${path} differs`, cure);
  }
}
