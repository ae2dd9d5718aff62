import { describe, expect, it } from 'vitest';
import { keptBytes, planProgram } from '../../src/engine/index.ts';
import type { Plan } from '../../src/engine/index.ts';
import { valueLabel } from '../../src/graph/graph.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { wordsOf } from '../../src/graph/types.ts';
import type { Node, Value } from '../../src/graph/types.ts';
import { BLOCK_FORMATS, ROLES } from '../../src/numerics/index.ts';
import type { BlockFormat, Cast, Role } from '../../src/numerics/index.ts';
import { updatesOf } from '../../src/ops/table.ts';
import { castAt, RECIPES } from '../../src/spec/index.ts';
import type { PrecisionSpec, RunSpec } from '../../src/spec/run-spec.ts';
import { evaluationGraph, samplingGraph, trainingGraph } from '../../src/train/graphs.ts';
import { tinySpec } from '../reference/specs.ts';
import { testGpu } from '../support/run-graph.ts';

const VOCAB = 11;
const LAYERS = 2;
/** Linear layers in blocks: qkv, proj, fc, proj. */
const LINEAR = 4 * LAYERS;
const RECIPE_NAMES = Object.keys(RECIPES).filter((name): name is PrecisionSpec['recipe'] => Object.hasOwn(RECIPES, name));
/** Recipes that cast the operands of the blocks' matmuls and nothing else but states and weight gradients. */
const EIGHT_BITS = RECIPE_NAMES.filter((recipe) => recipe !== 'f32' && !recipe.startsWith('bf16'));

/** Dimensions that blocks of 32 divide; of 16 where a format is used with blocks of 128. */
function specOf(precision: Partial<PrecisionSpec>, change: Parameters<typeof tinySpec>[0] = {}): RunSpec {
  const blockSize = precision.recipe === 'fp8-block' ? 16 : null;
  return tinySpec({
    fusion: 'none',
    ...change,
    data: { context: 16, ...change.data },
    model: { layers: LAYERS, width: 32, position: 'rope', ...change.model },
    precision: { blockSize, ...precision },
  });
}

function graphOf(precision: Partial<PrecisionSpec>): Graph {
  return trainingGraph(specOf(precision), VOCAB);
}

const isCast = ({ op }: Node): boolean => op === 'quantize' || op === 'dequantize' || op === 'amax';

/** What was cast to get `value`, and by which node; the value itself where nothing was. */
function origin(value: Value): { readonly source: Value; readonly cast: Node | undefined } {
  if (value.node.op !== 'dequantize') return { source: value, cast: undefined };
  const cast = value.node.inputs[0]?.node;
  const source = cast?.inputs[0];
  if (cast?.op !== 'quantize' || source === undefined) throw new RangeError(`${valueLabel(value)} decodes no codes`);
  return { source, cast };
}

/** The tensor as it was first made, before any cast. */
function root(value: Value): Value {
  const { source } = origin(value);
  return source === value ? value : root(source);
}

/** Values that the seed of the backward pass, d objective = 1, leads to. */
function gradientsOf({ nodes }: Graph): ReadonlySet<Value> {
  const found = new Set<Value>();
  for (const node of nodes) {
    const isSeed = node.op === 'constant' && node.name === 'objective';
    if (isSeed || node.inputs.some((input) => found.has(input))) node.outputs.forEach((output) => found.add(output));
  }
  return found;
}

interface OperandRead {
  readonly layer: string;
  readonly role: Role;
  readonly value: Value;
  /** Dimension of the operand, a matrix, that the matmul sums over: 0 rows, 1 columns. */
  readonly contracted: 0 | 1;
}

