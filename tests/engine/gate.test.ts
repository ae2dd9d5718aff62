import { describe, expect, it } from 'vitest';
import { fastPaths, planProgram, tryPath } from '../../src/engine/index.ts';
import type { Verdict } from '../../src/engine/index.ts';
import { Graph } from '../../src/graph/index.ts';
import { f32, u32 } from '../../src/graph/types.ts';
import type { Attrs, Node, Value } from '../../src/graph/types.ts';
import { amax } from '../../src/ops/amax.ts';
import { amaxTensors } from '../../src/ops/amax-tensors.ts';
import { delayedScale } from '../../src/ops/delayed-scale.ts';
import { HYPER_SIZE } from '../../src/ops/hyper.ts';
import type { Dispatch, Op, Variant } from '../../src/ops/op.ts';
import { dequantize, quantize } from '../../src/ops/quantize.ts';
import type { CastAttrs, CastSources } from '../../src/ops/quantize.ts';
import { withAmax, withCast } from '../../src/ops/producer.ts';
import { roundState } from '../../src/ops/round-state.ts';
import { opOf } from '../../src/ops/table.ts';
import { castError, tensorStats } from '../../src/ops/tensor-stats.ts';
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
function verdictOf(node: Node, change: (dispatch: Dispatch) => Dispatch): Promise<Verdict> {
  return changed(node, opOf(node.op).variants.at(-1), 'tried', change);
}

/** What is found of the variant of that name, its dispatches as they are after `change`; what it is held against stays. */
function verdictBy(name: string, node: Node, change: (dispatch: Dispatch) => Dispatch): Promise<Verdict> {
  const own = opOf(node.op).variants.find((variant) => variant.name === name);
  return changed(node, own, name, change);
}

async function changed(
  node: Node,
  own: Variant | undefined,
  variant: string,
  change: (dispatch: Dispatch) => Dispatch,
): Promise<Verdict> {
  const op: Op = opOf(node.op);
  const { variants } = op;
  const lower = (of: Node): readonly Dispatch[] => own?.lower(of, { ...caps }).map(change) ?? [];
  const gpu = await testGpu();
  const { caps } = gpu;
  const tried = { name: variant, supports: () => true, lower };
  const kept = variants.slice(0, -1).filter(({ name }) => name !== variant);
  const plain = variants.at(-1);
  Object.assign(op, { variants: [tried, ...kept, plain] });
  try {
    return await tryPath(gpu, { node, variant, key: node.op });
  } finally {
    Object.assign(op, { variants });
  }
}

/** A node of `op` that tells its amax: of a product longer sums than there are numbers between two that are NaN or Inf. */
function toldOf(op: string, of: 'all' | 'finite' = 'all'): Node {
  const g = new Graph();
  const input = (...shape: number[]): Value => g.input(`x${g.nodes.length}`, f32(...shape), 'micro');
  const attention = { heads: 2, kvHeads: 1, headSize: 8, scale: 0.5, qkNorm: false, eps: 0, base: 0 };
  const epilogue = { bias: true, residual: false, activation: 'gelu', slope: 'none', columnSums: false };
  const matmul = { transposeA: false, transposeB: false, batched: false, alpha: 1, ...epilogue };
  const [inputs, attrs] = ((): readonly [readonly Value[], Attrs] => {
    if (op === 'norm_backward') {
      const inputs = [input(9, 36), input(9, 36), input(36), input(9, 2)];
      return [inputs, { kind: 'layernorm', addend: false }];
    }
    if (op === 'matmul') {
      const K = of === 'finite' ? 128 : 12;
      return [[input(40, K), input(K, 36), input(36)], matmul];
    }
    if (op === 'attention') return [[input(2, 70, 32)], attention];
    if (op === 'attention_backward') return [[input(2, 70, 16), input(2, 70, 32), input(2, 70, 16), input(2, 2, 70)], attention];
    return [[input(30, 36), g.input('targets', u32(30), 'micro'), input(HYPER_SIZE)], { scale: 0.5 }];
  })();
  const [made] = withAmax(g, { op, inputs, attrs, name: '' }, of);
  if (made === undefined) throw new RangeError(`${op} makes nothing`);
  return made.node;
}

