import { describe, expect, it } from 'vitest';
import { DeviceError } from '../../src/base/errors.ts';
import { choicesOf, planProgram, readTunings, tune } from '../../src/engine/index.ts';
import type { Tuned, Verdict } from '../../src/engine/index.ts';
import { signatureOf } from '../../src/engine/signature.ts';
import { openClock } from '../../src/engine/timing.ts';
import type { Clock } from '../../src/engine/timing.ts';
import { winner } from '../../src/engine/tuner.ts';
import { f32, Graph } from '../../src/graph/index.ts';
import { activation } from '../../src/ops/elementwise.ts';
import { matmul } from '../../src/ops/matmul.ts';
import { withAmax } from '../../src/ops/producer.ts';
import { testGpu } from '../support/run-graph.ts';

/** Two matmuls of one shape, one of another, and an op with one kernel. */
function graphOf(rows = 16): Graph {
  const g = new Graph();
  const weight = g.input('weight', f32(12, 12), 'step');
  const head = g.input('head', f32(12, 20), 'step');
  let x = g.input('x', f32(rows, 12), 'step');
  for (let i = 0; i < 2; i++) x = activation(g, matmul(g, x, weight), { kind: 'gelu' });
  g.output('y', matmul(g, x, head), 'step');
  return g;
}

function matmulsOf(g: Graph): readonly string[] {
  return [...new Set(g.nodes.filter(({ op }) => op === 'matmul').map(signatureOf))];
}

/** Says that each region took so long; counts them. */
function fakeClock(ms: number): Clock & { regions: number } {
  const clock = {
    by: 'timestamps' as const,
    regionMs: 6.55,
    regions: 0,
    time: (regions: readonly unknown[]) => {
      clock.regions += regions.length;
      return Promise.resolve(regions.map(() => ms));
    },
    destroy: () => undefined,
  };
  return clock;
}

/** A GPU whose device has no timestamps. */
async function wallGpu() {
  const gpu = await testGpu();
  expect(gpu.device.features.has('timestamp-query')).toBe(false);
  return gpu;
}

const TUNED: Tuned = {
  signature: 'matmul(f32[2,2], f32[2,2]) {}',
  shape: 'matmul M 2 N 2 K 2',
  candidates: [
    { variant: 'a', ms: 2, spreadMs: 0.1 },
    { variant: 'b', ms: 1, spreadMs: 0.1 },
    { variant: 'c', ms: null, spreadMs: null },
  ],
  chosen: 'b',
  timedBy: 'wall',
  software: true,
};