/** The operands of the three matmuls of every linear layer, the head's too, told by what they are made of. */
function operandsOf(graph: Graph): readonly OperandRead[] {
  const gradients = gradientsOf(graph);
  return graph.nodes.flatMap((node): readonly OperandRead[] => {
    if (node.op !== 'matmul' || node.attrs['batched'] === true) return [];
    const layer = node.name.replace(/^d /, '');
    const kinds = node.inputs.slice(0, 2).map((input) => {
      const made = root(input);
      return made.node.op === 'state' ? 'weight' : gradients.has(made) ? 'gradient' : 'activation';
    });
    const pass = !kinds.includes('gradient') ? 'fprop' : kinds.includes('weight') ? 'dgrad' : 'wgrad';
    return kinds.map((kind, i) => {
      const role = ROLES.find((candidate) => candidate === `${pass}.${kind}`);
      const value = node.inputs[i];
      if (role === undefined || value === undefined) throw new RangeError(`${node.name}: an operand without a role`);
      const isTurned = node.attrs[i === 0 ? 'transposeA' : 'transposeB'] === true;
      return { layer, role, value, contracted: (i === 0) === isTurned ? 0 : 1 };
    });
  });
}

function elementOf({ format }: Cast): string {
  const blocks: Readonly<Record<string, BlockFormat>> = BLOCK_FORMATS;
  return blocks[format]?.element.name ?? format;
}

const named = (graph: Graph, op: string): readonly Node[] => graph.nodes.filter((node) => node.op === op);

/** Nodes that read `value`. */
function readersOf(graph: Graph, value: Value): readonly Node[] {
  return graph.nodes.filter(({ inputs }) => inputs.includes(value));
}

/** Ops that casts bring along, and what only they read. */
const OF_CASTS = new Set(['amax', 'quantize', 'dequantize', 'record_amax', 'delayed_scale', 'round_state']);
const ARENAS_OF_CASTS = new Set(['scales', 'amaxHistory']);

/** The graph as lines, what reads a cast tensor reading the tensor itself. */
function withoutCasts(graph: Graph): readonly string[] {
  const numbers = new Map<Node, number>();
  const label = (value: Value): string => {
    const made = root(value);
    return `${numbers.get(made.node)}.${made.index}`;
  };
  return graph.nodes.flatMap((node) => {
    const isOurs =
      OF_CASTS.has(node.op) ||
      ARENAS_OF_CASTS.has(String(node.attrs['arena'])) ||
      node.name === 'draw' ||
      (node.op === 'pack' && node.name === 'amaxes');
    if (isOurs) return [];
    numbers.set(node, numbers.size);
    return [`${node.phase} ${node.op}(${node.inputs.map(label).join()}) ${JSON.stringify(node.attrs)} "${node.name}"`];
  });
}

const recipes = RECIPE_NAMES.map((recipe): Partial<PrecisionSpec> => ({ recipe }));
const variants: readonly Partial<PrecisionSpec>[] = [
  ...recipes,
  { recipe: 'fp8-current', format: 'e4m3', scale: 'f32', margin: 2 },
  { recipe: 'fp8-delayed', amaxHistoryLen: 3, amaxAlgo: 'most_recent' },
  { recipe: 'mxfp8', format: 'hybrid', rounding: 'stochastic' },
  { recipe: 'bf16-pure', rounding: 'stochastic' },
];

