import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/base/errors.ts';
import { sizeOf } from '../../src/base/shape.ts';
import { fuse, FUSION_RULES, tryPath } from '../../src/engine/index.ts';
import { Graph } from '../../src/graph/graph.ts';
import type { Node } from '../../src/graph/types.ts';
import { amax } from '../../src/ops/amax.ts';
import { amaxTensors, amaxTensorsOps } from '../../src/ops/amax-tensors.ts';
import type { Dispatch, Op } from '../../src/ops/op.ts';
import { quantize } from '../../src/ops/quantize.ts';
import type { CastAttrs } from '../../src/ops/quantize.ts';
import { opOf } from '../../src/ops/table.ts';
import { readPack } from '../../src/ops/tensor-stats.ts';
import { referenceOf } from '../reference/ops.ts';
import { noise, tensor } from '../reference/tensor.ts';
import { runGraph, testGpu } from '../support/run-graph.ts';
import type { LaneFeeds } from '../support/run-graph.ts';

/** One element, an odd number, a part with a rest, rows longer than a part. */
const SHAPES: readonly (readonly number[])[] = [[1], [3, 5], [70, 67], [9], [3, 2100]];
const NAMED = SHAPES.map((shape, i) => ({ name: `t${i}`, shape }));

/** In the last lane an infinity, and a NaN in another tensor. */
function laneOf(lane: number): Record<string, Float64Array> {
  return Object.fromEntries(
    NAMED.map(({ name, shape }, i) => {
      const values = noise(sizeOf(shape), `${name} ${lane}`);
      if (lane === 2 && i > 1) values[values.length - 1] = i === 2 ? -Infinity : i === 4 ? NaN : 0;
      return [name, values];
    }),
  );
}

const words = (values: Float32Array = new Float32Array()): number[] => [
  ...new Uint32Array(values.buffer, values.byteOffset, values.length),
];

describe('amax_tensors', () => {
  it.each([
    ['all', [0, 1, 2, 3, 4]],
    ['finite', [4, 1, 2]],
    ['all', [3]],
  ] as const)(
    'promise 3: of %s is its reference in every bit and variant, each lane as it is alone: tensors %j',
    async (of, tensors) => {
      const g = new Graph();
      g.output('y', amaxTensors(g, g.state('x', NAMED).pack, { of, tensors }), 'micro');
      const feeds = [0, 1, 2].map((lane): LaneFeeds => ({ states: { x: laneOf(lane) } }));
      const { caps } = await testGpu();
      for (const { name } of amaxTensorsOps.amax_tensors.variants) {
        const options = { variants: { amax_tensors: name }, caps: { ...caps, software: name === 'narrow' } };
        const results = await runGraph(g, feeds, options);
        for (const lane of feeds.keys()) {
          const values = Object.values(laneOf(lane)).flatMap((part) => [...Float32Array.from(part)]);
          const [want] = referenceOf('amax_tensors')([{ ...tensor([values.length], values), parts: SHAPES }], { of, tensors });
          expect(words(results[lane]?.outputs['y']), `${name}, lane ${lane}`).toEqual([...(want?.data ?? [])]);
          const [lone] = await runGraph(g, feeds.slice(lane, lane + 1), options);
          expect(lone?.outputs, `${name}: promise 2`).toEqual(results[lane]?.outputs);
        }
      }
    },
  );

  it('refuses a tensor that there is not, and an amax that there is not', () => {
    const g = new Graph();
    const { pack } = g.state('x', NAMED);
    expect(() => amaxTensors(g, pack, { of: 'all', tensors: [5] })).toThrow(ShapeError);
    expect(() => amaxTensors(g, pack, { of: 'all', tensors: [5] })).toThrow('the pack has no tensor 5');
    expect(() => amaxTensors(g, pack, { of: 'all', tensors: [] })).toThrow('attribute tensors is no list of places');
    const inputs = [pack];
    expect(() => amaxTensorsOps.amax_tensors.shape({ ...node(g, inputs), attrs: { of: 'causal', tensors: [0] } })).toThrow(
      'there is no amax of causal of several tensors',
    );
  });

  it('promise 4: its check holds it against an amax of each tensor, and fails one that misses a chunk', async () => {
    const g = new Graph();
    const { node: made } = amaxTensors(g, g.state('x', NAMED).pack, { of: 'all', tensors: [4, 1, 2] });
    const op: Op = opOf('amax_tensors');
    const { variants } = op;
    const found = async (change: (dispatch: Dispatch) => Dispatch): Promise<readonly boolean[]> => {
      Object.assign(op, {
        variants: variants.map((own) => ({
          ...own,
          lower: (...of: Parameters<typeof own.lower>) => own.lower(...of).map(change),
        })),
      });
      const tried: boolean[] = [];
      try {
        for (const { name } of variants)
          tried.push((await tryPath(await testGpu(), { node: made, variant: name, key: name })).ok);
      } finally {
        Object.assign(op, { variants });
      }
      return tried;
    };
    expect(await found((dispatch) => dispatch)).toEqual([true, true]);
    expect(await found((dispatch) => ({ ...dispatch, sizes: { chunks: 2 } }))).toEqual([false, false]);
  });
});

