import { afterEach, describe, expect, it } from 'vitest';
import { fastPaths, planProgram } from '../../src/engine/index.ts';
import { Gpu } from '../../src/gpu/device.ts';
import { openNodeGpu } from '../../src/gpu/node-adapter.ts';
import { opOf, OPS } from '../../src/ops/table.ts';
import { trainingGraph } from '../../src/train/graphs.ts';
import type { Dispatch, Op, Variant } from '../../src/ops/op.ts';
import { checkFastPaths } from '../../src/train/fast-paths.ts';
import type { KnownVerdicts } from '../../src/train/fast-paths.ts';
import { tinySpec } from '../reference/specs.ts';
import { testGpu } from '../support/run-graph.ts';
import { testTrainer, trace } from '../support/train.ts';

const spec = tinySpec({ model: { mlp: 'gelu', bias: true } });
const mended: (() => void)[] = [];

/** Puts a variant in front of an op's own until the test is over. */
function sabotage(name: 'activation_backward' | 'embedding_backward' | 'matmul', breakIt: (plain: Variant) => Variant): void {
  const op: Op = OPS[name];
  const { variants } = op;
  const plain = variants.at(-1);
  if (plain === undefined) throw new Error('no variant');
  Object.assign(op, { variants: [breakIt(plain), ...variants] });
  mended.push(() => void Object.assign(op, { variants }));
}

/** Computes half of what it should: one workgroup in two is left out. */
const halfDone = (plain: Variant): Variant => ({
  name: 'broken',
  supports: () => true,
  lower: (node, caps) =>
    plain.lower(node, caps).map((dispatch) => ({
      ...dispatch,
      sizes: Object.fromEntries(Object.entries(dispatch.sizes).map(([key, value]) => [key, key === 'alpha' ? 2 * value : value])),
      grid: [Math.max(1, Math.floor(dispatch.grid[0] / 2)), dispatch.grid[1], dispatch.grid[2]],
    })),
});

/** Does not compile. */
const unbuildable = (plain: Variant): Variant => ({
  name: 'broken',
  supports: () => true,
  lower: (node, caps) =>
    plain.lower(node, caps).map((dispatch) => ({ ...dispatch, overrides: { ...dispatch.overrides, NO_SUCH_OVERRIDE: 1 } })),
});

/** Makes every kernel of an op wrong, the plain one too. */
function sabotageAll(name: 'norm_backward' | 'adamw', breakIt: (dispatch: Dispatch) => Dispatch): void {
  const op: Op = OPS[name];
  const { variants } = op;
  const broken = variants.map((variant): Variant => ({
    ...variant,
    lower: (node, caps) => variant.lower(node, caps).map(breakIt),
  }));
  Object.assign(op, { variants: broken });
  mended.push(() => void Object.assign(op, { variants }));
}

afterEach(() => mended.splice(0).forEach((mend) => mend()));

