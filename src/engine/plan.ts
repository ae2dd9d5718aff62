import { DeviceError, GraphError, KernelError } from '../base/errors.ts';
import { roundUp } from '../base/shape.ts';
import { nodeLabel, valueLabel } from '../graph/graph.ts';
import type { Graph, Rate } from '../graph/graph.ts';
import { packLayout } from '../graph/pack.ts';
import { printType, wordsOf } from '../graph/types.ts';
import type { Node, Type, Value } from '../graph/types.ts';
import type { Caps, Dispatch, Operand, Scratch, Variant } from '../ops/op.ts';
import { opOf } from '../ops/table.ts';
import { choiceKeys } from './signature.ts';

/** Where a value lies. Offsets and sizes are bytes. */
export type Home =
  /** A buffer that values with disjoint lifetimes share. */
  | { readonly kind: 'pool'; readonly pool: number; readonly offset: number; readonly size: number }
  /** State in the store. */
  | { readonly kind: 'arena'; readonly arena: string; readonly offset: number; readonly size: number }
  /** One place for each micro-batch or step of a submit: inputs and outputs. */
  | { readonly kind: 'ring'; readonly ring: string; readonly offset: 0; readonly size: number };

export interface Ring {
  readonly name: string;
  readonly direction: 'input' | 'output';
  readonly rate: Rate;
  readonly type: Type;
  /** Bytes from one place to the next. */
  readonly strideBytes: number;
  readonly slots: number;
}

export interface Arena {
  readonly name: string;
  readonly type: Type;
  readonly names: readonly string[];
  readonly sizeBytes: number;
}

/** One node, lowered: which variant computes it, with which dispatches. */
export interface Step {
  readonly node: Node;
  readonly variant: string;
  readonly dispatches: readonly Dispatch[];
}

/** Everything about a program that is decided before anything is allocated. */
export interface Plan {
  readonly graph: Graph;
  readonly lanes: number;
  readonly microBatches: number;
  /** Steps that fit one submit. */
  readonly slots: number;
  readonly steps: readonly Step[];
  readonly homes: ReadonlyMap<Value | Scratch, Home>;
  /** Bytes of each shared buffer. */
  readonly pools: readonly number[];
  readonly rings: readonly Ring[];
  readonly arenas: readonly Arena[];
  readonly dispatchesPerStep: number;
  /** GPU bytes of everything: what the user is told beforehand. */
  readonly peakBytes: number;
}

export interface PlanOptions {
  readonly caps: Caps;
  readonly lanes?: number;
  /** Micro-batches a step. */
  readonly microBatches?: number;
  /** Most steps a submit; less when uploads would grow past {@link RING_BYTES}. */
  readonly slots?: number;
  /** `op/variant` names that failed their check on this device. */
  readonly disabled?: ReadonlySet<string>;
  /** Variants by {@link choiceKeys} of their nodes, as the tuner chose them; one that does not serve or is disabled is passed over. */
  readonly choices?: Choices;
  /** Forces a variant by op name, for checks and benchmarks. */
  readonly variants?: Readonly<Record<string, string>>;
}

/** Which variant computes nodes of one signature. */
export type Choices = ReadonlyMap<string, string>;

/** Most bytes that the places of all inputs and outputs take together. */
const RING_BYTES = 32 * 2 ** 20;
/** Buffer offsets that WebGPU takes by default. */
export const OFFSET_ALIGN = 256;
/** The smallest buffer that is made. */
const MIN_BUFFER = 16;
/** Places of {@link OFFSET_ALIGN} bytes that bindings without an operand are bound to. */
export const IDLE_SLOTS = 17;
/** Copies of the outputs that may be on their way to the CPU at once. */
export const READBACKS = 3;

/**
 * Lowers every node and assigns every value a place.
 *
 * @throws KernelError when no variant serves a node, DeviceError when a tensor is larger than the device binds.
 */