function node(g: Graph, inputs: Node['inputs']): Node {
  return { id: g.nodes.length, op: 'amax_tensors', name: '', inputs, attrs: {}, outputs: [], phase: 'micro' };
}

const CAST: CastAttrs = {
  format: 'e4m3',
  scaling: 'current',
  powerOfTwo: false,
  margin: 0,
  rounding: 'nearest',
  saturate: true,
  tensor: 0,
  blockScale: 'none',
  blockRows: 0,
  blockColumns: 0,
};
const NVFP4 = { ...CAST, format: 'e2m1', scaling: 'block', blockScale: 'e4m3', blockRows: 1, blockColumns: 1 } as const;

describe('amax-weights', () => {
  const only = Object.fromEntries(FUSION_RULES.map(({ name }) => [name, name === 'amax-weights']));

  it('promise 4: leaves every bit of casts of several tensors, under scales of the tensor and of blocks', async () => {
    const g = new Graph();
    const { tensors } = g.state('x', NAMED);
    for (const [i, { name }] of NAMED.entries()) {
      const x = tensors.get(name);
      if (x === undefined || i === 1) continue;
      const { codes, scales, values } = quantize(g, x, { ...CAST, values: true }, { amax: amax(g, x, { of: 'all' }) });
      const blocks = quantize(g, x, { ...NVFP4, values: true }, { amax: amax(g, x, { of: 'finite' }) });
      const given = { codes, scales, values, blockValues: blocks.values, blockScales: blocks.scales };
      for (const [key, value] of Object.entries(given)) if (value !== undefined) g.output(`${name} ${key}`, value, 'micro');
    }
    const fused = fuse(g, 'whole', only);
    const found = (graph: Graph): readonly string[] => graph.nodes.map(({ op }) => op).filter((op) => op.startsWith('amax'));
    expect([found(g).length, found(fused)]).toEqual([8, ['amax_tensors', 'amax_tensors']]);
    const feeds = [0, 1, 2].map((lane): LaneFeeds => ({ states: { x: laneOf(lane) } }));
    const { caps } = await testGpu();
    for (const software of [true, false]) {
      const options = { caps: { ...caps, software } };
      const [want, got] = [await runGraph(g, feeds, options), await runGraph(fused, feeds, options)];
      for (const [lane, { outputs }] of want.entries()) {
        for (const [name, values] of Object.entries(outputs))
          expect(words(got[lane]?.outputs[name]), `lane ${lane}, ${name}`).toEqual(words(values));
      }
    }
  });

  it('leaves alone amaxes that something reads which cannot be told where they lie', () => {
    const g = new Graph();
    const tensors = [...g.state('x', NAMED).tensors.values()].slice(0, 2);
    g.output(
      'read',
      readPack(
        g,
        g.pack(
          tensors.map((x) => amax(g, x, { of: 'all' })),
          'read',
        ),
      ),
      'micro',
    );
    expect(fuse(g, 'whole', only).nodes.filter(({ op }) => op === 'amax_tensors')).toEqual([]);
  });

  it('leaves alone one tensor by itself, and tensors of different states', () => {
    const graphOf = (...counts: readonly number[]): Graph => {
      const g = new Graph();
      for (const [i, count] of counts.entries()) {
        for (const [name, x] of [...g.state(`x${i}`, NAMED).tensors].slice(0, count)) {
          const { codes } = quantize(g, x, { ...CAST, values: false }, { amax: amax(g, x, { of: 'all' }) });
          g.output(`${name} ${i}`, codes, 'micro');
        }
      }
      return fuse(g, 'whole', only);
    };
    const together = (g: Graph): number => g.nodes.filter(({ op }) => op === 'amax_tensors').length;
    expect([graphOf(1), graphOf(2), graphOf(1, 1), graphOf(3, 2)].map(together)).toEqual([0, 1, 0, 2]);
  });
});