describe('the tuner', () => {
  it('times the variants of every distinct node that has several, by the wall clock where there are no timestamps', async () => {
    const gpu = await wallGpu();
    const graph = graphOf();
    const plan = planProgram(graph, { caps: gpu.caps });
    const said: string[] = [];
    const tuned = await tune(gpu, plan, {
      rounds: 1,
      onProgress: ({ done, total, tuned: found }) => void said.push(`${done}/${total}${found === null ? '' : ' found'}`),
    });
    expect(tuned.map(({ signature }) => signature)).toEqual(matmulsOf(graph));
    expect(said).toEqual(['0/2', '1/2 found', '1/2', '2/2 found']);
    for (const { candidates, chosen, timedBy, software, shape } of tuned) {
      expect({ timedBy, software }).toEqual({ timedBy: 'wall', software: gpu.caps.software });
      expect(candidates.length).toBeGreaterThan(1);
      expect(candidates[0]?.variant).toBe(plan.steps.find(({ node }) => node.op === 'matmul')?.variant);
      expect(candidates.find(({ variant }) => variant === chosen)?.ms).toBeGreaterThan(0);
      expect(shape).toMatch(/^matmul M 16 N (12|20) K 12$/);
    }
    expect(readTunings(JSON.parse(JSON.stringify(tuned)))).toEqual(new Map(tuned.map((one) => [one.signature, one])));
  }, 120_000);

  it('promise 4: lets no candidate win that has failed its check, and believes verdicts and results that it is given', async () => {
    const gpu = await testGpu();
    const graph = graphOf();
    const plan = planProgram(graph, { caps: gpu.caps });
    const verdicts = new Map<string, Verdict>();
    for (const { node, variant } of plan.steps) {
      const key = `${variant} ${signatureOf(node)}`;
      verdicts.set(key, { key, path: `matmul/${variant}`, ok: false, excess: Infinity, fused: false });
    }
    const [first = ''] = matmulsOf(graph);
    const known = new Map([[first, { ...TUNED, signature: first, chosen: 'plain' }]]);
    const [believed, tuned] = await tune(gpu, plan, { verdicts, known, rounds: 1, clock: fakeClock(7) });
    expect(believed).toBe(known.get(first));
    expect(tuned?.candidates[0]).toMatchObject({ ms: null, spreadMs: null });
    expect(tuned?.chosen).toBe(tuned?.candidates[1]?.variant);
    expect(verdicts.size).toBeGreaterThan(plan.steps.filter(({ node }) => node.op === 'matmul').length);
  }, 120_000);

  it('keeps the first guess unless another is faster by more than the spread of both', () => {
    const of = (ms: number | null, spreadMs: number | null = 0, variant = 'b') => ({ variant, ms, spreadMs });
    expect(winner([of(2, 0, 'a'), of(2)])).toBe('a');
    expect(winner([of(2, 0.5, 'a'), of(1.6)])).toBe('a');
    expect(winner([of(2, 0.1, 'a'), of(1.6, 0.5)])).toBe('a');
    expect(winner([of(2, 0.1, 'a'), of(1.6, 0.1)])).toBe('b');
    expect(winner([of(2, 0.1, 'a'), of(1, 1.5, 'b'), of(1.5, 0.1, 'c')])).toBe('c');
    expect(winner([of(null, null, 'a'), of(9, null)])).toBe('b');
  });

  it('looks again at a candidate that seems slower by far: the machine may have been busy with something else', async () => {
    const gpu = await testGpu();
    const plan = planProgram(graphOf(), { caps: gpu.caps });
    const clock = fakeClock(7);
    const hiccup: Clock = {
      ...clock,
      time: async (regions) => {
        const first = clock.regions === 0;
        return (await clock.time(regions)).map((ms) => (first ? 1000 * ms : ms));
      },
    };
    const [tuned] = await tune(gpu, plan, { clock: hiccup, rounds: 1 });
    expect(tuned?.candidates[0]).toMatchObject({ ms: 7, spreadMs: 0 });
    expect(tuned?.chosen).toBe(tuned?.candidates[0]?.variant);
  }, 120_000);

  it('stops when asked, with the reason that it is given, and keeps nothing of a node that was not done', async () => {
    const gpu = await testGpu();
    const plan = planProgram(graphOf(), { caps: gpu.caps });
    const stop = new AbortController();
    const found: Tuned[] = [];
    const running = tune(gpu, plan, {
      clock: fakeClock(7),
      rounds: 1,
      signal: stop.signal,
      onProgress: ({ tuned }) => {
        if (tuned === null) return;
        found.push(tuned);
        stop.abort(new Error('enough'));
      },
    });
    await expect(running).rejects.toThrow('enough');
    expect(found).toHaveLength(1);
    await expect(tune(gpu, plan, { signal: AbortSignal.abort(130) })).rejects.toBe(130);
  }, 120_000);

  it('refuses a timer without resolution with one clear error', async () => {
    const gpu = await wallGpu();
    const plan = planProgram(graphOf(), { caps: gpu.caps });
    const still = fakeClock(0);
    await expect(tune(gpu, plan, { clock: still })).rejects.toThrow(
      'timer: it has no resolution to time kernels with: got timestamps that do not move, expected steps of 6.55 ms at most.',
    );
    let ms = 0;
    expect(() => openClock(gpu, () => Math.floor(ms++ / 50) * 100)).toThrow('got a clock that steps by 100 ms');
    expect(() => openClock(gpu, () => 0)).toThrow(DeviceError);
    expect(openClock(gpu, () => Math.floor(ms++ / 50) * 0.125).regionMs).toBe(12.5);
  }, 120_000);

  it('believes of what was kept only whole results', () => {
    const kept: unknown = JSON.parse(JSON.stringify([TUNED, null, 3, { ...TUNED, chosen: 'c' }, { ...TUNED, timedBy: 'luck' }]));
    expect([...readTunings(kept).values()]).toEqual([TUNED]);
    // Where nothing ran, nothing is chosen.
    expect(choicesOf([TUNED, { ...TUNED, signature: 'f', candidates: [{ variant: 'b', ms: null, spreadMs: null }] }]).size).toBe(
      1,
    );
    for (const odd of [
      { candidates: [{ variant: 'b', ms: -1, spreadMs: 0 }] },
      { candidates: [{ variant: 'b', ms: 0, spreadMs: 0 }] },
      { candidates: [{ variant: 'b', ms: Infinity, spreadMs: 0 }] },
      { candidates: [{ variant: 'b', ms: 1, spreadMs: Number.NaN }] },
      { candidates: [{ variant: 'b', ms: null, spreadMs: null }] },
      { candidates: 'b' },
      { signature: 1 },
      { software: 0 },
    ])
      expect(readTunings([{ ...TUNED, ...odd }]).size).toBe(0);
    for (const odd of [null, {}, 'x', [[]]]) expect(readTunings(odd).size).toBe(0);
  });
});

