import { expect } from 'vitest';
import { sizeOf } from '../../src/base/shape.ts';
import { Graph } from '../../src/graph/graph.ts';
import { printType } from '../../src/graph/types.ts';
import type { Attrs, Dtype, Type } from '../../src/graph/types.ts';
import { addOp } from '../../src/ops/op.ts';
import type { Op } from '../../src/ops/op.ts';
import { OPS } from '../../src/ops/table.ts';
import type { OpName } from '../../src/ops/table.ts';
import { references } from '../reference/ops.ts';
import { tensor } from '../reference/tensor.ts';
import { expectClose } from './close.ts';
import type { Closeness } from './close.ts';
import { packCodes, unpackCodes } from './codes.ts';
import { runGraph, testGpu } from './run-graph.ts';

/** Lanes that a case runs with, unless it is `alone`. */
const LANES = 3;

type OutputCloseness = 'exact' | Omit<Closeness, 'shape'>;

export interface OpCase {
  /** One lane of each input. */
  readonly types: readonly Type[];
  readonly attrs?: Attrs;
  /** The inputs of a lane; rounded to f32 before use, or whole numbers where the type is not f32. */
  readonly data: (lane: number) => readonly ArrayLike<number>[];
  /** One for every output, or one for all. `exact`: the same number, NaN and the sign of zero included; integers element by element. */
  readonly close: OutputCloseness | readonly OutputCloseness[];
}

/**
 * Runs an op in every variant, also those that this adapter would not choose, and holds each lane against the f64 reference
 * (promise 3) and bit for bit against a run of the lane alone (promise 2).
 */
export async function checkOp(name: OpName, { types, attrs = {}, data, close }: OpCase): Promise<void> {
  const op: Op = OPS[name];
  const graph = new Graph();
  const inputs = types.map((type, i) => graph.input(`in${i}`, type, 'micro'));
  const outputs = addOp(graph, name, op, inputs, attrs, name);
  outputs.forEach((value, i) => graph.output(`out${i}`, value, 'micro'));
  const lanes = Array.from({ length: LANES }, (_, lane) =>
    data(lane).map((values, i) =>
      types[i]?.dtype === 'f32' ? Float64Array.from(Float32Array.from(values)) : Float64Array.from(values),
    ),
  );
  const feeds = lanes.map((values) => ({
    inputs: Object.fromEntries(values.map((array, i) => [`in${i}`, fed(array, types[i]?.dtype ?? 'f32')])),
  }));
  const node = outputs[0]?.node;
  if (node === undefined) throw new RangeError(`op ${name} has no outputs`);
  const { caps } = await testGpu();
  let ran = 0;
  for (const variant of op.variants) {
    const software = [true, false].find((kind) => variant.supports(node, { ...caps, software: kind }));
    if (software === undefined) continue;
    ran++;
    const options = { variants: { [name]: variant.name }, caps: { ...caps, software } };
    const together = await runGraph(graph, feeds, options);
    for (const [lane, values] of lanes.entries()) {
      const want = references[name](
        values.map((array, i) => tensor(types[i]?.shape ?? [], array)),
        attrs,
      );
      for (const [i, { type }] of outputs.entries()) {
        const closeness = close === 'exact' || 'rtol' in close ? close : close[i];
        if (closeness === undefined) throw new RangeError(`output ${i} has no tolerance`);
        const got = together[lane]?.outputs[`out${i}`];
        try {
          if (closeness === 'exact') expectSame(got, want[i]?.data, type);
          else expectClose(got ?? [], want[i]?.data ?? [], { ...closeness, shape: type.shape });
        } catch (error) {
          const where = `${name}/${variant.name} on ${types.map(printType).join(', ')}, lane ${lane}, output ${i}`;
          throw new Error(`${where}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
        }
      }
    }
    const last = LANES - 1;
    const [lone] = await runGraph(graph, feeds.slice(last), options);
    for (const i of outputs.keys()) {
      expect(bitsOf(together[last]?.outputs[`out${i}`]), `${name}/${variant.name}: a lane and its lone run`).toEqual(
        bitsOf(lone?.outputs[`out${i}`]),
      );
    }
  }
  expect(ran).toBe(op.variants.length);
}

function fed(values: Float64Array, dtype: Dtype): ArrayLike<number> {
  return dtype === 'f32' || dtype === 'u32' ? values : packCodes(values, dtype);
}

/** Both as numbers, any NaN like any other. */
function expectSame(got: Float32Array | undefined, want: Float64Array | undefined, { dtype, shape }: Type): void {
  const size = sizeOf(shape);
  const numbers = dtype === 'f32' ? Float64Array.from(got ?? []) : unpackCodes(bitsOf(got), dtype, size);
  expect([numbers.length, want?.length]).toEqual([size, size]);
  const differences = [...numbers].flatMap((value, i) =>
    Object.is(value, want?.[i]) ? [] : [`element ${i}: got ${value}, want ${want?.[i]}`],
  );
  expect(differences.slice(0, 5)).toEqual([]);
}

function bitsOf(values: Float32Array | undefined): Uint32Array {
  if (values === undefined) throw new RangeError('an output is missing');
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/** As many values as the shape has, `values` over and over: to put special values in every place of a tile. */
export function repeated(shape: readonly number[], values: readonly number[], shift = 0): Float64Array {
  return Float64Array.from({ length: sizeOf(shape) }, (_, i) => values[(i + shift) % values.length] ?? 0);
}