describe('the precision of a training graph', () => {
  it.each(variants)('%j: every operand of a linear matmul is decoded from the format that the recipe says', (precision) => {
    const spec = specOf(precision);
    const operands = operandsOf(trainingGraph(spec, VOCAB));
    expect(operands).toHaveLength(6 * (LINEAR + 1));
    for (const { layer, role, value, contracted } of operands) {
      const where = `${layer} ${role}`;
      const wanted = castAt(spec.precision, { layer, role });
      const { cast } = origin(value);
      if (wanted === null) {
        expect(cast, where).toBeUndefined();
        continue;
      }
      const { scaling, rounding, margin, powerOfTwo } = wanted;
      expect(cast?.attrs, where).toMatchObject({ format: elementOf(wanted), scaling, rounding, margin, powerOfTwo });
      if (scaling !== 'block') continue;
      // A block is one row or column along what the matmul sums over; those of 128x128 are squares.
      const sides = [cast?.attrs['blockRows'], cast?.attrs['blockColumns']];
      const size = wanted.blockSize ?? { mxfp8: 32, mxfp4: 32, nvfp4: 16 }[spec.precision.recipe as string] ?? NaN;
      expect(sides[contracted], where).toBe(size);
      expect(sides[1 - contracted], where).toBe(wanted.format.endsWith('128x128') ? size : 1);
    }
  });

  it.each(variants)('%j: without its casts it is the graph in f32', (precision) => {
    expect(withoutCasts(graphOf(precision))).toEqual(withoutCasts(graphOf({ recipe: 'f32' })));
  });

  it('f32 casts nothing', () => {
    const graph = graphOf({ recipe: 'f32' });
    expect(graph.nodes.filter(({ op }) => OF_CASTS.has(op))).toEqual([]);
    expect(graph.nodes.some(({ name }) => name === 'draw')).toBe(false);
  });

  it('operands that want the same cast share their codes: 3 casts a layer, 6 where blocks lie along the contraction', () => {
    const casts = (precision: Partial<PrecisionSpec>): number => named(graphOf(precision), 'quantize').length;
    for (const recipe of ['fp8-current', 'fp8-delayed', 'fp8-none'] as const) expect(casts({ recipe })).toBe(3 * LINEAR);
    for (const recipe of ['mxfp8', 'mxfp4', 'nvfp4'] as const) expect(casts({ recipe })).toBe(6 * LINEAR);
    // Squares of 128x128 serve both of a weight's matmuls.
    expect(casts({ recipe: 'fp8-block' })).toBe(5 * LINEAR);
    // In another format for wgrad, its two operands have casts of their own.
    expect(casts({ recipe: 'fp8-current', overrides: { 'wgrad.activation': 'e3m4', 'wgrad.gradient': 'e3m4' } })).toBe(
      5 * LINEAR,
    );
  });

  it.each(RECIPE_NAMES.filter((name) => name !== 'f32'))(
    '%s: between forward and backward only codes of a cast tensor are kept',
    (recipe) => {
      const graph = graphOf({ recipe });
      const seed = graph.nodes.findIndex(({ op, name }) => op === 'constant' && name === 'objective');
      const position = new Map(graph.nodes.map((node, i) => [node, i]));
      const isAcross = (value: Value): boolean =>
        (position.get(value.node) ?? 0) < seed && readersOf(graph, value).some((node) => (position.get(node) ?? 0) > seed);
      let crossing = 0;
      for (const node of graph.nodes) {
        if (node.op === 'dequantize') expect(node.outputs.filter(isAcross), node.name).toEqual([]);
        const [source] = node.inputs;
        if (node.op !== 'quantize' || source === undefined) continue;
        crossing += node.outputs.some(isAcross) ? 1 : 0;
        // A matmul never reads again what it was cast from.
        const readers = readersOf(graph, source).filter((reader) => !isCast(reader));
        for (const reader of readers) expect(reader.op, `${node.name} read by ${reader.name}`).not.toBe('matmul');
        // What is stored in bf16 nobody reads in f32.
        const isStored = recipe.startsWith('bf16') && source.node.op !== 'state';
        if (isStored)
          expect(
            readers.map(({ op }) => op),
            node.name,
          ).toEqual([]);
      }
      // The activation of every layer, and the weight, which blocks along the contraction cast again.
      expect(crossing).toBeGreaterThanOrEqual((recipe.startsWith('mx') || recipe === 'nvfp4' ? 1 : 2) * LINEAR);
    },
  );

  it.each(EIGHT_BITS)(
    '%s leaves head, embedding, norms, softmax and residual stream alone, and gradients of embeddings and gains',
    (recipe) => {
      const graph = graphOf({ recipe });
      expect(
        named(graph, 'quantize').filter(
          ({ name }) => !/^blocks\.\d\.(attn\.(qkv|proj)|mlp\.(fc|proj)) (fprop|dgrad|wgrad)\./.test(name),
        ),
      ).toEqual([]);
      const others = graph.nodes.filter(
        ({ op, name }) =>
          !isCast({ op } as Node) && (op !== 'matmul' || name.endsWith('head')) && op !== 'pack' && !OF_CASTS.has(op),
      );
      expect(others.flatMap(({ inputs }) => inputs.filter(({ node }) => node.op === 'dequantize'))).toEqual([]);
      const state = named(graph, 'state').find(({ attrs }) => attrs['arena'] === 'weights');
      const grads = named(graph, 'pack').find(({ name }) => name === 'grads');
      const castGrads = String(state?.attrs['tensors'])
        .split(' ')
        .filter((_, i) => grads?.inputs[i]?.node.op === 'dequantize');
      const linear = Array.from({ length: LAYERS }, (_, i) =>
        ['attn.qkv', 'attn.proj', 'mlp.fc', 'mlp.proj'].map((part) => `blocks.${i}.${part}.weight`),
      );
      expect(castGrads).toEqual(recipe === 'fp8-lm' ? linear.flat() : []);
    },
  );

  it('bf16 stores what flows in bf16: all inputs of a block’s ops are decoded, but for statistics, scores and parameters', () => {
    const graph = graphOf({ recipe: 'bf16' });
    const made = new Set([
      'norm',
      'rope',
      'merge_heads',
      'activation',
      'add',
      'embedding',
      'matmul',
      'norm_backward',
      'activation_backward',
      'join_qkv',
    ]);
    const f32Reads = graph.nodes.flatMap((node) =>
      isCast(node)
        ? []
        : node.inputs.flatMap(({ node: from, index, type }) =>
            made.has(from.op) && index === 0 && type.dtype === 'f32'
              ? [`${node.op} "${node.name}" reads ${from.op} "${from.name}"`]
              : [],
          ),
    );
    const isOfAttention = (line: string): boolean =>
      /^(causal_softmax|merge_heads|join_qkv|softmax_backward|matmul) .* reads matmul "(d )?blocks\.\d\.attn"/.test(line);
    const isLogits = (line: string): boolean => line.endsWith('reads matmul "head"');
    const isGrad = (line: string): boolean => line.startsWith('pack "grads"');
    expect(f32Reads.filter((line) => !isOfAttention(line) && !isLogits(line) && !isGrad(line))).toEqual([]);
    expect(f32Reads.some(isLogits)).toBe(true);
  });
});