/** Nodes that round a state, and set the scales of two tensors. */
function updates(): Record<'round' | 'scale', Node> {
  const g = new Graph();
  g.phase = 'update';
  const parts = [[5, 7], [3000]].map((shape, i) => ({ name: `part${i}`, shape }));
  const { tensor, powerOfTwo, margin, rounding, saturate } = CAST;
  const rounded = { format: 'e4m3', scaling: 'current', tensor, powerOfTwo, margin, rounding, saturate } as const;
  const draw = g.input('draw', u32(2), 'micro');
  roundState(g, g.state('state', parts).pack, rounded, draw);
  const history = g.state(
    'history',
    [9, 70].map((length, i) => ({ name: `part${i}`, shape: [length] })),
  ).pack;
  const scales = g.state(
    'scales',
    [0, 1].map((i) => ({ name: `part${i}`, shape: [1] })),
  ).pack;
  const scaled = { formats: 'e4m3 e5m2', algo: 'max', margin: 0, powerOfTwo: false, microBatches: 3 } as const;
  delayedScale(g, { history, scales, draw }, scaled);
  const [round, scale] = ['round_state', 'delayed_scale'].map((op) => g.nodes.find((node) => node.op === op));
  if (round === undefined || scale === undefined) throw new RangeError('no updates');
  return { round, scale };
}

