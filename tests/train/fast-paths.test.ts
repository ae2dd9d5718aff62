import { afterEach, describe, expect, it } from 'vitest';
import { OPS } from '../../src/ops/table.ts';
import type { Op, Variant } from '../../src/ops/op.ts';
import { checkFastPaths } from '../../src/train/fast-paths.ts';
import type { KnownVerdicts } from '../../src/train/fast-paths.ts';
import { tinySpec } from '../reference/specs.ts';
import { testGpu } from '../support/run-graph.ts';
import { testTrainer, trace } from '../support/train.ts';

const spec = tinySpec({ model: { mlp: 'gelu', bias: true } });
const mended: (() => void)[] = [];

/** Puts a variant in front of an op's own until the test is over. */
function sabotage(name: 'activation_backward' | 'attention' | 'matmul', breakIt: (plain: Variant) => Variant): void {
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
  lower: (node, caps) => plain.lower(node, caps).map((dispatch) => ({ ...dispatch, sizes: Object.fromEntries(Object.entries(dispatch.sizes).map(([key, value]) => [key, key === 'alpha' ? 2 * value : value])), grid: [Math.max(1, Math.floor(dispatch.grid[0] / 2)), dispatch.grid[1], dispatch.grid[2]] })),
});

/** Does not compile. */
const unbuildable = (plain: Variant): Variant => ({
  name: 'broken',
  supports: () => true,
  lower: (node, caps) => plain.lower(node, caps).map((dispatch) => ({ ...dispatch, overrides: { ...dispatch.overrides, NO_SUCH_OVERRIDE: 1 } })),
});

afterEach(() => mended.splice(0).forEach((mend) => mend()));

describe('the check of fast paths', () => {
  it('promise 4: passes every path of a sound build, and remembers it', async () => {
    const gpu = await testGpu();
    const known: KnownVerdicts = new Map();
    const { disabled, verdicts } = await checkFastPaths(gpu, spec, 11, known);
    expect([...disabled]).toEqual([]);
    expect(verdicts.filter(({ ok }) => !ok)).toEqual([]);
    expect(verdicts.map(({ path }) => path)).toEqual(expect.arrayContaining([expect.stringMatching(/^attention\//), expect.stringMatching(/^matmul\//), expect.stringMatching(/^cross_entropy_fused\//)]));
    let tried = 0;
    await checkFastPaths(gpu, spec, 11, new Map([...known].map(([key, verdict]) => [key, { ...verdict, excess: (tried += 1) }])));
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

  it('promise 4: switches off a variant that does not compile', async () => {
    sabotage('activation_backward', unbuildable);
    const { disabled } = await checkFastPaths(await testGpu(), spec, 11, new Map());
    expect([...disabled]).toEqual(['activation_backward/broken']);
  });

  it('promise 4: switches off a fusion whose own plain kernel is wrong on this device', async () => {
    const gpu = await testGpu();
    const known: KnownVerdicts = new Map();
    const first = await checkFastPaths(gpu, spec, 11, known);
    for (const [key, verdict] of known) if (verdict.path.startsWith('attention/')) known.set(key, { ...verdict, ok: false, fused: true });
    const second = await checkFastPaths(gpu, spec, 11, known);
    expect(first.spec.fusion).toBe('all');
    expect(second.spec.fusion).toEqual({ attention: false });
  });
});