/** Where an override of a role stands, what it casts, and who reads that. */
const SITES: Readonly<Record<Role, { readonly layer: string; readonly from: string; readonly by: readonly string[] }>> = {
  'fprop.activation': { layer: 'blocks.1.attn.qkv', from: 'norm 0 "blocks.1.norm1"', by: ['matmul "blocks.1.attn.qkv"'] },
  'fprop.weight': { layer: 'blocks.0.mlp.fc', from: 'state "weights" blocks.0.mlp.fc.weight', by: ['matmul "blocks.0.mlp.fc"'] },
  'fprop.output': {
    layer: 'blocks.0.mlp.fc',
    from: 'matmul 0 "blocks.0.mlp.fc"',
    by: ['activation "blocks.0.mlp"', 'activation_backward "blocks.0.mlp"'],
  },
  'dgrad.gradient': {
    layer: 'blocks.0.mlp.fc',
    from: 'activation_backward 0 "blocks.0.mlp"',
    by: ['matmul "d blocks.0.mlp.fc"'],
  },
  'dgrad.weight': {
    layer: 'blocks.1.attn.proj',
    from: 'state "weights" blocks.1.attn.proj.weight',
    by: ['matmul "d blocks.1.attn.proj"'],
  },
  'dgrad.output': {
    layer: 'blocks.1.attn.proj',
    from: 'matmul 0 "d blocks.1.attn.proj"',
    by: ['split_heads "blocks.1.attn"'],
  },
  'wgrad.activation': { layer: 'head', from: 'norm 0 "final.norm"', by: ['matmul "d head"'] },
  'wgrad.gradient': { layer: 'blocks.0.attn.qkv', from: 'rope 0 "blocks.0.attn"', by: ['matmul "d blocks.0.attn.qkv"'] },
  'wgrad.output': { layer: 'blocks.1.mlp.proj', from: 'matmul 0 "d blocks.1.mlp.proj"', by: ['pack "grads"'] },
  'attention.q': {
    layer: 'blocks.1.attn',
    from: 'split_qkv 0 "blocks.1.attn"',
    by: ['matmul "blocks.1.attn"', 'matmul "d blocks.1.attn"'],
  },
  'attention.k': {
    layer: 'blocks.1.attn',
    from: 'split_qkv 1 "blocks.1.attn"',
    by: ['matmul "blocks.1.attn"', 'matmul "d blocks.1.attn"'],
  },
  'attention.v': {
    layer: 'blocks.0.attn',
    from: 'split_qkv 2 "blocks.0.attn"',
    by: ['matmul "blocks.0.attn"', 'matmul "d blocks.0.attn"'],
  },
  'attention.probabilities': {
    layer: 'blocks.0.attn',
    from: 'causal_softmax 0 "blocks.0.attn"',
    by: ['matmul "blocks.0.attn"', 'matmul "d blocks.0.attn"'],
  },
  residual: {
    layer: 'embed',
    from: 'embedding 0 "embed"',
    by: [
      'norm "blocks.0.norm1"',
      'add "blocks.0.attn"',
      'norm_backward "blocks.0.norm1"',
      'norm_param_backward "blocks.0.norm1"',
    ],
  },
  'residual.gradient': {
    layer: 'embed',
    from: 'add 0 "d embed"',
    by: ['embedding_backward "embed"'],
  },
  intermediate: {
    layer: 'blocks.1.mlp',
    from: 'activation 0 "blocks.1.mlp"',
    by: ['matmul "blocks.1.mlp.proj"', 'matmul "d blocks.1.mlp.proj"'],
  },
  'intermediate.gradient': {
    layer: 'blocks.0.mlp',
    from: 'activation_backward 0 "blocks.0.mlp"',
    by: ['matmul "d blocks.0.mlp.fc"', 'matmul "d blocks.0.mlp.fc"'],
  },
  embedding: { layer: '', from: 'state "weights" embed.weight', by: ['embedding "embed"'] },
  'optimizer.m': { layer: '', from: 'm', by: [] },
  'optimizer.v': { layer: '', from: 'v', by: [] },
  weights: { layer: '', from: 'weights', by: [] },
};

