import { layoutOf } from '../engine/passes/precision.ts';
import type { Layout } from '../engine/passes/precision.ts';
import { GraphError } from '../base/errors.ts';
import { sizeOf } from '../base/shape.ts';
import { castTensors, prune } from '../engine/index.ts';
import { Sites } from '../engine/sites.ts';
import { checkGraph, f32, Graph } from '../graph/index.ts';
import type { Node, Value } from '../graph/types.ts';
import { BLOCK_FORMATS, formatNamed, siteName, upright } from '../numerics/index.ts';
import type { BlockFormat, Cast, Site } from '../numerics/index.ts';
import { amax } from '../ops/amax.ts';
import { lastOf, rowsOf } from '../ops/launch.ts';
import { textAttr } from '../ops/op.ts';
import { globalNorm } from '../ops/optimizer.ts';
import { quantize } from '../ops/quantize.ts';
import type { CastAttrs } from '../ops/quantize.ts';
import { mean } from '../ops/reduce.ts';
import { opRules } from '../ops/table.ts';
import { castError, readPack, tensorStats } from '../ops/tensor-stats.ts';
import { castsOf } from '../spec/precision.ts';
import type { RunSpec } from '../spec/run-spec.ts';
import { parameterShapes } from '../spec/shapes.ts';
import { delayedOf, differentiatedGraph } from './graphs.ts';

/** Where a figure lies in its output, one lane: `at .. at + size`. */
export interface Place {
  readonly at: number;
  readonly size: number;
}

/** What a cast did: counts in `words`, sums in `floats`. */
export interface CastPlaces {
  readonly format: string;
  readonly scaling: string;
  readonly counts: Place;
  readonly sums: Place;
}

/** A site of a tensor, and what the run and other formats do there. */
export interface SitePlaces extends Site {
  /** As {@link siteName} has it; where several tensors have one name, with the op that makes them. */
  readonly name: string;
  readonly cast: CastPlaces | null;
  readonly whatIf: readonly CastPlaces[];
}

export interface TensorPlaces {
  readonly elements: number;
  readonly stats: Place;
  readonly sites: readonly SitePlaces[];
}

/** Where everything that a probe measures lies in the outputs of its graph, `words` u32 and `floats` f32. */
export interface ProbeLayout {
  /** In the order in which they are computed, weights first. */
  readonly tensors: readonly TensorPlaces[];
  /** Partial amaxes of every parameter. */
  readonly weights: readonly { readonly name: string; readonly amax: Place }[];
  /** Partial amaxes, one a layer. */
  readonly attentionLogits: readonly Place[];
  readonly outputLogits: Place;
  readonly meanLse: Place;
  readonly gradNorms: readonly { readonly layer: string; readonly norm: Place }[];
}

/** What the graph that a probe runs is named by: outputs. */
export const WORDS = 'words';
export const FLOATS = 'floats';

/**
 * The forward and backward pass of one micro-batch as the run casts it, unfused, with statistics of every tensor that a recipe can cast as
 * it was before its cast. Updates nothing: scales of delayed scaling are read from the run's.
 *
 * @param whatIf names of formats whose casts are measured beside the run's: under a scale of the tensor by its amax where they have at
 * most 8 bits, in blocks where they have blocks, and plain otherwise. Blocks that do not divide a tensor are left out.
 * @throws SpecError for a format that does not exist.
 */
export function probeGraph(
  spec: RunSpec,
  vocab: number,
  whatIf: readonly string[],
): { readonly graph: Graph; readonly layout: ProbeLayout } {
  const plain = plainGraph(spec, vocab);
  const castAt = castsOf(spec.precision);
  const cast = castTensors(plain, castAt, { delayed: delayedOf(spec, vocab), history: false });
  return new Prober(plain, cast, castAt, whatIf).run();
}

const LSE = 'lse';
const NORM = 'norm ';

/** The pass in high precision, with norms of the gradients by layer. */
function plainGraph(spec: RunSpec, vocab: number): Graph {
  const { graph: g, gradients } = differentiatedGraph(spec, vocab, 'none');
  const layers = new Map<string, Value[]>();
  for (const [i, { name }] of parameterShapes(spec, vocab).entries()) {
    const gradient = gradients[i];
    const layer = name.replace(/\.[^.]*$/, '');
    if (gradient !== undefined) layers.set(layer, [...(layers.get(layer) ?? []), gradient]);
  }
  for (const [layer, parts] of layers) g.output(`${NORM}${layer}`, globalNorm(g, g.pack(parts, `${NORM}${layer}`)), 'micro');
  const lse = g.nodes.find(({ op }) => op === 'cross_entropy')?.outputs[1];
  if (lse !== undefined) g.output(LSE, mean(g, lse, LSE), 'micro');
  return prune(g);
}