export function planProgram(graph: Graph, options: PlanOptions): Plan {
  const { caps, lanes = 1, microBatches = 1 } = options;
  const steps = graph.nodes.filter(isKernel).map((node) => lowerNode(node, options));
  for (const step of steps) requireGrids(step, lanes);
  const homes = new Map<Value | Scratch, Home>();
  const arenas = placeArenas(graph, lanes, homes);
  const slotBytes = (type: Type): number => roundUp(4 * lanes * wordsOf(type), OFFSET_ALIGN);
  const ringTypes = [...ringsOf(graph)];
  const bytesPerStep = ringTypes.reduce(
    (sum, { type, rate }) => sum + slotBytes(type) * (rate === 'micro' ? microBatches : 1),
    0,
  );
  const slots = Math.max(1, Math.min(options.slots ?? 64, Math.floor(RING_BYTES / Math.max(1, bytesPerStep))));
  const rings = ringTypes.map(({ name, value, type, rate, direction }): Ring => {
    homes.set(value, { kind: 'ring', ring: name, offset: 0, size: 4 * lanes * wordsOf(type) });
    return { name, direction, rate, type, strideBytes: slotBytes(type), slots: slots * (rate === 'micro' ? microBatches : 1) };
  });
  const pools = placePool(steps, graph, lanes, homes);
  for (const [value, home] of homes) {
    if (home.size > caps.maxBindingBytes) {
      const where = 'node' in value ? nodeLabel(value.node) : `scratch ${value.scratch}`;
      throw new DeviceError({
        where,
        rule: `${printType(value.type)} for ${lanes} ${lanes === 1 ? 'lane' : 'lanes'} is larger than this adapter binds`,
        got: `${home.size} bytes`,
        expected: `at most ${caps.maxBindingBytes}`,
        cure: 'Choose a smaller batch, context, width or vocabulary, or fewer lanes.',
      });
    }
  }
  const dispatches = (phase: Node['phase']): number =>
    steps.reduce((sum, step) => sum + (step.node.phase === phase ? step.dispatches.length : 0), 0);
  const ringBytes = (direction: Ring['direction']): number =>
    rings.reduce((sum, ring) => sum + (ring.direction === direction ? ring.strideBytes * ring.slots : 0), 0);
  const readbackBytes = Math.max(MIN_BUFFER, ringBytes('output'));
  const fixed = [...pools, ...arenas.map((arena) => arena.sizeBytes)].reduce((sum, size) => sum + size, 0);
  return {
    graph,
    lanes,
    microBatches,
    slots,
    steps,
    homes,
    pools,
    rings,
    arenas,
    dispatchesPerStep: microBatches * dispatches('micro') + dispatches('update'),
    peakBytes:
      fixed +
      ringBytes('input') +
      ringBytes('output') +
      READBACKS * readbackBytes +
      tableBytes(steps, lanes) +
      OFFSET_ALIGN * (IDLE_SLOTS + steps.reduce((sum, step) => sum + step.dispatches.length, 0)),
  };
}

/** Whether a node is computed. */
export function isKernel(node: Node): boolean {
  return node.op !== 'input' && node.op !== 'state' && node.op !== 'pack';
}

/**
 * Variants that serve a node on this device: what is used unless something else is known first, then the others, best first. The plain
 * one, which comes last in the op's row, is the truth and cannot be disabled.
 */
export function variantsFor(node: Node, caps: Caps, disabled: ReadonlySet<string>): readonly Variant[] {
  const { variants } = opOf(node.op);
  const plain = variants.at(-1);
  const serving = variants.filter(
    (variant) => variant.supports(node, caps) && (variant === plain || !disabled.has(`${node.op}/${variant.name}`)),
  );
  const first = serving.find((variant) => variant.suits?.(node, caps) !== false);
  return first === undefined ? serving : [first, ...serving.filter((variant) => variant !== first)];
}

function lowerNode(node: Node, { caps, disabled = new Set(), choices, variants }: PlanOptions): Step {
  const forced = variants?.[node.op];
  const serving = variantsFor(node, caps, disabled);
  const named = (name: string | undefined): Variant | undefined => serving.find((candidate) => candidate.name === name);
  const keys = choices === undefined ? [] : choiceKeys(node);
  const chosen = keys.map((key) => named(choices?.get(key))).find((variant) => variant !== undefined);
  const variant = forced === undefined ? (chosen ?? serving[0]) : named(forced);
  if (variant === undefined) {
    throw new KernelError({
      where: nodeLabel(node),
      rule: forced === undefined ? 'no kernel serves it on this adapter' : `variant ${forced} does not serve it on this adapter`,
      got: node.inputs.map((input) => printType(input.type)).join(', '),
    });
  }
  return { node, variant: variant.name, dispatches: variant.lower(node, caps) };
}

/** Workgroups in one dimension of a dispatch that every adapter takes. */
const MAX_WORKGROUPS = 65_535;

function requireGrids({ node, dispatches }: Step, lanes: number): void {
  for (const { kernel, grid } of dispatches) {
    const counts = [grid[0], grid[1], grid[2] * lanes];
    if (counts.every((count) => count >= 1 && count <= MAX_WORKGROUPS)) continue;
    throw new KernelError({
      where: `${nodeLabel(node)} kernel ${kernel}`,
      rule: 'workgroups of one dispatch',
      got: counts.join(' x '),
      expected: `1..${MAX_WORKGROUPS} in each dimension`,
      cure: 'Choose a smaller batch, context or vocabulary, or fewer lanes.',
    });
  }
}