function sourceText({ node, index }: Value): string {
  if (node.op !== 'state') return `${node.op} ${index} "${node.name}"`;
  return `state "${node.name}" ${String(node.attrs['tensors']).split(' ')[index - 1]}`;
}

describe('an override', () => {
  it.each(ROLES)('of %s acts on that tensor and on no other', (role) => {
    const { layer, from, by } = SITES[role];
    const selector = layer === '' ? role : `${layer}:${role}`;
    // `residual` and `intermediate` select their gradients too, as every role does that begins with the word.
    const rest = ROLES.filter((other) => other.startsWith(`${role}.`)).map((other) => [`${layer}:${other}`, 'f32'] as const);
    const overrides = { [selector]: 'e5m2/none', ...Object.fromEntries(rest) };
    const graph = graphOf({ recipe: 'f32', overrides });
    expect(withoutCasts(graph)).toEqual(withoutCasts(graphOf({ recipe: 'f32' })));
    const quantized = named(graph, 'quantize');
    const rounded = named(graph, 'round_state');
    if (layer === '' && role !== 'embedding') {
      const pack = rounded[0]?.inputs[0];
      expect([quantized, rounded.length, rounded[0]?.attrs['format'], pack?.node.attrs['arena'], pack?.index]).toEqual([
        [],
        1,
        'e5m2',
        from,
        0,
      ]);
      return;
    }
    expect(rounded).toEqual([]);
    expect(quantized.map(({ name, attrs, inputs }) => [name, attrs['format'], inputs[0] && sourceText(inputs[0])])).toEqual([
      [layer === '' ? role : `${layer} ${role}`, 'e5m2', from],
    ]);
    const readers = named(graph, 'dequantize').flatMap(({ outputs }) =>
      outputs.flatMap((value) =>
        graph.nodes.flatMap(({ op, name, inputs }) => inputs.filter((input) => input === value).map(() => `${op} "${name}"`)),
      ),
    );
    expect(readers.toSorted()).toEqual([...by].toSorted());
  });

  it('brings a tensor of a recipe back to f32, and the last one wins', () => {
    const precision: Partial<PrecisionSpec> = {
      recipe: 'fp8-current',
      overrides: { 'blocks.0': 'bf16', 'blocks.0.mlp.fc:fprop': 'f32' },
    };
    for (const { layer, role, value } of operandsOf(graphOf(precision))) {
      const inFirst = layer.startsWith('blocks.0.');
      const wanted =
        layer === 'head' || (layer === 'blocks.0.mlp.fc' && role.startsWith('fprop'))
          ? undefined
          : inFirst
            ? 'bf16'
            : role.endsWith('gradient')
              ? 'e5m2'
              : 'e4m3';
      const format = origin(value).cast?.attrs['format'];
      // The input of fc is an intermediate of blocks.0, which stays in bf16 for all who read it.
      if (layer === 'blocks.0.mlp.fc' && role === 'fprop.activation') expect(format).toBe('bf16');
      else expect(format, `${layer} ${role}`).toBe(wanted);
    }
  });
});

