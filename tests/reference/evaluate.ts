import { sizeOf } from '../../src/base/shape.ts';
import { nodeLabel, valueLabel } from '../../src/graph/graph.ts';
import type { Graph } from '../../src/graph/graph.ts';
import type { Node, Type, Value } from '../../src/graph/types.ts';
import { updatesOf } from '../../src/ops/table.ts';
import { referenceOf } from './ops.ts';
import type { Tensor } from './tensor.ts';

/** What a graph reads from outside during one step of one lane. */
export interface Feeds {
  /** Inputs fed every micro-batch, by name; one map a micro-batch, in order. One empty micro-batch when left out. */
  readonly micro?: readonly ReadonlyMap<string, ArrayLike<number>>[];
  /** Inputs fed once a step, by name. */
  readonly step?: ReadonlyMap<string, ArrayLike<number>>;
  /** What each arena holds before the step: its tensors one after another, densely. Zeros when left out. */
  readonly states?: ReadonlyMap<string, ArrayLike<number>>;
}

export interface Evaluation {
  /** Outputs that are read every micro-batch: one tensor a micro-batch. */
  readonly micro: ReadonlyMap<string, readonly Tensor[]>;
  /** Outputs that are read once a step. */
  readonly step: ReadonlyMap<string, Tensor>;
  /** What each arena holds after the step, densely. */
  readonly states: ReadonlyMap<string, Float64Array>;
  /** Every value as it was last computed. */
  readonly values: ReadonlyMap<Value, Tensor>;
}

/**
 * One optimizer step of a graph in f64, node by node through the references: its micro nodes for each micro-batch, then its
 * update nodes. Nothing of the engine takes part.
 *
 * @throws RangeError naming the node where a feed is missing or a reference gives another shape than the graph says.
 */
export function evaluateGraph(graph: Graph, feeds: Feeds = {}): Evaluation {
  const values = new Map<Value, Tensor>();
  const states = new Map<string, Float64Array>();
  for (const node of graph.nodes) if (node.op === 'state') openState(node, feeds, values, states);

  const outputs = { micro: new Map<string, Tensor[]>(), step: new Map<string, Tensor>() };
  for (const micro of feeds.micro ?? [new Map<string, ArrayLike<number>>()]) {
    const named = new Map([...(feeds.step ?? []), ...micro]);
    for (const node of graph.nodes) if (node.phase === 'micro') run(node, named, values);
    for (const { name, value, rate } of graph.outputs) {
      if (rate !== 'micro') continue;
      const list = outputs.micro.get(name) ?? [];
      list.push(copyOf(valueAt(values, value)));
      outputs.micro.set(name, list);
    }
  }
  for (const node of graph.nodes) if (node.phase === 'update') run(node, feeds.step ?? new Map(), values);
  for (const { name, value, rate } of graph.outputs) if (rate === 'step') outputs.step.set(name, copyOf(valueAt(values, value)));
  return { ...outputs, states, values };
}

/** Lays a state's arena out densely; its tensors are views of it, so that an update of the pack shows in them. */
function openState(node: Node, feeds: Feeds, values: Map<Value, Tensor>, states: Map<string, Float64Array>): void {
  const arena = String(node.attrs['arena']);
  const [pack, ...parts] = node.outputs;
  if (pack === undefined) throw new RangeError(`${nodeLabel(node)}: it has no outputs`);
  const given = feeds.states?.get(arena);
  const size = sizeOf(pack.type.shape);
  if (given !== undefined && given.length !== size)
    throw new RangeError(`arena ${arena}: got ${given.length} values, expected ${size}`);
  const data = given === undefined ? new Float64Array(size) : Float64Array.from(given);
  states.set(arena, data);
  values.set(pack, typed(pack.type, data));
  let start = 0;
  for (const part of parts) {
    const end = start + sizeOf(part.type.shape);
    values.set(part, typed(part.type, data.subarray(start, end)));
    start = end;
  }
}

function run(node: Node, named: ReadonlyMap<string, ArrayLike<number>>, values: Map<Value, Tensor>): void {
  if (node.op === 'state') return;
  const inputs = node.inputs.map((value) => valueAt(values, value));
  const updates = updatesOf(node.op);
  if (updates.length > 0) {
    const results = referenceOf(node.op)(inputs, node.attrs);
    updates.forEach((i, k) => {
      const [state, next] = [inputs[i], results[k]];
      if (state === undefined || next?.data.length !== state.data.length) {
        throw new RangeError(`${nodeLabel(node)}: update ${k} does not fit input ${i}`);
      }
      state.data.set(next.data);
    });
    setOutputs(node, results.slice(updates.length), values);
    return;
  }
  setOutputs(node, resultsOf(node, inputs, named), values);
}

function setOutputs(node: Node, results: readonly Tensor[], values: Map<Value, Tensor>): void {
  for (const [i, result] of results.entries()) {
    const output = node.outputs[i];
    if (output === undefined || output.type.shape.join() !== result.shape.join()) {
      const expected = output === undefined ? 'nothing' : `[${output.type.shape.join()}]`;
      throw new RangeError(
        `${nodeLabel(node)}: output ${i} of the reference: got [${result.shape.join()}], expected ${expected}`,
      );
    }
    values.set(output, result);
  }
}

function resultsOf(node: Node, inputs: readonly Tensor[], named: ReadonlyMap<string, ArrayLike<number>>): readonly Tensor[] {
  if (node.op === 'pack') return node.outputs.map((value) => typed(value.type, concat(inputs)));
  if (node.op !== 'input') return referenceOf(node.op)(inputs, node.attrs);
  return node.outputs.map(({ type }) => {
    const name = String(node.attrs['name']);
    const data = named.get(name);
    if (data?.length !== sizeOf(type.shape)) {
      throw new RangeError(
        `input ${name}: got ${data === undefined ? 'nothing' : `${data.length} values`}, expected [${type.shape.join()}]`,
      );
    }
    return typed(type, Float64Array.from(data));
  });
}

function typed(type: Type, data: Float64Array): Tensor {
  return { shape: type.shape, data, ...(type.parts === undefined ? {} : { parts: type.parts }) };
}

function concat(tensors: readonly Tensor[]): Float64Array {
  return Float64Array.from(tensors.flatMap(({ data }) => [...data]));
}

function copyOf(t: Tensor): Tensor {
  return { ...t, data: t.data.slice() };
}

function valueAt(values: ReadonlyMap<Value, Tensor>, value: Value): Tensor {
  const found = values.get(value);
  if (found === undefined) throw new RangeError(`value ${valueLabel(value)} was not computed`);
  return found;
}
