import { GraphError } from '../../base/errors.ts';
import { checkGraph } from '../../graph/check.ts';
import { Graph } from '../../graph/graph.ts';
import type { State } from '../../graph/graph.ts';
import { u32 } from '../../graph/types.ts';
import type { Node, Value } from '../../graph/types.ts';
import { BLOCK_FORMATS, formatNamed, siteName } from '../../numerics/index.ts';
import type { BlockFormat, Cast, Site } from '../../numerics/index.ts';
import { amax } from '../../ops/amax.ts';
import { delayedScale, recordAmax } from '../../ops/delayed-scale.ts';
import { flagAttr } from '../../ops/op.ts';
import { dequantize, quantize } from '../../ops/quantize.ts';
import type { CastAttrs } from '../../ops/quantize.ts';
import { opRules } from '../../ops/table.ts';
import { prune } from '../rewrite.ts';
import { Sites } from '../sites.ts';

/** The cast of a tensor; null keeps it in f32. */
export type CastAt = (site: Site) => Cast | null;

/** Arenas of delayed scaling: the scale of each tensor so cast, and what its amax was in the last steps. */
export const SCALES = 'scales';
export const AMAX_HISTORY = 'amaxHistory';
/** The input `u32[2]` a micro-batch: a seed, and the number of the micro-batch since the run began. */
export const DRAW = 'draw';

export interface CastOptions {
  /** Tensors of delayed scaling, from {@link delayedTensors} of the training graph: programs of one run share their scales. */
  readonly delayed: readonly DelayedTensor[];
  /** Follow amax and set the scales for the next step: training does, evaluation does not. */
  readonly history: boolean;
  /** Micro-batches a step. */
  readonly microBatches?: number;
}

export interface DelayedTensor {
  readonly name: string;
  readonly cast: Cast;
}

/** Which way the blocks of an operand lie: along the dimension that the matmul sums over. */
export type Layout = 'rows' | 'columns';

/** A cast that some matmul wants of a tensor. */
interface Wanted {
  readonly cast: Cast;
  readonly layout: Layout;
  readonly site: Site;
}

/** A tensor as codes, in the new graph. */
interface Coded {
  readonly codes: Value;
  readonly scales: Value | undefined;
  readonly attrs: CastAttrs;
  /** By which half of the step it was decoded. */
  readonly decoded: Map<'forward' | 'backward', Value>;
}

/** The tensors of a training graph that delayed scaling keeps a scale for, in order. */
export function delayedTensors(graph: Graph, castAt: CastAt): readonly DelayedTensor[] {
  const sites = new Sites(graph);
  return graph.nodes.flatMap((node) =>
    node.outputs.flatMap((value) =>
      wantedBy(value, sites.readersOf(value), sites, castAt)
        .filter(({ cast }) => cast.scaling === 'delayed')
        .map(({ site, cast }) => ({ name: tensorName(site), cast })),
    ),
  );
}

/**
 * Casts the tensors of a graph as `castAt` says: a pass over a graph that has its backward pass, or over one that gets none. Every tensor
 * that is cast becomes codes, and what reads it reads the values that these stand for: once decoded for the forward pass and once more
 * for the backward pass, so that only the codes are kept between the two. Operands of matmuls are cast one by one, each in the way its
 * matmul wants; operands that want the same share their codes. Gradients pass straight through: the backward pass was taken of the
 * graph without casts.
 */
export function castTensors(graph: Graph, castAt: CastAt, options: CastOptions): Graph {
  const cast = new Caster(graph, castAt, options).run();
  const pruned = prune(cast);
  checkGraph(pruned, opRules);
  return pruned;
}

class Caster {
  private readonly graph: Graph;
  private readonly sites: Sites;
  private readonly castAt: CastAt;
  private readonly options: CastOptions;
  private readonly g = new Graph();
  /** Values of the new graph by those of the old. */
  private readonly values = new Map<Value, Value>();
  /** Tensors that everything reads as they were cast. */
  private readonly stored = new Map<Value, Coded>();
  private readonly operands = new Map<Value, Map<string, Coded>>();
  private readonly amaxes = new Map<Value, Map<string, Value>>();
  /** Amax of each tensor of delayed scaling. */
  private readonly followed = new Map<string, Value>();
  private states: { readonly scales: State; readonly history?: State } | undefined;
  private draw: Value | undefined;
  private tensors = 0;

  constructor(graph: Graph, castAt: CastAt, options: CastOptions) {
    this.graph = graph;
    this.sites = new Sites(graph);
    this.castAt = castAt;
    this.options = options;
  }

  run(): Graph {
    const { g, graph } = this;
    this.openStates();
    for (const node of graph.nodes) {
      if (node.phase === 'update' && g.phase === 'micro') this.closeMicro();
      g.phase = node.phase;
      if (node.op === 'input' && node.outputs.every((output) => this.values.has(output))) continue;
      const inputs = node.inputs.map((_, i) => this.read(node, i));
      const types = node.outputs.map((output) => output.type);
      const copies = g.add(node.op, inputs, node.attrs, types, node.name);
      for (const [i, output] of node.outputs.entries()) {
        const copy = copies[i];
        if (copy === undefined) continue;
        this.values.set(output, copy);
        if (node.op === 'input' && node.attrs['name'] === DRAW) this.draw = copy;
        this.settle(output);
      }
    }
    if (g.phase === 'micro') this.closeMicro();
    this.setScales();
    for (const { name, value, rate } of graph.outputs) g.output(name, this.source(value), rate);
    return g;
  }

