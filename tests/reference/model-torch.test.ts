import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { parseSpec } from '../../src/spec/validate.ts';
import { referenceTraining } from './model.ts';
import { at } from './model/matrix.ts';
import { tinySpecs } from './specs.ts';

/** Runs of PyTorch in f64, made by `tests/fixtures/model-torch.py`. */
const fixture = v.array(
  v.object({
    name: v.string(),
    spec: v.unknown(),
    weights: v.record(v.string(), v.object({ shape: v.array(v.number()), f32: v.string() })),
    batches: v.array(v.object({ tokens: v.array(v.number()), targets: v.array(v.number()) })),
    losses: v.array(v.number()),
    gradNorms: v.array(v.number()),
    finalNorms: v.record(v.string(), v.number()),
  }),
);
const text = readFileSync(new URL('../fixtures/model-torch.json', import.meta.url), 'utf8');
const runs = v.parse(fixture, JSON.parse(text));

/** Little-endian f32 in base64, as f64. */
function decode(base64: string): Float64Array {
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
  const view = new DataView(bytes.buffer);
  return Float64Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

/** Largest relative difference; NaN where either has one or lengths differ. */
function distance(got: readonly number[], wanted: readonly number[]): number {
  if (got.length !== wanted.length || got.length === 0) return NaN;
  return got.reduce((most, value, i) => Math.max(most, Math.abs(value / at(Float64Array.from(wanted), i) - 1)), 0);
}

describe('the reference model and PyTorch', () => {
  it('are compared on a run for every tiny spec', () => {
    expect(runs.map(({ name }) => name)).toEqual([...tinySpecs.keys()]);
  });

  it.each(runs)('agree over 20 steps: $name', ({ spec, weights, batches, losses, gradNorms, finalNorms }) => {
    const start = new Map(Object.entries(weights).map(([name, { f32 }]) => [name, decode(f32)]));
    const run = referenceTraining(parseSpec(spec), start, batches);
    expect(losses).toHaveLength(20);
    // Both are f64; 20 steps of Adam grow their different orders of summation to some 1e-12.
    expect(distance(run.losses, losses)).toBeLessThan(1e-10);
    expect(distance(run.gradNorms, gradNorms)).toBeLessThan(1e-9);
    const names = Object.keys(finalNorms);
    const norms = names.map((name) => Math.hypot(...(run.weights.get(name) ?? [NaN])));
    expect(distance(norms, Object.values(finalNorms))).toBeLessThan(1e-9);
  });
});
