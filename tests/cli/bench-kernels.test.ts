import { describe, expect, it } from 'vitest';
import { kernelsText, tuningText } from '../../src/cli/bench-kernels.ts';
import type { Tuned } from '../../src/engine/index.ts';
import type { KernelRow, KernelsReport } from '../../src/measure/index.ts';
import { isoflop, Scratch, tinySpec } from './run-cli.ts';

interface Kernels {
  readonly software: boolean;
  readonly steps: readonly (Pick<KernelsReport, 'limits' | 'clock'> & {
    readonly name: string;
    readonly rows: readonly (Omit<KernelRow, 'variants'> & { readonly others: readonly string[] })[];
    readonly tuned: readonly Tuned[];
  })[];
}

describe('isoflop bench kernels', () => {
  it('times every kernel of a step against the limits of the adapter, and with --tune the variants of each', async () => {
    const scratch = new Scratch();
    const spec = scratch.put('spec.json', tinySpec);
    const tuned = await isoflop(['bench', 'kernels', spec, '--tune', '--json']);
    expect(tuned.status, tuned.err).toBe(0);
    const { software, steps } = JSON.parse(tuned.out) as Kernels;
    const [step] = steps;
    expect(step?.name).toBe('tiny');
    expect(step?.limits?.copyGBs.median).toBeGreaterThan(0);
    const rows = step?.rows ?? [];
    expect(rows.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 6);
    for (const { ofLimit, bound, flops, others, variant, kernel } of rows) {
      expect(ofLimit, kernel).toBeGreaterThan(0);
      expect(flops !== null || bound === 'bandwidth', kernel).toBe(true);
      expect(others, kernel).not.toContain(variant);
    }
    // What was chosen is kept, and what steps are planned with.
    const device = JSON.parse((await isoflop(['device', '--json'])).out) as { tuned: readonly Tuned[] };
    expect(device.tuned).toEqual(step?.tuned);
    const [first] = device.tuned;
    expect(first).toMatchObject({ software, candidates: expect.any(Array) as Tuned['candidates'] });
    expect((await isoflop(['device'])).out).toMatch(/\ntuner +\d+ shapes measured, \d+ of them with another variant/);

    if (step === undefined) throw new RangeError('there is no step');
    const text = kernelsText('tiny', step);
    expect(text).toMatch(/^tiny: kernels together [\d.]+ ms a step, by (GPU timestamps|the wall clock, submits counted in)\n/);
    expect(text).toMatch(/\ncopies +[\d.]+ \(quartiles [\d.]+ to [\d.]+\) GB\/s\n/);
    expect(text).toMatch(/\nkernel +variant +a step +each +\+- +share +GFLOP\/s +GB\/s +FLOP\/byte +of limit +bound by\n/);
    expect(text.split('\n').length).toBe(rows.length + 5);
    const candidates = step.tuned.flatMap((one) => one.candidates);
    expect(tuningText(step.tuned).split('\n').length).toBe(candidates.length + 3);
    expect(tuningText(step.tuned).match(/ \* /g)?.length).toBe(step.tuned.length + 1);
  }, 240_000);

  it('stops when asked, with the status of the signal, after what was whole', async () => {
    const scratch = new Scratch();
    const argv = ['bench', 'kernels', scratch.put('spec.json', tinySpec), '--tune'];
    const said = await isoflop(argv, { interrupt: () => true });
    expect(said).toMatchObject({ status: 130, err: '' });
    expect(said.out.trimEnd().split('\n')).toHaveLength(1);
  });

  it.each([
    { words: 'bench step --tune', says: 'isoflop bench: --tune: it is a flag of bench kernels. Leave it out.' },
    { words: 'bench kernels --words 3', says: 'isoflop bench: --words: it is a flag of bench numerics. Leave it out.' },
    {
      words: 'bench kernel',
      says: 'there is no such benchmark: got kernel, expected step, kernels, fusion, lanes, numerics, recipes',
    },
    { words: 'bench kernels --tune=all', says: 'isoflop bench: --tune: it takes no value: got all.' },
  ])('$words: exits with 2 and one line', async ({ words, says }) => {
    const said = await isoflop(words.split(' '));
    expect(said).toMatchObject({ status: 2, out: '' });
    expect(said.err).toContain(says);
    expect(said.err).toMatch(/^isoflop.*\n$/);
  });
});
