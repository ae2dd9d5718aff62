import { describe, expect, it } from 'vitest';
import type { Probe, TensorProbe } from '../../src/base/probe.ts';
import { PRESETS, withDefaults } from '../../src/spec/index.ts';
import type { RunSpec } from '../../src/spec/run-spec.ts';
import type { Trainer } from '../../src/train/trainer.ts';
import { testDataset, testTrainer, trace } from '../support/train.ts';

/** What makes a preset small enough for a test; as many tokens as gradient-underflow has, for gradients of a mean over them. */
const TINY = {
  data: { source: 'markov', context: 32, batch: 16 },
  model: { layers: 1, width: 16, heads: 2, mlpRatio: 2 },
} as const;

/** Both sides of a preset, made tiny, after their first steps: its own first, then what it is held against. */
async function sides<T>(id: string, steps: number, look: (trainer: Trainer) => Promise<T>): Promise<[T, T]> {
  const preset = PRESETS.find((each) => each.id === id);
  if (preset?.compare === undefined) throw new RangeError(`preset ${id} is held against nothing`);
  const own = withDefaults(TINY, withDefaults(preset.spec));
  const dataset = await testDataset(own);
  const side = async (spec: RunSpec): Promise<T> => {
    const trainer = await testTrainer([spec], { dataset });
    try {
      await trace(trainer, steps);
      return await look(trainer);
    } finally {
      trainer.destroy();
    }
  };
  return [await side(own), await side(withDefaults(preset.compare, own))];
}

/** The tensors that a run casts, of roles that end so. */
async function castTensors(trainer: Trainer, ending: string): Promise<readonly TensorProbe[]> {
  const [probe]: readonly (Probe | undefined)[] = await trainer.probe([]);
  const found = probe?.tensors.filter(({ role, cast }) => cast !== null && role.endsWith(ending)) ?? [];
  if (found.length === 0) throw new RangeError(`no tensor with a role that ends in ${ending} is cast`);
  return found;
}

const largest = (tensors: readonly TensorProbe[], of: 'underflow' | 'overflow'): number =>
  Math.max(...tensors.map(({ cast }) => cast?.[of] ?? NaN));

describe('a preset that makes trouble', () => {
  it('gradient-underflow: E4M3 without scales loses most of a gradient, with current scales hardly anything', async () => {
    const [none, current] = await sides('gradient-underflow', 1, (trainer) => castTensors(trainer, 'grad.gradient'));
    expect(largest(none, 'underflow')).toBeGreaterThan(0.5);
    expect(largest(current, 'underflow')).toBeLessThan(0.05);
  });

  it('delayed-overflow: weights outgrow the scale of the step before, and never the scale of their own amax', async () => {
    const [delayed, current] = await sides('delayed-overflow', 1, (trainer) => castTensors(trainer, 'fprop.weight'));
    expect(largest(delayed, 'overflow')).toBeGreaterThan(0.5);
    expect(largest(current, 'overflow')).toBe(0);
  });

  it('stochastic-rounding: gains of norms leave 1, which rounding to nearest never lets them do', async () => {
    const gains = async (trainer: Trainer): Promise<readonly number[]> => {
      const { lanes } = await trainer.snapshot('run', 8, 0);
      return (lanes[0]?.weights ?? []).flatMap(({ name, data }) => (name.endsWith('.gain') ? [...data] : []));
    };
    const [stochastic, nearest] = await sides('stochastic-rounding', 8, gains);
    expect(nearest.length).toBeGreaterThan(0);
    expect(new Set(nearest)).toEqual(new Set([1]));
    expect(new Set(stochastic).size).toBeGreaterThan(2);
  });
});