describe('delayed scaling', () => {
  const spec = specOf({ recipe: 'fp8-delayed', amaxHistoryLen: 7 });
  const arena = (graph: Graph, name: string): string | undefined =>
    named(graph, 'state')
      .filter(({ attrs }) => attrs['arena'] === name)
      .map(({ attrs, outputs }) => `${String(attrs['tensors'])} ${outputs.map(({ type }) => type.shape.join()).join(' ')}`)[0];

  it('evaluation and sampling read the scales of training, in the same places, and keep no history', () => {
    const [training, ...others] = [trainingGraph(spec, VOCAB), evaluationGraph(spec, VOCAB), samplingGraph(spec, VOCAB)];
    expect(arena(training, 'scales')?.split(' ')).toHaveLength(2 * 3 * LINEAR + 1);
    expect(arena(training, 'amaxHistory')).toContain(' 7');
    for (const graph of others) {
      expect(arena(graph, 'scales')).toBe(arena(training, 'scales'));
      expect(arena(graph, 'amaxHistory')).toBeUndefined();
      expect(graph.nodes.filter(({ op }) => op === 'record_amax' || op === 'delayed_scale')).toEqual([]);
      // Activation and weight of every forward matmul.
      expect(named(graph, 'quantize')).toHaveLength(2 * LINEAR);
    }
  });

  it('scales a tensor by the state of its own name, and follows the amax of just that tensor', () => {
    const graph = trainingGraph(spec, VOCAB);
    const state = named(graph, 'state').find(({ attrs }) => attrs['arena'] === 'scales');
    const names = String(state?.attrs['tensors']).split(' ');
    const [record] = named(graph, 'record_amax');
    const amaxes = record?.inputs[0]?.node.inputs ?? [];
    expect(amaxes).toHaveLength(names.length);
    for (const { name, inputs } of named(graph, 'quantize')) {
      const [x, scale] = inputs;
      expect(scale?.node.attrs['arena']).toBe('scales');
      const at = (scale?.index ?? 0) - 1;
      expect(names[at]).toBe(name.replace(' ', '.'));
      expect(amaxes[at]?.node.inputs[0]).toBe(x);
    }
    expect(graph.nodes.filter(({ op }) => updatesOf(op).length > 0).map(({ op }) => op)).toEqual([
      'record_amax',
      'decay_weights',
      'adamw',
      'delayed_scale',
    ]);
  });
});

