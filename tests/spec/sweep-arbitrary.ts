import fc from 'fast-check';

/** An axis, or zipped axes, of a few values, whose paths meet no other's of {@link anySweep}. */
const axes: readonly fc.Arbitrary<object>[] = [
  fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 }).map((thousandths) => ({
    path: 'optimizer.lr',
    values: thousandths.map((n) => n / 1000),
  })),
  fc.integer({ min: 2, max: 4 }).map((count) => ({ path: 'optimizer.weightDecay', values: { linear: [0, 0.3], count } })),
  fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 }).map((halves) => ({
    zip: [
      { path: 'model.width', values: halves.map((n) => 8 * n) },
      { path: 'model.heads', values: halves },
    ],
  })),
  fc.uniqueArray(fc.nat({ max: 100 }), { minLength: 1, maxLength: 3 }).map((values) => ({ path: 'seed.init', values })),
  fc.shuffledSubarray(['gelu', 'relu2', 'swiglu'], { minLength: 1 }).map((values) => ({ path: 'model.mlp', values })),
  fc.integer({ min: 2, max: 3 }).map((count) => ({ path: 'budget.tokens', values: { log: [1e5, 1e6], count } })),
  fc.shuffledSubarray(['all', 'none', { attention: false }], { minLength: 1 }).map((values) => ({ path: 'fusion', values })),
];

/** A valid sweep of up to a hundred runs or so, as people write it. */
export const anySweep: fc.Arbitrary<{ readonly name: string; readonly base: object; readonly axes: readonly object[] }> = fc
  .tuple(
    fc.string({ maxLength: 10 }),
    fc.constantFrom({}, { model: { layers: 1 } }, { data: { source: 'markov' } }),
    fc.subarray([...axes.keys()], { minLength: 1, maxLength: 3 }),
  )
  .chain(([name, base, chosen]) =>
    fc
      .tuple(...chosen.flatMap((i) => axes[i] ?? []))
      .map((list) => ({ name, base: { ...base, schedule: { warmupSteps: 10 } }, axes: list })),
  );
