import { ShapeError } from '../base/errors.ts';
import type { Caps } from '../gpu/device.ts';
import type { Template } from '../gpu/kernel.ts';
import { nodeLabel } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import { printType } from '../graph/types.ts';
import type { Attrs, Node, Type, Value } from '../graph/types.ts';

export type { Caps } from '../gpu/device.ts';

/** Memory that one node needs while it runs, besides its outputs. */
export interface Scratch {
  readonly scratch: string;
  readonly type: Type;
}

/** What a shader variable is bound to; `undefined` where a flag leaves it unused. */
export type Operand = Value | Scratch | undefined;

/** One dispatch of one kernel. */
export interface Dispatch {
  /** Path below `shaders/`, without `.wgsl`. */
  readonly kernel: string;
  /** By the names of the WGSL variables, the `sizes` uniform left out. */
  readonly bind: Readonly<Record<string, Operand>>;
  /** Read-only u32 data by WGSL variable, made once when the program is: for kernels over packs, whose offsets depend on L. */
  readonly tables?: Readonly<Record<string, (lanes: number) => Uint32Array>>;
  /** Elements of a lane that it reads or writes of a binding, by WGSL variable: where nothing is said, all that the operand has. */
  readonly touches?: Readonly<Record<string, number>>;
  /** By the names of the fields of the WGSL struct `Sizes`. */
  readonly sizes: Readonly<Record<string, number>>;
  readonly overrides?: Readonly<Record<string, number | boolean>>;
  readonly template?: Template;
  /** Workgroups for one lane. The program multiplies z by L: a kernel finds its lane in `workgroup_id.z`. */
  readonly grid: readonly [number, number, number];
}

/** One way to compute an op. */
export interface Variant {
  readonly name: string;
  /** Whether it can serve this node on this device. A function of the node and the device only, never of L (promise 2). */
  supports(node: Node, caps: Caps): boolean;
  /** Whether it is a good guess for this node where nothing has been measured, a function of the same; always, when left out. */
  suits?(node: Node, caps: Caps): boolean;
  lower(node: Node, caps: Caps): readonly Dispatch[];
}

/** A node as its shape rule sees it: before it has outputs. */
export type Unshaped = Pick<Node, 'id' | 'op' | 'name' | 'inputs' | 'attrs'>;

/**
 * Everything the engine knows of an op: one row of the table in `table.ts`.
 */
export interface Op {
  /** Types of the outputs. @throws ShapeError on inputs that do not fit. */
  shape(node: Unshaped): readonly Type[];
  /**
   * The vector-Jacobian product as nodes: given the gradients of the outputs (undefined where nothing depends on one), adds nodes
   * and gives the gradients of the inputs (undefined where there is none). `none` for ops that only follow a backward pass.
   */
  readonly vjp: Vjp | 'none';
  /** Inputs that the op updates in place (states only). */
  readonly updates?: readonly number[];
  /** A fused op as the plain ops it stands for: the truth that it is held against on the user's device (promise 4). */
  readonly plain?: (g: Graph, inputs: readonly Value[], attrs: Attrs) => readonly Value[];
  /** The op whose check on the user's device covers this one too: it follows from that op's gradient. */
  readonly checkedWith?: string;
  /** Word i of an input of u32 or of packed codes when the op's kernels are tried on made-up data; an op with such inputs must have it. */
  readonly words?: (node: Unshaped, input: number, i: number) => number;
  /** Element i of an f32 input then where normals make no sense of it, such as a scale. */
  readonly floats?: (node: Unshaped, input: number, i: number) => number | undefined;
  /** States among its inputs that never hold negative numbers. */
  readonly positive?: readonly number[];
  /** Attributes of `small`, the node with fewer rows that `node` is tried as, which put all that `node` does to the test. */
  readonly shrunk?: (node: Node, small: Node) => Attrs;
  /**
   * The op that its kernels compute too, and that it gives more than: its check on the user's device is that op's, and that the same variant
   * of that op, with the rest as ops of their own, gives the same bits.
   */
  readonly wraps?: (node: Unshaped) => { readonly op: string; readonly attrs: Attrs };
  /** The output, where there is one, whose words are maxima of parts of another. */
  readonly maxima?: (node: Node) => Maxima;
  /** Its variants give the same bits, whatever they are given: their check on the user's device allows no difference. */
  readonly exact?: true;
  /**
   * In order of preference, the plain one last. The first that is supported, suits and has not failed its check is used, unless
   * another was measured to be faster.
   */
  readonly variants: readonly [Variant, ...Variant[]];
}