describe('the check of fast paths', () => {
  it.each(['bf16', 'fp8-current', 'fp8-delayed', 'nvfp4'] as const)(
    'promise 4: passes every path of the recipe %s',
    async (recipe) => {
      const known: KnownVerdicts = new Map();
      const blocks = tinySpec({ data: { context: 64, batch: 3 }, model: { width: 64, heads: 4, layers: 1 } });
      const cast = { ...(recipe === 'nvfp4' ? blocks : spec), precision: { ...spec.precision, recipe } };
      const { verdicts, disabled, spec: cleared } = await checkFastPaths(await testGpu(), cast, 11, { known });
      expect(verdicts.filter(({ ok }) => !ok)).toEqual([]);
      expect([...disabled]).toEqual([]);
      expect(cleared.fusion).toBe('all');
      expect(verdicts.map(({ path }) => path)).toEqual(
        expect.arrayContaining([expect.stringMatching(/^quantize\//), 'matmul/decoded']),
      );
    },
  );

  it('tries the shapes of the run itself where blocks do not divide fewer tokens', async () => {
    const blocks = tinySpec({
      data: { context: 40, batch: 8 },
      model: { width: 32, heads: 4, mlpRatio: 1 },
      precision: { recipe: 'mxfp8' },
    });
    // 320 tokens are blocks of 32; the 200 that they would be cut to are not.
    const known: KnownVerdicts = new Map();
    known.get = (key) => ({
      key,
      path: `${key.split(' ')[1]?.split('(')[0]}/${key.split(' ')[0]}`,
      ok: true,
      excess: 0,
      fused: false,
    });
    const { verdicts } = await checkFastPaths(await testGpu(), blocks, 11, { known });
    expect(verdicts.some(({ key }) => key.includes('[8,40,32]'))).toBe(true);
  });

  it('promise 4: passes every path of a sound build, and remembers it', async () => {
    const gpu = await testGpu();
    const known: KnownVerdicts = new Map();
    const { disabled, verdicts } = await checkFastPaths(gpu, spec, 11, { known });
    expect([...disabled]).toEqual([]);
    expect(verdicts.filter(({ ok }) => !ok)).toEqual([]);
    expect(verdicts.map(({ path }) => path)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^attention\//),
        expect.stringMatching(/^matmul\//),
        expect.stringMatching(/^head_loss\//),
      ]),
    );
    let tried = 0;
    const counted = new Map([...known].map(([key, verdict]) => [key, { ...verdict, excess: (tried += 1) }]));
    await checkFastPaths(gpu, spec, 11, { known: counted });
    expect(tried).toBe(known.size);
  });

  it('promise 4: switches off a variant whose numbers are wrong, and the run goes on with the others', async () => {
    const sound = await testTrainer([spec]);
    const want = await trace(sound, 4);
    sound.destroy();
    sabotage('matmul', halfDone);
    const trainer = await testTrainer([spec], { verdicts: new Map() });
    try {
      expect(trainer.disabled).toEqual(['matmul/broken']);
      expect(trainer.plan.steps.filter(({ variant }) => variant === 'broken')).toEqual([]);
      expect(await trace(trainer, 4)).toEqual(want);
    } finally {
      trainer.destroy();
    }
  });

  it('leaves off what is to be left off, verdicts or not', async () => {
    const sound = await testTrainer([spec]);
    const used = sound.plan.steps.find(({ node, variant }) => node.op === 'matmul' && variant !== 'plain');
    sound.destroy();
    const off = `matmul/${used?.variant}`;
    const trainer = await testTrainer([spec], { verdicts: new Map(), plan: { disabled: new Set([off]) } });
    try {
      expect(trainer.plan.steps.filter(({ node, variant }) => `${node.op}/${variant}` === off)).toEqual([]);
    } finally {
      trainer.destroy();
    }
  });

  it('promise 4: switches off a variant that does not compile', async () => {
    sabotage('embedding_backward', unbuildable);
    const { disabled } = await checkFastPaths(await testGpu(), spec, 11);
    expect([...disabled]).toEqual(['embedding_backward/broken']);
  });

  it('promise 4: switches off a variant whose shader is no WGSL, and it alone', async () => {
    const blocked = OPS.matmul.variants.find(({ name }) => name === 'blocked');
    const spoilt = (dispatch: Dispatch): Dispatch => ({
      ...dispatch,
      template: Object.fromEntries(Object.keys(dispatch.template ?? {}).map((key) => [key, 'no such thing'])),
    });
    sabotage('matmul', () => ({
      name: 'broken',
      supports: () => true,
      lower: (node, caps) => (blocked?.lower(node, caps) ?? []).map(spoilt),
    }));
    const { disabled, verdicts } = await checkFastPaths(await testGpu(), spec, 11);
    expect([...disabled]).toEqual(['matmul/broken']);
    expect(verdicts.filter(({ ok, path }) => !ok && path !== 'matmul/broken')).toEqual([]);
  });

  it('has every kernel compiled at once, before the first one is tried', async () => {
    const gpu = await Gpu.open(await openNodeGpu());
    const { device } = gpu;
    const said: string[] = [];
    const [compile, submit] = [device.createComputePipelineAsync.bind(device), device.queue.submit.bind(device.queue)];
    device.createComputePipelineAsync = (descriptor) => {
      said.push('compile');
      return compile(descriptor);
    };
    device.queue.submit = (buffers) => {
      said.push('submit');
      return submit(buffers);
    };
    await checkFastPaths(gpu, spec, 11);
    expect(said.indexOf('submit')).toBeGreaterThan(20);
    expect(said.lastIndexOf('compile')).toBeLessThan(said.indexOf('submit'));
    gpu.close();
  });

  it('promise 4: switches off a fusion whose own plain kernel is wrong on this device', async () => {
    const gpu = await testGpu();
    const known: KnownVerdicts = new Map();
    const first = await checkFastPaths(gpu, spec, 11, { known });
    for (const [key, verdict] of known)
      if (verdict.path.startsWith('attention/')) known.set(key, { ...verdict, ok: false, fused: true });
    const second = await checkFastPaths(gpu, spec, 11, { known });
    expect(first.spec.fusion).toBe('all');
    expect(second.spec.fusion).toEqual({ attention: false });
  });

  it('promise 4: switches off a kernel that leaves most rows of the embedding gradient unwritten', async () => {
    sabotage('embedding_backward', (plain) => ({
      name: 'broken',
      supports: () => true,
      lower: (node, caps) => plain.lower(node, caps).map((dispatch) => ({ ...dispatch, grid: [1, 1, 1] })),
    }));
    const { disabled } = await checkFastPaths(
      await testGpu(),
      tinySpec({ data: { context: 16, batch: 4 }, model: { width: 32 } }),
      11,
    );
    expect([...disabled]).toEqual(['embedding_backward/broken']);
  });

  it('promise 4: switches off a fusion that forgets the residual gradient', async () => {
    sabotageAll('norm_backward', (dispatch) => ({ ...dispatch, overrides: { ...dispatch.overrides, ADDEND: false } }));
    const { spec: cleared } = await checkFastPaths(await testGpu(), spec, 11);
    expect(cleared.fusion).toEqual({ 'norm-backward-residual': false });
  });

  it.each(['CLIPS', 'DECAYS'])('promise 4: switches off an optimizer pass that leaves out what %s stands for', async (flag) => {
    sabotageAll('adamw', (dispatch) => ({ ...dispatch, overrides: { ...dispatch.overrides, [flag]: false } }));
    const clipped = tinySpec({ model: { width: 32 }, optimizer: { clip: 1, weightDecay: 0.1 } });
    const { spec: cleared } = await checkFastPaths(await testGpu(), clipped, 11);
    expect(cleared.fusion).toEqual({ 'optimizer-pass': false });
  });

  it.each([true, false])('promise 4: leaves no fast path of a plan untried (software adapter: %s)', async (software) => {
    const caps = { ...(await testGpu()).caps, software };
    for (const model of [
      { width: 64, heads: 4 },
      { width: 8, heads: 2 },
    ]) {
      const large = tinySpec({ data: { context: 128, batch: 16 }, model: { ...model, layers: 1 } });
      const plan = planProgram(trainingGraph(large, 256), { caps });
      const probe = trainingGraph({ ...large, data: { ...large.data, context: 96, batch: 2 } }, 256);
      const tried = new Set(fastPaths(plan, probe, caps).map(({ node, variant }) => `${node.op}/${variant}`));
      const plain = (op: string): string => opOf(op).variants.at(-1)?.name ?? '';
      const fast = plan.steps.filter(
        ({ node, variant }) =>
          variant !== plain(node.op) && opOf(node.op).updates === undefined && opOf(node.op).checkedWith === undefined,
      );
      expect(fast.length).toBeGreaterThan(0);
      for (const { node, variant } of fast) expect(tried).toContain(`${node.op}/${variant}`);
    }
  });
});