/** A site, and what the run does there. */
interface Found {
  readonly site: Site;
  /** The node of the pass whose result or operand it is. */
  readonly node: Node;
  readonly layout: Layout;
  readonly run: { readonly cast: Cast; readonly quantize: Node } | null;
}

/** Ops that casts add to a graph, and what comes from outside it. */
const ADDED = new Set(['quantize', 'dequantize', 'amax', 'state', 'input']);

/** Finds the tensors of a pass in what casts made of it, and adds what is measured. */
class Prober {
  private readonly plain: Graph;
  private readonly cast: Graph;
  private readonly castAt: (site: Site) => Cast | null;
  private readonly whatIf: readonly string[];
  private readonly g = new Graph();
  /** Values of the new graph by those of the one with casts. */
  private readonly values = new Map<Value, Value>();
  /** By the value before its cast, in the graph with casts. */
  private readonly found = new Map<Value, Found[]>();
  private readonly words = new Figures();
  private readonly floats = new Figures();
  private readonly stats = new Map<Value, { readonly value: Value; readonly place: Place }>();
  private readonly amaxes = new Map<string, Value>();
  private readonly others = new Map<string, CastPlaces>();
  private readonly runs = new Map<Node, Pick<CastPlaces, 'counts' | 'sums'>>();

  constructor(plain: Graph, cast: Graph, castAt: Prober['castAt'], whatIf: readonly string[]) {
    this.plain = plain;
    this.cast = cast;
    this.castAt = castAt;
    this.whatIf = [...new Set(whatIf)];
  }

  run(): { readonly graph: Graph; readonly layout: ProbeLayout } {
    const { g, values } = this;
    this.findSites();
    const weights: { name: string; amax: Place }[] = [];
    const attentionLogits: Place[] = [];
    let outputLogits: Place | undefined;
    for (const node of this.cast.nodes) {
      const inputs = node.inputs.map((input) => this.get(input));
      const types = node.outputs.map((output) => output.type);
      const copies = g.add(node.op, inputs, node.attrs, types, node.name);
      node.outputs.forEach((output, i) => values.set(output, copies[i] ?? output));
      for (const output of node.outputs) this.measure(output);
      if (node.op === 'quantize') this.measureRun(node);
      if (node.op === 'state' && node.attrs['arena'] === 'weights') {
        const names = textAttr(node, 'tensors').split(' ');
        weights.push(
          ...copies.slice(1).map((x, i) => ({ name: names[i] ?? '', amax: this.words.add(amax(g, x, { of: 'all' })) })),
        );
      }
      const [logits] = inputs;
      if (node.op === 'causal_softmax' && logits !== undefined)
        attentionLogits.push(this.words.add(amax(g, logits, { of: 'causal' }, node.name)));
      if (node.op === 'cross_entropy' && logits !== undefined)
        outputLogits = this.words.add(amax(g, logits, { of: 'all' }, node.name));
    }
    const gradNorms: { layer: string; norm: Place }[] = [];
    let meanLse: Place | undefined;
    for (const { name, value } of this.cast.outputs) {
      if (name.startsWith(NORM)) gradNorms.push({ layer: name.slice(NORM.length), norm: this.floats.add(this.get(value)) });
      if (name === LSE) meanLse = this.floats.add(this.get(value));
    }
    if (meanLse === undefined || outputLogits === undefined) throw new GraphError({ where: 'probe', rule: 'there is no loss' });
    g.output(WORDS, readPack(g, g.pack(this.words.values, 'probe words')), 'micro');
    g.output(FLOATS, readPack(g, g.pack(this.floats.values, 'probe floats')), 'micro');
    const graph = prune(g);
    checkGraph(graph, opRules);
    return { graph, layout: { tensors: this.tensors(), weights, attentionLogits, outputLogits, meanLse, gradNorms } };
  }

  private get(value: Value): Value {
    return this.values.get(value) ?? value;
  }