/** Bytes of the tables that dispatches read, each distinct one once. */
function tableBytes(steps: readonly Step[], lanes: number): number {
  const sizes = new Map<string, number>();
  for (const { kernel, tables = {} } of steps.flatMap(({ dispatches }) => dispatches)) {
    for (const [name, words] of Object.entries(tables)) {
      const table = words(lanes);
      sizes.set(`${kernel} ${name} ${table.join()}`, roundUp(Math.max(1, table.byteLength), MIN_BUFFER));
    }
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

function placeArenas(graph: Graph, lanes: number, homes: Map<Value | Scratch, Home>): readonly Arena[] {
  return graph.nodes.flatMap((node): Arena[] => {
    if (node.op !== 'state') return [];
    const [pack, ...parts] = node.outputs;
    if (pack === undefined) return [];
    const name = String(node.attrs['arena']);
    const { offsets, total } = packLayout(pack.type, lanes);
    homes.set(pack, { kind: 'arena', arena: name, offset: 0, size: 4 * total });
    for (const [i, part] of parts.entries()) {
      homes.set(part, { kind: 'arena', arena: name, offset: 4 * (offsets[i] ?? 0), size: 4 * lanes * wordsOf(part.type) });
    }
    const names = node.attrs['tensors'];
    return [{ name, type: pack.type, names: typeof names === 'string' ? names.split(' ') : [], sizeBytes: 4 * total }];
  });
}

interface RingValue {
  readonly name: string;
  readonly value: Value;
  readonly type: Type;
  readonly rate: Rate;
  readonly direction: Ring['direction'];
}

function* ringsOf(graph: Graph): Generator<RingValue> {
  for (const node of graph.nodes) {
    const value = node.outputs[0];
    if (node.op !== 'input' || value === undefined) continue;
    const rate = node.attrs['rate'] === 'micro' ? 'micro' : 'step';
    yield { name: String(node.attrs['name']), value, type: value.type, rate, direction: 'input' };
  }
  const seen = new Set<Value>();
  for (const { name, value, rate } of graph.outputs) {
    if (!isKernel(value.node) || seen.has(value)) {
      const rule = seen.has(value) ? 'the value is an output already' : `${valueLabel(value)} is no kernel's output`;
      throw new GraphError({ where: `output "${name}"`, rule });
    }
    seen.add(value);
    yield { name, value, type: value.type, rate, direction: 'output' };
  }
}

/** A thing that wants memory from step `from` to step `to`, both included. */
interface Tenant {
  readonly size: number;
  readonly from: number;
  to: number;
  readonly settle: (pool: number) => void;
}

/**
 * Greedy by size: the largest tenant first, each into the smallest buffer whose other tenants never live at the same time.
 * Lifetimes are closed intervals, so no dispatch ever reads and writes one buffer.
 */
function placePool(steps: readonly Step[], graph: Graph, lanes: number, homes: Map<Value | Scratch, Home>): readonly number[] {
  const tenants: Tenant[] = [];
  const owner = new Map<Value, Tenant>();
  const packOf = packMembers(graph);
  const claim = (value: Value, position: number): void => {
    if (homes.has(value)) return;
    const pack = packOf.get(value);
    const holder = pack ?? value;
    let tenant = owner.get(holder);
    if (tenant === undefined) {
      const { offsets, total } = packLayout(holder.type, lanes);
      const size = roundUp(4 * total, OFFSET_ALIGN);
      const members = pack === undefined ? [] : pack.node.inputs;
      tenant = {
        size,
        from: position,
        to: position,
        settle: (pool) => {
          homes.set(holder, { kind: 'pool', pool, offset: 0, size: 4 * total });
          for (const [i, member] of members.entries()) {
            homes.set(member, { kind: 'pool', pool, offset: 4 * (offsets[i] ?? 0), size: 4 * lanes * wordsOf(member.type) });
          }
        },
      };
      owner.set(holder, tenant);
      tenants.push(tenant);
    }
    tenant.to = position;
  };
  for (const [position, { node, dispatches }] of steps.entries()) {
    node.outputs.forEach((output) => claim(output, position));
    for (const input of node.inputs) claim(input, position);
    for (const scratch of scratchOf(dispatches)) {
      const size = 4 * lanes * wordsOf(scratch.type);
      const settle = (pool: number): void => void homes.set(scratch, { kind: 'pool', pool, offset: 0, size });
      tenants.push({ size: roundUp(size, OFFSET_ALIGN), from: position, to: position, settle });
    }
  }
  const pools: { size: number; tenants: Tenant[] }[] = [];
  for (const tenant of tenants.toSorted((a, b) => b.size - a.size || a.from - b.from)) {
    const free = pools.filter((pool) => pool.tenants.every((other) => other.to < tenant.from || tenant.to < other.from));
    const best = free.reduce<(typeof pools)[number] | undefined>(
      (a, b) => (a === undefined || b.size < a.size ? b : a),
      undefined,
    );
    const pool = best ?? { size: tenant.size, tenants: [] };
    if (best === undefined) pools.push(pool);
    pool.tenants.push(tenant);
    tenant.settle(pools.indexOf(pool));
  }
  return pools.map((pool) => pool.size);
}

function packMembers(graph: Graph): ReadonlyMap<Value, Value> {
  const members = new Map<Value, Value>();
  for (const node of graph.nodes) {
    const pack = node.outputs[0];
    if (node.op === 'pack' && pack !== undefined) node.inputs.forEach((input) => members.set(input, pack));
  }
  return members;
}

function scratchOf(dispatches: readonly Dispatch[]): ReadonlySet<Scratch> {
  const isScratch = (operand: Operand): operand is Scratch => operand !== undefined && 'scratch' in operand;
  return new Set(dispatches.flatMap((dispatch) => Object.values(dispatch.bind).filter(isScratch)));
}