  /**
   * Casts a value that was just made, for all its readers or for the matmuls among them, and decodes at once what the same half of the step
   * reads. A state is cast where it is read.
   */
  private settle(value: Value): void {
    if (value.node.op === 'state' || value.node.op === 'input' || value.type.dtype !== 'f32') return;
    const half = this.halfOf(value.node);
    const readers = this.sites.readersOf(value).filter((node) => this.halfOf(node) === half);
    const site = this.sites.result(value);
    const cast = site === undefined ? null : this.castAt(site);
    if (site !== undefined && cast !== null) {
      const coded = this.encode(this.source(value), { site, cast, layout: 'columns' });
      this.stored.set(value, coded);
      if (readers.length > 0) this.decode(coded, half, site);
    }
    const readNow = new Set(wantedBy(value, readers, this.sites, this.castAt).map(keyOf));
    for (const wanted of wantedBy(value, this.sites.readersOf(value), this.sites, this.castAt)) {
      const coded = this.operand(value, wanted);
      if (readNow.has(keyOf(wanted))) this.decode(coded, half, wanted.site);
    }
  }

  private halfOf(node: Node): 'forward' | 'backward' {
    return this.sites.isBackward(node) ? 'backward' : 'forward';
  }

  /** What input `i` of a node of the old graph is in the new one. */
  private read(node: Node, i: number): Value {
    const input = node.inputs[i];
    if (input === undefined) throw new RangeError(`${node.op} has no input ${i}`);
    const half = this.halfOf(node);
    const wanted = wantedOf(node, i, this.sites, this.castAt);
    if (wanted !== undefined) return this.decode(this.operand(input, wanted), half, wanted.site);
    const stored = this.stored.get(input);
    return stored === undefined ? this.source(input) : this.decode(stored, half, this.sites.result(input));
  }

  /** The tensor as it was made. */
  private source(value: Value): Value {
    return this.values.get(value) ?? value;
  }

  /** The codes of an operand, made when they are first wanted. */
  private operand(value: Value, wanted: Wanted): Coded {
    const stored = this.stored.get(value);
    if (stored !== undefined && repeats(stored.attrs, attrsOf(wanted, 0))) return stored;
    const known = this.operands.get(value) ?? new Map<string, Coded>();
    this.operands.set(value, known);
    const key = keyOf(wanted);
    let coded = known.get(key);
    if (coded === undefined) {
      const from = stored === undefined ? this.source(value) : this.decode(stored, this.halfOf(value.node), wanted.site);
      coded = this.encode(from, wanted);
      known.set(key, coded);
    }
    return coded;
  }

  private encode(x: Value, wanted: Wanted): Coded {
    const { g } = this;
    const { cast, site } = wanted;
    const name = siteName(site);
    const attrs = attrsOf(wanted, this.tensors++);
    const sources: { amax?: Value; scale?: Value; draw?: Value } = {};
    if (cast.scaling === 'current') sources.amax = this.amaxOf(x, 'all', name);
    if (attrs.blockScale === 'e4m3') sources.amax = this.amaxOf(x, 'finite', name);
    if (cast.scaling === 'delayed') {
      const scale = this.states?.scales.tensors.get(tensorName(site));
      if (scale !== undefined) sources.scale = scale;
      // A node for each: their amaxes lie in one pack, where none may stand twice.
      if (this.options.history) this.followed.set(tensorName(site), amax(g, x, { of: 'all' }, name));
    }
    if (cast.rounding === 'stochastic') sources.draw = this.drawInput();
    const { codes, scales } = quantize(g, x, { ...attrs, values: false }, sources, name);
    return { codes, scales, attrs, decoded: new Map() };
  }

  private decode(coded: Coded, half: 'forward' | 'backward', site: Site | undefined): Value {
    const known = coded.decoded.get(half);
    if (known !== undefined) return known;
    const value = dequantize(this.g, coded.codes, coded.scales, coded.attrs, site === undefined ? undefined : siteName(site));
    coded.decoded.set(half, value);
    return value;
  }

  private amaxOf(x: Value, of: 'all' | 'finite', name: string): Value {
    const known = this.amaxes.get(x) ?? new Map<string, Value>();
    this.amaxes.set(x, known);
    const value = known.get(of) ?? amax(this.g, x, { of }, name);
    known.set(of, value);
    return value;
  }

  /** The input that draws are made from: the graph's own where it has one. */
  private drawInput(): Value {
    if (this.draw !== undefined) return this.draw;
    const given = this.graph.nodes.find(({ op, attrs }) => op === 'input' && attrs['name'] === DRAW)?.outputs[0];
    this.draw = this.g.input(DRAW, u32(2), 'micro');
    if (given !== undefined) this.values.set(given, this.draw);
    return this.draw;
  }

