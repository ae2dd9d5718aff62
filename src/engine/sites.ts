import type { Graph } from '../graph/graph.ts';
import type { Node, Value } from '../graph/types.ts';
import { isRole } from '../numerics/site.ts';
import type { Site } from '../numerics/site.ts';
import { flagAttr } from '../ops/op.ts';

/** Ops whose first result is an activation of its own: neither a matmul's result nor the residual stream. */
const INTERMEDIATE = new Set(['norm', 'rope', 'qk_norm', 'attention', 'merge_heads', 'activation', 'swiglu']);
/** Ops whose first result is the gradient of such an activation, or of what one was made of. */
const INTERMEDIATE_GRADIENT = new Set([
  'norm_backward',
  'rope',
  'qk_norm_backward',
  'attention_backward',
  'join_qkv',
  'activation_backward',
  'swiglu_backward',
]);
const RESIDUAL = new Set(['embedding', 'position_add', 'add']);

/** Names the tensors of a graph that has its backward pass, or of one that never gets one. */
export class Sites {
  private readonly gradients: ReadonlySet<Value>;
  private readonly readers: ReadonlyMap<Value, readonly Node[]>;
  private readonly states: ReadonlySet<string>;

  constructor(graph: Graph) {
    this.gradients = gradientsOf(graph);
    this.readers = readersOf(graph);
    this.states = new Set(graph.nodes.filter(({ op }) => op === 'state').map(({ name }) => name));
  }

  /** Whether the node belongs to the backward pass: it reads a gradient. */
  isBackward(node: Node): boolean {
    return node.inputs.some((input) => this.gradients.has(input)) || node.outputs.some((output) => this.gradients.has(output));
  }

  /** Nodes that read `value`. */
  readersOf(value: Value): readonly Node[] {
    return this.readers.get(value) ?? [];
  }

  /** What input `i` of `node` is to it; undefined where it has no role of its own. */
  operand(node: Node, i: number): Site | undefined {
    const input = node.inputs[i];
    if (input === undefined) return undefined;
    if (node.op === 'embedding' && i === 1) return { layer: '', role: 'embedding' };
    if (node.op !== 'matmul' || i > 1) return undefined;
    const layer = layerOf(node);
    if (flagAttr(node, 'batched')) {
      const part = attentionPart(input);
      return part === undefined ? undefined : { layer, role: `attention.${part}` };
    }
    const kind = this.gradients.has(input) ? 'gradient' : isWeight(input) ? 'weight' : 'activation';
    const role = `${this.passOf(node)}.${kind}`;
    return isRole(role) ? { layer, role } : undefined;
  }

  /** What a result is; undefined for what has no role: statistics, losses, gradients of norms and biases. */
  result(value: Value): Site | undefined {
    const { node, index } = value;
    if (index !== 0) return undefined;
    // Capped logits are logits.
    if (node.attrs['kind'] === 'softcap') return undefined;
    const isGradient = this.gradients.has(value);
    if (node.op === 'matmul') {
      if (flagAttr(node, 'batched')) return undefined;
      const [reader, ...others] = this.readersOf(value);
      if (reader?.op === 'bias_add' && others.length === 0) return undefined;
      return { layer: layerOf(node), role: `${this.passOf(node)}.output` };
    }
    if (node.op === 'bias_add') return { layer: layerOf(node), role: 'fprop.output' };
    if (RESIDUAL.has(node.op)) {
      if (!isGradient) return { layer: blockOf(node.name), role: 'residual' };
      return node.op === 'add' && !this.states.has(layerOf(node))
        ? { layer: blockOf(layerOf(node)), role: 'residual.gradient' }
        : undefined;
    }
    if (isGradient) return INTERMEDIATE_GRADIENT.has(node.op) ? { layer: node.name, role: 'intermediate.gradient' } : undefined;
    return INTERMEDIATE.has(node.op) ? { layer: node.name, role: 'intermediate' } : undefined;
  }

  /** Which of the three matmuls of a linear layer a matmul is. */
  private passOf(node: Node): 'fprop' | 'dgrad' | 'wgrad' {
    const [a, b] = node.inputs;
    const operands = [a, b].filter((value) => value !== undefined);
    if (!operands.some((value) => this.gradients.has(value))) return 'fprop';
    return operands.some(isWeight) ? 'dgrad' : 'wgrad';
  }
}

/** The name of the layer that a node computes or differentiates: the backward pass is named `d <layer>`. */
function layerOf({ name }: Node): string {
  return name.startsWith('d ') ? name.slice(2) : name;
}

/** `blocks.0` of `blocks.0.mlp`. */
function blockOf(name: string): string {
  return /^blocks\.\d+/.exec(name)?.[0] ?? name;
}

function isWeight(value: Value): boolean {
  return value.node.op === 'state';
}

const PARTS = ['q', 'k', 'v'] as const;

/** What an operand of a matmul of attention is, where it is no gradient. */
function attentionPart({ node, index }: Value): 'probabilities' | (typeof PARTS)[number] | undefined {
  if (node.op === 'causal_softmax') return 'probabilities';
  return node.op === 'split_qkv' ? PARTS[index] : undefined;
}

/**
 * Values that depend on the seed of the backward pass: the constant that `gradients` names `objective`, or the gradients that
 * a fused loss gives along with itself.
 */
export function gradientsOf(graph: Graph): ReadonlySet<Value> {
  const gradients = new Set<Value>();
  for (const node of graph.nodes) {
    const isSeed = node.op === 'constant' && node.name === 'objective';
    if (isSeed || node.inputs.some((input) => gradients.has(input))) node.outputs.forEach((output) => gradients.add(output));
    const given = node.op === 'cross_entropy_fused' || node.op === 'head_loss' ? node.outputs.slice(3) : [];
    given.forEach((gradient) => gradients.add(gradient));
  }
  return gradients;
}

function readersOf(graph: Graph): ReadonlyMap<Value, readonly Node[]> {
  const readers = new Map<Value, Node[]>();
  for (const node of graph.nodes) {
    for (const input of new Set(node.inputs)) {
      const nodes = readers.get(input);
      if (nodes === undefined) readers.set(input, [node]);
      else nodes.push(node);
    }
  }
  return readers;
}