/**
 * Bytes that one lane keeps from the forward for the backward pass: made before d objective or up to the fused loss, which gives the gradient of
 * the logits as it reads these, and read after it.
 */
function keptByHand({ graph, steps, homes }: Plan): number {
  const gradients = gradientsOf(graph);
  const nodes = steps.map(({ node }) => node);
  const isGradient = ({ op, outputs }: Node): boolean =>
    op === 'cross_entropy_fused' || op === 'head_loss' || outputs.some((output) => gradients.has(output));
  const turn = nodes.findIndex(isGradient);
  const forward = new Set(nodes.slice(0, turn));
  const kept = new Set(
    nodes
      .slice(turn + 1)
      .flatMap(({ inputs }) => inputs)
      .filter((value) => homes.get(value)?.kind === 'pool' && forward.has(value.node)),
  );
  return [...kept].reduce((sum, { type }) => sum + 4 * wordsOf(type), 0);
}

describe('memory', () => {
  it('falls with the formats that tensors are kept in, where activations are most of it', async () => {
    const { caps } = await testGpu();
    const planOf = (precision: Partial<PrecisionSpec>): Plan => {
      const spec = specOf(precision, { fusion: 'all', data: { context: 64, batch: 8 }, model: { width: 32 } });
      return planProgram(trainingGraph(spec, VOCAB), { caps });
    };
    const plans = { f32: planOf({ recipe: 'f32' }), bf16: planOf({ recipe: 'bf16' }), fp8: planOf({ recipe: 'fp8-current' }) };
    const kept = { f32: keptBytes(plans.f32), bf16: keptBytes(plans.bf16), fp8: keptBytes(plans.fp8) };
    for (const plan of Object.values(plans)) expect(keptBytes(plan)).toBe(keptByHand(plan));
    // All but statistics of norms and attention, and what the loss needs, in half the bytes.
    expect(kept.bf16 / kept.f32).toBeLessThan(0.65);
    // What only matmuls read, outputs of norms and of the MLP's activation, in a quarter of the bytes; softmax and norms keep theirs in f32.
    expect(kept.fp8 / kept.f32).toBeLessThan(0.82);
    const pools = ({ pools: sizes }: Plan): number => sizes.reduce((sum, size) => sum + size, 0);
    expect(pools(plans.bf16)).toBeLessThan(pools(plans.f32));
    expect(pools(plans.fp8)).toBeLessThan(pools(plans.f32));
  });
});

describe('what a reader of a tensor may ask for', () => {
  it('is two delayed casts of one tensor, each with a scale and an amax of its own', async () => {
    const { caps } = await testGpu();
    const spec = specOf({ recipe: 'fp8-delayed', overrides: { 'wgrad.gradient': 'e4m3' } });
    const graph = trainingGraph(spec, VOCAB);
    expect(() => planProgram(graph, { caps })).not.toThrow();
    const names = graph.nodes.find(({ attrs }) => attrs['arena'] === 'scales')?.attrs['tensors'];
    expect(names).toContain('blocks.0.mlp.fc.dgrad.gradient');
    expect(names).toContain('blocks.0.mlp.fc.wgrad.gradient');
  });

  it('is no cast of capped logits', () => {
    const graph = trainingGraph(specOf({ recipe: 'bf16' }, { model: { logitSoftcap: 30 } }), VOCAB);
    const cap = graph.nodes.find(({ op, attrs }) => op === 'activation' && attrs['kind'] === 'softcap')?.outputs[0];
    const readers = graph.nodes.filter(({ inputs }) => inputs.some((input) => input === cap)).map(({ op }) => op);
    expect(readers.length).toBeGreaterThan(0);
    expect(readers).not.toContain('quantize');
  });
});