describe('the check of fast paths of updates', () => {
  it('promise 4: tries them on states of its own, and allows no difference in any bit', async () => {
    const { round, scale } = updates();
    for (const node of [round, scale]) {
      expect(await verdictOf(node, (dispatch) => dispatch)).toMatchObject({ ok: true, excess: 0 });
      const { variants } = opOf(node.op);
      expect(await tryPath(await testGpu(), { node, variant: variants[0].name, key: node.op })).toMatchObject({ ok: true });
      expect(variants[0].name).toBe('narrow');
    }
    const towardZero = (dispatch: Dispatch): Dispatch =>
      dispatch.kernel.endsWith('/round-state-update')
        ? { ...dispatch, overrides: { ...dispatch.overrides, ROUNDING: 1 } }
        : dispatch;
    expect(await verdictOf(round, towardZero)).toMatchObject({ ok: false });
    const halved = (dispatch: Dispatch): Dispatch => ({ ...dispatch, sizes: { ...dispatch.sizes, power_of_two: 1 } });
    expect(await verdictOf(scale, halved)).toMatchObject({ ok: false });
  });

  it('promise 4: finds them among the steps of a plan', async () => {
    const g = new Graph();
    g.phase = 'update';
    const { tensor, powerOfTwo, margin, saturate } = CAST;
    const attrs = { format: 'e4m3', scaling: 'current', rounding: 'nearest', tensor, powerOfTwo, margin, saturate } as const;
    roundState(g, g.state('state', [{ name: 'w', shape: [9] }]).pack, attrs, undefined);
    const { caps } = await testGpu();
    const software = { ...caps, software: true };
    const paths = fastPaths(planProgram(g, { caps: software }), g, software);
    expect(paths.map(({ node, variant }) => `${node.op}/${variant}`)).toEqual(['round_state/narrow']);
  });

  it('promise 4: holds counts against each other as integers, not as the tiny floats that their bits would be', async () => {
    const g = new Graph();
    const x = g.input('x', f32(4, 48), 'micro');
    const stats = tensorStats(g, x);
    const { codes, scales } = quantize(
      g,
      x,
      { ...CAST, rounding: 'nearest', values: false },
      { amax: amax(g, x, { of: 'finite' }) },
    );
    if (scales === undefined) throw new RangeError('no scales');
    const values = dequantize(g, codes, scales, { ...CAST, rounding: 'nearest' });
    const { node } = castError(g, { x, stats, codes, values, scales }, 'e4m3').counts;
    expect(await verdictOf(node, (dispatch) => dispatch)).toMatchObject({ ok: true });
    // Counts what overflows by another limit.
    const other = (dispatch: Dispatch): Dispatch => ({ ...dispatch, overrides: { ...dispatch.overrides, MAX_MAGNITUDE: 8 } });
    expect(await verdictOf(node, other)).toMatchObject({ ok: false });
  });
});

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

  it('promise 4: holds what an op gives beside its result against the same op and an op of its own, bit for bit', async () => {
    const g = new Graph();
    const inputs = [g.input('x', f32(70, 36), 'micro'), g.input('gain', f32(36), 'micro')];
    const attrs = { kind: 'layernorm', bias: false, eps: 1e-5 };
    const norm = { op: 'norm', inputs, attrs, name: '' };
    const told = withAmax(g, norm, 'all')[0]?.node;
    const cast = withCast(g, norm, { ...CAST, format: 'bf16', scaling: 'none', rounding: 'nearest', saturate: false })[0]?.node;
    if (told === undefined || cast === undefined) throw new RangeError('no norm');
    for (const node of [told, cast]) {
      for (const variant of ['alone', 'plain'])
        expect(await tryPath(await testGpu(), { node, variant, key: node.op })).toMatchObject({ ok: true });
      expect(await verdictOf(node, (dispatch) => dispatch)).toMatchObject({ ok: true });
      // The norm itself is tried too.
      const uncentred = (dispatch: Dispatch): Dispatch => ({ ...dispatch, overrides: { ...dispatch.overrides, CENTRED: false } });
      expect(await verdictOf(node, uncentred)).toMatchObject({ ok: false });
    }
    const short = (dispatch: Dispatch): Dispatch => ({ ...dispatch, sizes: { ...dispatch.sizes, rows: 60 } });
    expect(await verdictOf(told, short)).toMatchObject({ ok: false });
    const towardZero = (dispatch: Dispatch): Dispatch => ({ ...dispatch, overrides: { ...dispatch.overrides, ROUNDING: 1 } });
    expect(await verdictOf(cast, towardZero)).toMatchObject({ ok: false });
  });

  it.each(['matmul', 'attention', 'attention_backward', 'cross_entropy_fused'])(
    'promise 4: passes the amax that %s tells, whatever its parts, and fails one that leaves out what counts',
    { timeout: 60_000 },
    async (op) => {
      const node = toldOf(op);
      const gpu = await testGpu();
      for (const { name, supports } of opOf('with_amax').variants) {
        if (supports(node, gpu.caps))
          expect(await tryPath(gpu, { node, variant: name, key: op }), name).toMatchObject({ ok: true });
      }
      expect(await verdictOf(node, (dispatch) => dispatch)).toMatchObject({ ok: true });
      const finite = ({ overrides, ...dispatch }: Dispatch): Dispatch => ({
        ...dispatch,
        overrides: { ...overrides, FINITE: true },
      });
      const counts = (dispatch: Dispatch): Dispatch => (dispatch.bind['more'] === undefined ? dispatch : finite(dispatch));
      const behind = (dispatch: Dispatch): Dispatch =>
        dispatch.kernel === 'numerics/amax-forward' ? finite(dispatch) : counts(dispatch);
      expect(await verdictOf(node, behind)).toMatchObject({ ok: false });
    },
  );

  it.each(['matmul', 'attention', 'attention_backward', 'cross_entropy_fused', 'norm_backward'])(
    'promise 4: passes the amax of finite elements that %s tells, though of NaN there is none',
    { timeout: 60_000 },
    async (op) => {
      const gpu = await testGpu();
      const node = toldOf(op, 'finite');
      for (const { name } of opOf('with_amax').variants.filter(({ supports }) => supports(node, gpu.caps)))
        expect(await tryPath(gpu, { node, variant: name, key: op }), name).toMatchObject({ ok: true });
    },
  );

  it.each(['all', 'finite'] as const)(
    'promise 4: fails an amax (of %s) that one workgroup is lost from, whichever it is',
    { timeout: 60_000 },
    async (of) => {
      const node = toldOf('matmul', of);
      const parts = node.outputs.at(-1)?.type.shape[0] ?? 0;
      const found = (count: number): Promise<Verdict> =>
        verdictBy('blocked', node, (dispatch) => ({ ...dispatch, sizes: { ...dispatch.sizes, parts: count } }));
      expect(parts).toBeGreaterThan(3);
      expect(await found(parts)).toMatchObject({ ok: true });
      for (let count = 1; count < parts; count += 1) expect(await found(count), `${count}`).toMatchObject({ ok: false });
    },
  );

  it.each(['attention-backward-q', 'attention-backward-kv'])(
    'promise 4: fails an amax that nothing of %s is in',
    { timeout: 60_000 },
    async (kernel) => {
      const node = toldOf('attention_backward');
      const silent = (dispatch: Dispatch): Dispatch => {
        if (!dispatch.kernel.includes(`/${kernel}`)) return dispatch;
        const { more: _, ...bind } = dispatch.bind;
        const { FINITE: __, ...overrides } = dispatch.overrides ?? {};
        return { ...dispatch, bind, overrides, template: { ...dispatch.template, TOLD: 'none' } };
      };
      for (const variant of ['rows', 'plain']) {
        expect(await verdictBy(variant, node, (dispatch) => dispatch), variant).toMatchObject({ ok: true });
        expect(await verdictBy(variant, node, silent), variant).toMatchObject({ ok: false });
      }
    },
  );

  it('promise 4: fails an amax of several tensors that lets in what is not finite, or leaves out what is', async () => {
    const g = new Graph();
    const { pack } = g.state('x', [
      { name: 'a', shape: [70, 36] },
      { name: 'b', shape: [9] },
    ]);
    for (const of of ['all', 'finite'] as const) {
      const { node } = amaxTensors(g, pack, { of, tensors: [0, 1] });
      expect(await verdictOf(node, (dispatch) => dispatch)).toMatchObject({ ok: true });
      const otherwise = (dispatch: Dispatch): Dispatch => ({
        ...dispatch,
        overrides: { ...dispatch.overrides, FINITE: of === 'all' },
      });
      expect(await verdictOf(node, otherwise)).toMatchObject({ ok: false });
    }
  });

  it('promise 4: fails a cast that reads the amaxes of other tensors, though its scale is a power of two', async () => {
    const g = new Graph();
    const [x, amaxes] = [g.input('x', f32(4, 48), 'micro'), g.input('amaxes', u32(9), 'micro')];
    const cast = { ...CAST, rounding: 'nearest', values: false } as const;
    const { node } = quantize(g, x, cast, { amax: amaxes, amaxAt: [3, 4] }).codes;
    expect(await verdictOf(node, (dispatch) => dispatch)).toMatchObject({ ok: true });
    for (const first of [0, 1, 2, 4, 5]) {
      const elsewhere = (dispatch: Dispatch): Dispatch => ({ ...dispatch, sizes: { ...dispatch.sizes, amax_first: first } });
      expect(await verdictOf(node, elsewhere), `${first}`).toMatchObject({ ok: false });
    }
    const short = (dispatch: Dispatch): Dispatch => ({ ...dispatch, sizes: { ...dispatch.sizes, partials: 3 } });
    expect(await verdictOf(node, short)).toMatchObject({ ok: false });
  });

  it('promise 4: tries an amax behind its kernels where that is what the plan runs, and holds it against the plain one', async () => {
    const { caps } = await testGpu();
    const graphOf = (B: number): Graph => {
      const g = new Graph();
      const inputs = [16, 32, 16].map((width, i) => g.input(`x${i}`, f32(B, 1, width), 'micro'));
      const attrs = { heads: 2, kvHeads: 1, headSize: 8, scale: 0.5, qkNorm: false, eps: 0, base: 0 };
      inputs.push(g.input('lse', f32(B, 2, 1), 'micro'));
      const [, told] = withAmax(g, { op: 'attention_backward', inputs, attrs, name: '' }, 'all');
      if (told !== undefined) g.output('told', told, 'micro');
      return g;
    };
    const software = { ...caps, software: true };
    // 3 parts a sequence: more than there may be, and few.
    const [many, few] = [graphOf(400), graphOf(2)];
    const tried = (of: Graph, probe: Graph): readonly (number | undefined)[] =>
      fastPaths(planProgram(of, { caps: software }), probe, software).map(({ node }) => node.inputs[0]?.type.shape[0]);
    expect(tried(many, few)).toEqual([400]);
    expect(tried(graphOf(4), few)).toEqual([2]);
    const node = many.nodes.find(({ op }) => op === 'with_amax');
    if (node === undefined) throw new RangeError('nothing is told');
    const amaxOp: Op = opOf('amax');
    const { variants } = amaxOp;
    const broken = (dispatch: Dispatch): Dispatch => ({ ...dispatch, sizes: { ...dispatch.sizes, count: 1 } });
    // Both forms would be wrong alike, were the truth not the plain one.
    const fast = { name: 'fast', supports: () => true, lower: (of: Node) => variants.at(-1)?.lower(of, caps).map(broken) ?? [] };
    Object.assign(amaxOp, { variants: [fast, ...variants] });
    try {
      expect(await verdictOf(toldOf('matmul'), (dispatch) => dispatch)).toMatchObject({ ok: true });
    } finally {
      Object.assign(amaxOp, { variants });
    }
  });

  it('tries the op within once where its verdict is known, and believes it', async () => {
    const gpu = await testGpu();
    const node = toldOf('matmul');
    const known = new Map<string, Verdict>();
    const path = { node, variant: 'blocked', key: 'told' };
    expect(await tryPath(gpu, path, known)).toMatchObject({ ok: true });
    expect([...known.values()]).toMatchObject([{ path: 'matmul/blocked', ok: true }]);
    for (const [key, verdict] of known) known.set(key, { ...verdict, ok: false, excess: 2 });
    expect(await tryPath(gpu, path, known)).toMatchObject({ ok: false, excess: 2 });
  });

  it('promise 4: passes the variants that casts have', async () => {
    const { amax: maxima, quantize: tensorwise } = casts({});
    for (const node of [maxima, tensorwise, casts(BLOCK).quantize]) {
      const variant = opOf(node.op).variants[0].name;
      expect(await tryPath(await testGpu(), { node, variant, key: node.op })).toMatchObject({ ok: true, excess: 0 });
    }
  });
});