  /** Every site of the pass, at the tensor that is cast there. */
  private findSites(): void {
    const sites = new Sites(this.plain);
    // What is kept as codes is decoded once for each half of the pass.
    const decoded = new Map<Value, Value>();
    for (const { op, inputs, outputs } of this.cast.nodes) {
      const [codes, value] = [inputs[0], outputs[0]];
      if (op === 'dequantize' && codes !== undefined && value !== undefined && !decoded.has(codes)) decoded.set(codes, value);
    }
    const once = (value: Value): Value =>
      value.node.op === 'dequantize' ? (decoded.get(value.node.inputs[0] ?? value) ?? value) : value;
    for (const [node, twin] of this.twins()) {
      for (const [i, operand] of node.inputs.entries()) {
        const site = operand.type.dtype === 'f32' ? sites.operand(node, i) : undefined;
        const read = twin.inputs[i];
        if (site === undefined || read === undefined) continue;
        const layout = layoutOf(node, i);
        const cast = this.castAt(site);
        const quantized = cast === null ? undefined : quantizeOf(read);
        const x = cast === null ? once(read) : quantized?.inputs[0];
        if (x !== undefined) this.addSite(x, { site, node, layout, run: runOf(site, cast, quantized) });
      }
      for (const [i, result] of node.outputs.entries()) {
        const site = result.type.dtype === 'f32' ? sites.result(result) : undefined;
        const x = twin.outputs[i];
        if (site === undefined || x === undefined) continue;
        const cast = this.castAt(site);
        // A result is cast before any operand that is made of it.
        const quantized =
          cast === null ? undefined : this.cast.nodes.find(({ op, inputs }) => op === 'quantize' && inputs[0] === x);
        this.addSite(x, { site, node, layout: 'columns', run: runOf(site, cast, quantized) });
      }
    }
  }

  /** One entry for each site of a value: attention reads q, k and v more than once. */
  private addSite(x: Value, found: Found): void {
    const known = this.found.get(x) ?? [];
    const name = siteName(found.site);
    if (!known.some(({ site }) => siteName(site) === name)) this.found.set(x, [...known, found]);
  }

  /** Nodes of the pass beside their copies among the casts. */
  private twins(): readonly (readonly [Node, Node])[] {
    const own = ({ nodes }: Graph): readonly Node[] => nodes.filter(({ op }) => !ADDED.has(op));
    const copies = own(this.cast);
    const nodes = own(this.plain);
    return nodes.map((node, i) => {
      const copy = copies[i];
      if (copy?.op !== node.op || copy.name !== node.name || copies.length !== nodes.length)
        throw new GraphError({ where: `node ${node.id} ${node.op}`, rule: 'casts changed the order of the pass' });
      return [node, copy];
    });
  }

  /** Statistics of a tensor that has a site, and what other formats would do to it. */
  private measure(x: Value): void {
    const found = this.found.get(x);
    if (found === undefined) return;
    const { g } = this;
    const [name] = found.map(({ site }) => siteName(site));
    const value = tensorStats(g, this.get(x), name);
    // Casts read the statistics, and no kernel may read and write one pack.
    this.stats.set(x, { value, place: this.words.add(readPack(g, value, name)) });
    for (const format of this.whatIf) for (const { layout } of found) this.tryFormat(x, format, layout, value);
  }

  private tryFormat(x: Value, format: string, layout: Layout, stats: Value): void {
    const attrs = formatAttrs(format, layout);
    const key = otherKey(x, attrs);
    const isDivided =
      attrs.scaling !== 'block' || (rowsOf(x.type) % attrs.blockRows === 0 && lastOf(x.type) % attrs.blockColumns === 0);
    if (this.others.has(key) || !isDivided) return;
    const { g } = this;
    const of = attrs.blockScale === 'e4m3' ? 'finite' : attrs.scaling === 'current' ? 'all' : undefined;
    const amaxKey = `${valueKey(x)} ${of}`;
    const known = of === undefined ? undefined : (this.amaxes.get(amaxKey) ?? amax(g, this.get(x), { of }));
    if (known !== undefined) this.amaxes.set(amaxKey, known);
    const sources = known === undefined ? {} : { amax: known };
    const { codes, scales, values } = quantize(g, this.get(x), { ...attrs, values: true }, sources, format);
    if (values === undefined) throw new GraphError({ where: `probe of ${format}`, rule: 'a cast gave no values' });
    const inputs = { x: this.get(x), stats, codes, values, ...(scales === undefined ? {} : { scales }) };
    const { counts, sums } = castError(g, inputs, attrs.format, format);
    this.others.set(key, { format, scaling: attrs.scaling, counts: this.words.add(counts), sums: this.floats.add(sums) });
  }