/** An output that tells how large the largest elements of parts of another one are. */
export interface Maxima {
  /** The output that tells: bits of magnitudes. */
  readonly words: number;
  /** The output that it tells of. */
  readonly of: number;
  /** The parts are each variant's own affair: the largest of all words is what counts. */
  readonly folded: boolean;
}

export type Vjp = (g: Graph, node: Node, douts: readonly (Value | undefined)[]) => readonly (Value | undefined)[];

/** The variant of an op that has just one. */
export function plainVariant(lower: Variant['lower']): readonly [Variant] {
  return [{ name: 'plain', supports: () => true, lower }];
}

/** `alone`, one thread a row, for software adapters; `plain`, a team of threads a row, for the others. */
export function rowVariants(lower: (node: Node, alone: boolean) => readonly Dispatch[]): readonly [Variant, Variant] {
  return [
    { name: 'alone', supports: (_, caps) => caps.software, lower: (node) => lower(node, true) },
    { name: 'plain', supports: () => true, lower: (node) => lower(node, false) },
  ];
}

/** Adds a node of an op, its output types from the shape rule. */
export function addOp(
  g: Graph,
  op: string,
  rules: Pick<Op, 'shape'>,
  inputs: readonly Value[],
  attrs: Attrs = {},
  name?: string,
): readonly Value[] {
  const label = name ?? '';
  return g.add(op, inputs, attrs, rules.shape({ id: g.nodes.length, op, name: label, inputs, attrs }), name);
}

/** The input at `i`. @throws ShapeError when the node has fewer. */
export function inputAt(node: Unshaped, i: number): Value {
  const input = node.inputs[i];
  if (input === undefined)
    throw new ShapeError({ where: nodeLabel(node), rule: 'an input is missing', got: `${node.inputs.length} inputs` });
  return input;
}

export function outputAt(node: Node, i: number): Value {
  const output = node.outputs[i];
  if (output === undefined) throw new ShapeError({ where: nodeLabel(node), rule: `there is no output ${i}` });
  return output;
}

/** A ShapeError in the house form at `node` when `holds` is false. */
export function requireShape(node: Unshaped, holds: boolean, rule: string, cure?: string): asserts holds {
  if (holds) return;
  const got = node.inputs.map((input) => printType(input.type)).join(', ');
  throw new ShapeError({ where: nodeLabel(node), rule, got, ...(cure === undefined ? {} : { cure }) });
}

/** Attributes by kind. @throws ShapeError when one is missing or of another kind. */
export function numberAttr(node: Unshaped, key: string): number {
  return typedAttr(node, key, 'number');
}
export function flagAttr(node: Unshaped, key: string): boolean {
  return typedAttr(node, key, 'boolean');
}
export function textAttr(node: Unshaped, key: string): string {
  return typedAttr(node, key, 'string');
}

interface AttrKinds {
  number: number;
  boolean: boolean;
  string: string;
}

function typedAttr<K extends keyof AttrKinds>(node: Unshaped, key: string, kind: K): AttrKinds[K] {
  const value = node.attrs[key];
  if (!isKind(value, kind)) {
    throw new ShapeError({
      where: nodeLabel(node),
      rule: `attribute ${key} is missing or mistyped`,
      got: JSON.stringify(value),
      expected: kind,
    });
  }
  return value;
}

function isKind<K extends keyof AttrKinds>(value: unknown, kind: K): value is AttrKinds[K] {
  return typeof value === kind;
}
