import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sizeOf } from '../../src/base/shape.ts';
import { planProgram, prune } from '../../src/engine/index.ts';
import { Gpu } from '../../src/gpu/device.ts';
import { openNodeGpu } from '../../src/gpu/node-adapter.ts';
import { Graph } from '../../src/graph/graph.ts';
import { f32 } from '../../src/graph/types.ts';
import type { Value } from '../../src/graph/types.ts';
import { amax } from '../../src/ops/amax.ts';
import { MOST_PARTS } from '../../src/ops/made.ts';
import { matmulNode } from '../../src/ops/matmul.ts';
import type { MatmulOptions } from '../../src/ops/matmul.ts';
import { withAmax } from '../../src/ops/producer.ts';
import { quantize } from '../../src/ops/quantize.ts';
import type { CastAttrs } from '../../src/ops/quantize.ts';
import { opOf } from '../../src/ops/table.ts';
import { noise } from '../reference/tensor.ts';
import { runGraph } from '../support/run-graph.ts';

/** How operands are cast beforehand, where they are codes. */
const OPERAND: CastAttrs = {
  format: 'e4m3',
  scaling: 'current',
  powerOfTwo: true,
  margin: 0,
  rounding: 'nearest',
  saturate: true,
  tensor: 0,
  blockScale: 'none',
  blockRows: 0,
  blockColumns: 0,
};

interface Case {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly of: 'all' | 'finite';
  readonly batch?: number;
  readonly transpose?: 'NT' | 'TN';
  readonly bias?: true;
  readonly residual?: true;
  readonly activation?: 'gelu' | 'relu2';
  readonly slope?: 'gelu' | 'swiglu';
  readonly columnSums?: true;
  readonly parts?: readonly number[];
  /** The operands are codes. */
  readonly coded?: true;
  /** Large tiles are tried too: they take a software adapter seconds to compile. */
  readonly large?: true;
  /** No kernel has a place for the amax, or not so many. */
  readonly behind?: true;
  /** Variants that are tried. */
  readonly only?: RegExp;
}

/** Every epilogue with and without a second result, rows that are no whole vectors, several tiles, one element, and too many tiles. */
const CASES: readonly Case[] = [
  { M: 13, N: 20, K: 19, of: 'all', transpose: 'NT', bias: true, residual: true },
  { M: 66, N: 36, K: 12, of: 'finite', batch: 2, large: true },
  { M: 70, N: 67, K: 5, of: 'all', transpose: 'TN' },
  { M: 17, N: 12, K: 12, of: 'all', slope: 'swiglu', bias: true },
  { M: 20, N: 44, K: 16, of: 'all', activation: 'gelu', bias: true },
  { M: 36, N: 24, K: 1032, of: 'all', transpose: 'TN', columnSums: true },
  { M: 3, N: 12, K: 40, of: 'finite' },
  { M: 1, N: 1, K: 3, of: 'all' },
  { M: 19, N: 36, K: 13, of: 'all', coded: true, activation: 'relu2', bias: true },
  { M: 9, N: 35, K: 21, of: 'finite', coded: true, transpose: 'NT', slope: 'gelu' },
  { M: 20, N: 28, K: 36, of: 'all', parts: [16, 12], behind: true },
  { M: 20, N: 28, K: 36, of: 'all', activation: 'gelu', residual: true, behind: true },
  { M: 8, N: 8, K: 2, of: 'all', batch: MOST_PARTS + 1, behind: true, only: /^blocked/ },
];

/** With all that the adapter offers, for variants that ask for a feature. */
let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.open(await openNodeGpu());
});
afterAll(() => gpu.close());

function shapesOf({ M, N, K, batch, transpose, bias, residual, slope }: Case): Readonly<Record<string, readonly number[]>> {
  const lead = batch === undefined ? [] : [batch];
  return {
    a: [...lead, ...(transpose === 'TN' ? [K, M] : [M, K])],
    b: [...lead, ...(transpose === 'NT' ? [N, K] : [K, N])],
    ...(bias === undefined ? {} : { bias: [N] }),
    ...(residual === undefined ? {} : { residual: [...lead, M, N] }),
    ...(slope === undefined ? {} : { pre: [...lead, M, slope === 'swiglu' ? 2 * N : N] }),
  };
}