  private openStates(): void {
    const { delayed, history } = this.options;
    if (delayed.length === 0) return;
    const scales = this.g.state(
      SCALES,
      delayed.map(({ name }) => ({ name, shape: [1] })),
    );
    if (!history) this.states = { scales };
    else {
      const shape = [delayed[0]?.cast.amaxHistoryLen ?? 1];
      this.states = {
        scales,
        history: this.g.state(
          AMAX_HISTORY,
          delayed.map(({ name }) => ({ name, shape })),
        ),
      };
    }
  }

  /** After the last node of a micro-batch: what the amaxes were. */
  private closeMicro(): void {
    const { history } = this.states ?? {};
    if (history === undefined) return;
    const amaxes = this.options.delayed.map(({ name }) => {
      const value = this.followed.get(name);
      if (value === undefined) throw new GraphError({ where: `tensor ${name}`, rule: 'delayed scaling never met it' });
      return value;
    });
    const { microBatches = 1 } = this.options;
    const pack = this.g.pack(amaxes, 'amaxes');
    recordAmax(this.g, { amaxes: pack, history: history.pack, draw: this.drawInput() }, { microBatches }, 'scaling');
  }

  /** After the step: the scales for the next. */
  private setScales(): void {
    const { history, scales } = this.states ?? {};
    const { delayed, microBatches = 1 } = this.options;
    const [first] = delayed;
    if (history === undefined || scales === undefined || first === undefined) return;
    this.g.phase = 'update';
    const { amaxAlgo: algo, margin, powerOfTwo } = first.cast;
    const formats = delayed.map(({ cast }) => cast.format).join(' ');
    const inputs = { history: history.pack, scales: scales.pack, draw: this.drawInput() };
    delayedScale(this.g, inputs, { formats, algo, margin, powerOfTwo, microBatches }, 'scaling');
  }
}

/** The cast that a node wants of its input `i`. */
function wantedOf(node: Node, i: number, sites: Sites, castAt: CastAt): Wanted | undefined {
  const site = sites.operand(node, i);
  const cast = site === undefined ? null : castAt(site);
  if (site === undefined || cast === null) return undefined;
  return { site, cast, layout: layoutOf(node, i) };
}

/** How the blocks of input `i` of a node lie: a matmul sums over the columns of its first operand and the rows of its second, unless they are transposed. */
export function layoutOf(node: Node, i: number): Layout {
  const isTurned = node.op === 'matmul' && flagAttr(node, i === 0 ? 'transposeA' : 'transposeB');
  return (i === 0) === isTurned ? 'rows' : 'columns';
}

/** The distinct casts that nodes want of a value, in the order of the nodes. */
function wantedBy(value: Value, nodes: readonly Node[], sites: Sites, castAt: CastAt): readonly Wanted[] {
  const wanted = new Map<string, Wanted>();
  for (const node of nodes) {
    for (const [i, input] of node.inputs.entries()) {
      const one = input === value ? wantedOf(node, i, sites, castAt) : undefined;
      if (one !== undefined && !wanted.has(keyOf(one))) wanted.set(keyOf(one), one);
    }
  }
  return [...wanted.values()];
}

/** The same for casts that give the same codes. */
function keyOf(wanted: Wanted): string {
  return JSON.stringify([wanted.cast, attrsOf(wanted, 0)]);
}

function attrsOf({ cast, layout }: Wanted, tensor: number): CastAttrs {
  const { powerOfTwo, margin, rounding } = cast;
  const block = cast.scaling === 'block' ? blockFormatNamed(cast.format) : undefined;
  const element = block?.element ?? formatNamed(cast.format);
  const common = {
    format: element.name,
    scaling: cast.scaling,
    powerOfTwo,
    margin,
    rounding,
    // Formats of 16 bits and more overflow to infinity, as they do where they are built in.
    saturate: element.bits <= 8,
    tensor: rounding === 'stochastic' ? tensor : 0,
  };
  if (block === undefined) return { ...common, blockScale: 'none', blockRows: 0, blockColumns: 0 };
  const size = cast.blockSize ?? block.columns;
  const isSquare = block.rows === block.columns;
  const [rows, columns] = isSquare ? [size, size] : layout === 'columns' ? [1, size] : [size, 1];
  return { ...common, blockScale: block.scale, blockRows: rows, blockColumns: columns };
}

const BLOCKS: ReadonlyMap<string, BlockFormat> = new Map(Object.entries(BLOCK_FORMATS));

function blockFormatNamed(name: string): BlockFormat {
  const format = BLOCKS.get(name);
  if (format === undefined)
    throw new GraphError({ where: `cast to ${name}`, rule: 'it is no block format', expected: [...BLOCKS.keys()].join(', ') });
  return format;
}

/** Whether a cast to `wanted` changes nothing of what was cast to `stored`. */
function repeats(stored: CastAttrs, wanted: CastAttrs): boolean {
  return stored.scaling === 'none' && wanted.scaling === 'none' && stored.format === wanted.format;
}

/** A site as one word: the name of a tensor in an arena. */
function tensorName(site: Site): string {
  return siteName(site).replace(' ', '.');
}
