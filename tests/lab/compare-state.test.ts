import { describe, expect, it } from 'vitest';
import {
  armSpecs,
  COMPARISON_PRESETS,
  NUMERICS_START,
  recipeArm,
  viewOf,
  viewQuery,
  type NumericsView,
} from '../../src/lab/index.ts';
import { withDefaults } from '../../src/spec/index.ts';

describe('a link to a comparison', () => {
  it('says nothing of what is as at the start', () => {
    expect(viewQuery(NUMERICS_START).toString()).toBe('');
    expect(viewOf(new URLSearchParams())).toEqual(NUMERICS_START);
  });

  it('gives back the setup and what is shown of the tensors', () => {
    const view: NumericsView = {
      ...NUMERICS_START,
      compare: {
        setup: {
          arms: [recipeArm('bf16'), recipeArm('mxfp8', { overrides: { 'head:fprop': 'bf16' } }, 'mx, head in bf16')],
          seeds: 5,
          probeEvery: 20,
          whatIf: ['e4m3', 'nvfp4'],
          baseline: 1,
        },
        measure: 'sqnrDb',
        arm: 0,
        asIf: 'nvfp4',
        tensor: 'blocks.0.mlp.fc dgrad.gradient',
      },
    };
    const query = viewQuery(view);
    expect([...query.keys()]).toEqual(['compare', 'measure', 'arm', 'asif', 'tensor']);
    expect(viewOf(new URLSearchParams(query.toString()))).toEqual(view);
  });

  it.each([
    ['measure', 'taste', 'URL: the setting measure cannot be shown: got "taste"'],
    ['arm', '9', 'URL: the setting arm cannot be shown: got "9", expected 1..8'],
    ['asif', 'e0m7', 'URL: the setting asif cannot be shown: got "e0m7"'],
    ['tensor', 'x'.repeat(300), 'URL: the setting tensor cannot be shown'],
    ['compare', '1_s3', 'URL: is mangled'],
  ])('is refused where %s makes no sense', (key, value, message) => {
    expect(() => viewOf(new URLSearchParams([[key, value]]))).toThrow(message);
  });
});

describe('comparisons to begin with', () => {
  it.each(COMPARISON_PRESETS.map((preset) => [preset.id, preset] as const))(
    '%s can be started as it is',
    (_id, { base, setup }) => {
      const arms = armSpecs(base ?? withDefaults({}), setup);
      expect(arms.length).toBeGreaterThan(1);
      expect(JSON.stringify(arms[0]?.spec)).not.toBe(JSON.stringify(arms[1]?.spec));
    },
  );

  it('look at tensors twenty times in a short run, and every 50 steps in a long one', () => {
    const every = (id: string): unknown => COMPARISON_PRESETS.find((each) => each.id === id)?.setup.probeEvery;
    expect(['delayed-overflow', 'gradient-underflow', 'fp8'].map(every)).toEqual([2, 10, 50]);
  });

  it('name their arms by what differs, and hold recipes against the safer one', () => {
    const arms = (id: string): unknown => {
      const preset = COMPARISON_PRESETS.find((each) => each.id === id);
      return [preset?.setup.arms.map(({ name }) => name), preset?.setup.baseline];
    };
    expect(arms('delayed-overflow')).toEqual([['fp8-delayed', 'fp8-current'], 1]);
    expect(arms('qk-norm')).toEqual([['qk-norm on', 'qk-norm off'], 0]);
    expect(arms('stochastic-rounding')).toEqual([['rounding stochastic', 'rounding nearest'], 0]);
  });
});