/** The product and its amax, apart or in one. */
function graphOf(c: Case, fused: boolean): Graph {
  const g = new Graph();
  const { a, b, pre, ...others } = Object.fromEntries(
    Object.entries(shapesOf(c)).map(([name, shape]) => [name, g.input(name, f32(...shape), 'micro')]),
  );
  if (a === undefined || b === undefined) throw new RangeError('a matmul has two operands');
  const { batch, transpose, activation, slope, parts = [], columnSums = false, coded } = c;
  const codesOf = (x: Value): { codes: Value; cast: CastAttrs; scales: Value | undefined } => {
    const { codes, scales } = quantize(g, x, { ...OPERAND, values: false }, { amax: amax(g, x, { of: 'all' }) });
    return { codes, scales, cast: OPERAND };
  };
  const [aCodes, bCodes] = coded === true ? [codesOf(a), codesOf(b)] : [];
  const options: MatmulOptions = {
    alpha: 0.5,
    batched: batch !== undefined,
    transposeA: transpose === 'TN',
    transposeB: transpose === 'NT',
    parts,
    columnSums,
    ...others,
    ...(activation === undefined ? {} : { activation }),
    ...(slope === undefined || pre === undefined ? {} : { slope: { kind: slope, pre } }),
    ...(aCodes === undefined ? {} : { aCodes }),
    ...(bCodes === undefined ? {} : { bCodes }),
  };
  const bare = matmulNode(g, aCodes?.codes ?? a, bCodes?.codes ?? b, options);
  const [product] = bare;
  if (product === undefined) throw new RangeError('a matmul has a result');
  const results = fused ? withAmax(g, product.node, c.of) : [...bare, amax(g, product, { of: c.of })];
  for (const [i, value] of results.entries()) g.output(i === results.length - 1 ? 'amax' : `y${i}`, value, 'micro');
  return prune(g);
}

const bits = (values: Float32Array = new Float32Array()): Uint32Array =>
  new Uint32Array(values.buffer, values.byteOffset, values.length);
/** What partial amaxes say: a NaN is one whatever its other bits. */
const largestOf = (values: Float32Array | undefined): number => Math.min(Math.max(...bits(values)), 0x7f800001);

/** Overflows and what comes of them in the last lane. */
const lanesOf = (c: Case): readonly { readonly inputs: Readonly<Record<string, Float64Array>> }[] =>
  [0, 1, 2].map((lane) => ({
    inputs: Object.fromEntries(
      Object.entries(shapesOf(c)).map(([name, shape]) => {
        const values = noise(sizeOf(shape), `${name}${lane}`);
        if (lane === 2 && c.coded === undefined && values.length > 3) values.set([3e38, -3e38], Math.floor(values.length / 2));
        return [name, values];
      }),
    ),
  }));

/** Variants that serve, on a software adapter or on a GPU. */
function servingOf(c: Case): readonly { readonly name: string; readonly software: boolean }[] {
  const { caps } = gpu;
  const node = graphOf(c, true).nodes.find(({ op }) => op === 'with_amax');
  return opOf('with_amax').variants.flatMap(({ name, supports }) => {
    const software = [true, false].find((kind) => node !== undefined && supports(node, { ...caps, software: kind }));
    const isSlow = c.large !== true && /-(64|128)/.test(name);
    return software === undefined || isSlow || c.only?.test(name) === false ? [] : [{ name, software }];
  });
}

describe('a matmul that tells its amax', () => {
  it.each(CASES)(
    'promise 4: gives the bits of the same variant and an amax of its own, and promise 2: in every lane: %o',
    { timeout: 120_000 },
    async (c) => {
      const lanes = lanesOf(c);
      const { caps } = gpu;
      for (const { name, software } of servingOf(c)) {
        const own = { ...caps, software };
        const [apart, fused] = [
          { gpu, caps: own, variants: { matmul: name } },
          { gpu, caps: own, variants: { with_amax: name } },
        ];
        const want = await runGraph(graphOf(c, false), lanes, apart);
        const got = await runGraph(graphOf(c, true), lanes, fused);
        for (const [lane, { outputs }] of want.entries()) {
          for (const [output, values] of Object.entries(outputs)) {
            const given = got[lane]?.outputs[output];
            const where = `${name}, lane ${lane}, ${output}`;
            if (output === 'amax') expect(largestOf(given), where).toBe(largestOf(values));
            else expect(bits(given), where).toEqual(bits(values));
          }
        }
        const [alone] = await runGraph(graphOf(c, true), lanes.slice(1, 2), fused);
        expect(Object.values(alone?.outputs ?? {}).map(bits), `${name}: promise 2`).toEqual(
          Object.values(got[1]?.outputs ?? {}).map(bits),
        );
        // A kernel that cannot tell leaves it to a dispatch behind it.
        const dispatches = (fusedGraph: boolean): number =>
          planProgram(graphOf(c, fusedGraph), fusedGraph ? fused : apart).dispatchesPerStep;
        const tells = c.behind !== true && !/plain|skinny|split/.test(name) && (name !== 'decoded' || c.M >= 8);
        expect(dispatches(false) - dispatches(true), name).toBe(tells ? 1 : 0);
      }
    },
  );

  it('is tried in every variant by these cases, but for those of half precision', () => {
    const tried = new Set(CASES.flatMap(servingOf).map(({ name }) => name));
    const { caps } = gpu;
    const names = opOf('matmul').variants.map(({ name }) => name);
    const serving = names.filter((name) => !name.endsWith('-f16') && (caps.subgroups || !name.includes('subgroup')));
    expect([...tried].toSorted()).toEqual(serving.toSorted());
  });
});