describe('choices of a plan', () => {
  it('decide which variant computes nodes of their signature, where that serves and is not switched off', async () => {
    const { caps } = await testGpu();
    const graph = graphOf();
    const [first = '', second = ''] = matmulsOf(graph);
    const planned = (choices: Map<string, string>, disabled: string[] = []) =>
      planProgram(graph, { caps, choices, disabled: new Set(disabled) })
        .steps.filter(({ node }) => node.op === 'matmul')
        .map(({ variant }) => variant);
    const guess = planned(new Map()).at(-1);
    expect(planned(new Map([[first, 'plain']]))).toEqual(['plain', 'plain', guess]);
    expect(planned(new Map([[second, 'blocked']]))).toEqual([guess, guess, 'blocked']);
    expect(planned(new Map([[second, 'blocked']]), ['matmul/blocked'])).toEqual([guess, guess, guess]);
    expect(planned(new Map([[first, 'tiled-32']]))).toEqual([guess, guess, guess]);
    expect(planned(new Map([[first, 'no such variant']]))).toEqual([guess, guess, guess]);
    expect([...choicesOf([TUNED])]).toEqual([[TUNED.signature, 'b']]);
  });

  it('promise 1: made before a product told its amax still decide how it is computed, where none is made for it as it is', async () => {
    const { caps } = await testGpu();
    const g = new Graph();
    const { node: bare } = matmul(g, g.input('a', f32(16, 12), 'micro'), g.input('b', f32(12, 12), 'micro'));
    const [, told] = withAmax(g, bare, 'all');
    if (told === undefined) throw new RangeError('nothing is told');
    g.output('told', told, 'micro');
    const planned = (...choices: [string, string][]): string | undefined =>
      planProgram(g, { caps, choices: new Map(choices) }).steps.find(({ node }) => node === told.node)?.variant;
    expect(planned()).not.toBe('plain');
    expect(planned([signatureOf(bare), 'plain'])).toBe('plain');
    expect(planned([signatureOf(bare), 'plain'], [signatureOf(told.node), 'blocked'])).toBe('blocked');
  });

  it('promise 2: do not depend on how many lanes there are', async () => {
    const { caps } = await testGpu();
    const variantsOf = (lanes: number): readonly string[] =>
      planProgram(graphOf(), { caps, lanes, choices: new Map(matmulsOf(graphOf()).map((key) => [key, 'plain'])) }).steps.map(
        ({ variant }) => variant,
      );
    expect(variantsOf(5)).toEqual(variantsOf(1));
  });

  it('a variant that is forced where the adapter lacks what it needs is one clear error', async () => {
    const { caps } = await testGpu();
    const forced = (variant: string) => () =>
      planProgram(graphOf(), { caps: { ...caps, software: true, subgroups: false }, variants: { matmul: variant } });
    expect(forced('blocked-subgroup')).toThrow(
      /^node \d+ matmul "": variant blocked-subgroup does not serve it on this adapter: got f32\[16,12\], f32\[12,12\]\.$/,
    );
    expect(forced('tiled-128')).toThrow('variant tiled-128 does not serve it on this adapter');
  });
});