  /** What a cast of the run does. */
  private measureRun(node: Node): void {
    const [x] = node.inputs;
    const stats = x === undefined ? undefined : this.stats.get(x);
    if (x === undefined || stats === undefined) return;
    const { g } = this;
    const [codes, scales] = node.outputs.map((output) => this.get(output));
    if (codes === undefined) return;
    const coded = scales === undefined ? [codes] : [codes, scales];
    const [values] = g.add('dequantize', coded, node.attrs, [f32(...x.type.shape)], node.name);
    if (values === undefined) return;
    const inputs = { x: this.get(x), stats: stats.value, codes, values, ...(scales === undefined ? {} : { scales }) };
    const { counts, sums } = castError(g, inputs, textAttr(node, 'format'), node.name);
    this.runs.set(node, { counts: this.words.add(counts), sums: this.floats.add(sums) });
  }

  private tensors(): readonly TensorPlaces[] {
    const names = namesOf([...this.found].flatMap(([x, all]) => all.map((found) => ({ x, found }))));
    return [...this.stats].map(([x, { place }]): TensorPlaces => {
      const sites = (this.found.get(x) ?? []).map((found): SitePlaces => {
        const { site, layout, run } = found;
        const measured = run === null ? undefined : this.runs.get(run.quantize);
        return {
          ...site,
          name: names.get(found) ?? siteName(site),
          cast:
            run === null || measured === undefined ? null : { format: run.cast.format, scaling: run.cast.scaling, ...measured },
          whatIf: this.whatIf.flatMap((format) => this.others.get(otherKey(x, formatAttrs(format, layout))) ?? []),
        };
      });
      return { elements: sizeOf(x.type.shape), stats: place, sites };
    });
  }
}

/** Values that one output gathers. */
class Figures {
  readonly values: Value[] = [];
  private size = 0;

  add(value: Value): Place {
    const place = { at: this.size, size: sizeOf(value.type.shape) };
    this.values.push(value);
    this.size += place.size;
    return place;
  }
}

/** The cast whose result is read. */
function quantizeOf({ node }: Value): Node | undefined {
  return node.op === 'dequantize' ? node.inputs[0]?.node : undefined;
}

function runOf(site: Site, cast: Cast | null, quantized: Node | undefined): Found['run'] {
  if (cast === null) return null;
  if (quantized === undefined) throw new GraphError({ where: `tensor ${siteName(site)}`, rule: 'its cast is missing' });
  return { cast, quantize: quantized };
}

const BLOCKS: ReadonlyMap<string, BlockFormat> = new Map(Object.entries(BLOCK_FORMATS));

/** How a format would cast, in the way that TransformerEngine and OCP MX do unless told otherwise. */
function formatAttrs(name: string, layout: Layout): CastAttrs {
  const own = BLOCKS.get(name);
  const block = own !== undefined && layout === 'rows' ? upright(own) : own;
  const element = own?.element ?? formatNamed(name);
  return {
    format: element.name,
    scaling: block !== undefined ? 'block' : element.bits <= 8 ? 'current' : 'none',
    powerOfTwo: true,
    margin: 0,
    rounding: 'nearest',
    saturate: element.bits <= 8,
    tensor: 0,
    blockScale: block?.scale ?? 'none',
    blockRows: block?.rows ?? 0,
    blockColumns: block?.columns ?? 0,
  };
}

function otherKey(x: Value, attrs: CastAttrs): string {
  return `${valueKey(x)} ${JSON.stringify(attrs)}`;
}

function valueKey({ node, index }: Value): string {
  return `${node.id}.${index}`;
}

/** A name for each site, its own: where several tensors share one, with the op that makes them, the last word of the layer, or a number. */
function namesOf(all: readonly { readonly x: Value; readonly found: Found }[]): ReadonlyMap<Found, string> {
  const groups = new Map<string, Found[]>();
  for (const { found } of all) {
    const name = siteName(found.site);
    groups.set(name, [...(groups.get(name) ?? []), found]);
  }
  const names = new Map<Found, string>();
  for (const [name, group] of groups) {
    const told = [
      () => '',
      ({ node }: Found) => ` ${node.op}`,
      ({ node }: Found) => ` ${node.name.replace(/^.*\./, '')}`,
      (found: Found) => ` ${group.indexOf(found) + 1}`,
    ].find((tell) => new Set(group.map(tell)).size === group.length);
    for (const found of group) names.set(found, `${name}${told?.(found) ?? ''}`);
  }
  return names;
}
