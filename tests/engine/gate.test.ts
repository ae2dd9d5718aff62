import { describe, expect, it } from 'vitest';
import { tryPath } from '../../src/engine/index.ts';
import type { Verdict } from '../../src/engine/index.ts';
import { Graph } from '../../src/graph/index.ts';
import { f32, u32 } from '../../src/graph/types.ts';
import type { Node, Value } from '../../src/graph/types.ts';
import { amax } from '../../src/ops/amax.ts';
import type { Dispatch, Op } from '../../src/ops/op.ts';
import { dequantize, quantize } from '../../src/ops/quantize.ts';
import type { CastAttrs, CastSources } from '../../src/ops/quantize.ts';
import { opOf } from '../../src/ops/table.ts';
import { testGpu } from '../support/run-graph.ts';

const CAST: CastAttrs = {
  format: 'e4m3',
  scaling: 'current',
  powerOfTwo: true,
  margin: 0,
  rounding: 'stochastic',
  saturate: true,
  tensor: 0,
  blockScale: 'none',
  blockRows: 0,
  blockColumns: 0,
};
const BLOCK = { scaling: 'block', blockScale: 'e4m3', blockRows: 1, blockColumns: 16 } as const;

/** A cast of x f32[4,48] and its way back. */
function casts(change: Partial<CastAttrs>): Record<'amax' | 'quantize' | 'dequantize', Node> {
  const g = new Graph();
  const cast = { ...CAST, ...change };
  const x = g.input('x', f32(4, 48), 'micro');
  const maxima = amax(g, x, { of: 'finite' });
  const scale = (): Value => g.input('scale', f32(1), 'micro');
  const sources: CastSources = {
    ...(cast.scaling === 'delayed' ? { scale: scale() } : { amax: maxima }),
    ...(cast.rounding === 'stochastic' ? { draw: g.input('draw', u32(2), 'micro') } : {}),
  };
  const { codes, scales } = quantize(g, x, { ...cast, values: true }, sources);
  return { amax: maxima.node, quantize: codes.node, dequantize: dequantize(g, codes, scales, cast).node };
}

/** What is found of a variant, put in front of the op's own, whose dispatches are those of the plain one after `change`. */
async function verdictOf(node: Node, change: (dispatch: Dispatch) => Dispatch): Promise<Verdict> {
  const op: Op = opOf(node.op);
  const { variants } = op;
  const plain = variants.at(-1);
  const lower = (of: Node): readonly Dispatch[] => plain?.lower(of, { ...caps }).map(change) ?? [];
  const gpu = await testGpu();
  const { caps } = gpu;
  Object.assign(op, { variants: [{ name: 'tried', supports: () => true, lower }, ...variants] });
  try {
    return await tryPath(gpu, { node, variant: 'tried', key: node.op });
  } finally {
    Object.assign(op, { variants });
  }
}

describe('the check of fast paths of casts', () => {
  it.each([{}, BLOCK, { scaling: 'delayed', format: 'e5m2' }] as const)(
    'promise 4: allows no difference in any bit: %j',
    async (change) => {
      const nodes = casts(change);
      for (const node of Object.values(nodes))
        expect(await verdictOf(node, (dispatch) => dispatch)).toMatchObject({ ok: true, excess: 0 });
      const towardZero = (dispatch: Dispatch): Dispatch =>
        dispatch.kernel.endsWith('/quantize-forward')
          ? { ...dispatch, overrides: { ...dispatch.overrides, ROUNDING: 1 } }
          : dispatch;
      expect(await verdictOf(nodes.quantize, towardZero)).toMatchObject({ ok: false });
      const otherFormat = (dispatch: Dispatch): Dispatch => ({ ...dispatch, overrides: { ...dispatch.overrides, BIAS: 8 } });
      expect(await verdictOf(nodes.dequantize, otherFormat)).toMatchObject({ ok: false });
      const short = (dispatch: Dispatch): Dispatch => ({ ...dispatch, sizes: { ...dispatch.sizes, count: 1 } });
      expect(await verdictOf(nodes.amax, short)).toMatchObject({ ok: false });
    },
  );

  it('promise 4: passes the variants that casts have', async () => {
    const { amax: maxima, quantize: tensorwise } = casts({});
    for (const node of [maxima, tensorwise, casts(BLOCK).quantize]) {
      const variant = opOf(node.op).variants[0].name;
      expect(await tryPath(await testGpu(), { node, variant, key: node.op })).toMatchObject({ ok: true, excess: 0 });
    }
  });
});
