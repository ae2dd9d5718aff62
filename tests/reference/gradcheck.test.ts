import { describe, expect, it } from 'vitest';
import { Graph } from '../../src/graph/graph.ts';
import type { Op } from '../../src/ops/op.ts';
import { OPS } from '../../src/ops/table.ts';
import { evaluateGraph } from './evaluate.ts';
import { gradientErrors } from './gradcheck.ts';
import type { GradientCase } from './gradcheck.ts';
import { fusedCases, gradientCases } from './gradient-cases.ts';
import { referenceOf, references } from './ops.ts';
import { el } from './tensor.ts';

const ops = new Map<string, Op>(Object.entries(OPS));

function label({ inputs, attrs }: Pick<GradientCase, 'inputs' | 'attrs'>): string {
  return `${inputs.map(({ type }) => `${type.dtype}[${type.shape.join()}]`).join(' ')} ${JSON.stringify(attrs)}`;
}

it('promise 3: every op has a reference, and every reference an op', () => {
  expect(Object.keys(references).toSorted()).toEqual([...ops.keys()].toSorted());
});

describe('every VJP', () => {
  for (const [name, op] of ops) {
    if (op.vjp === 'none') continue;
    const cases = gradientCases[name] ?? [];

    it(`promise 3: that of ${name} is checked`, () => {
      expect(cases.length).toBeGreaterThan(0);
    });

    for (const one of cases) {
      it(`promise 3: that of ${name} agrees with central differences: ${label(one)}`, () => {
        const errors = gradientErrors(name, op, one);
        const wanted = one.inputs.flatMap(({ type }, i) => (type.dtype === 'f32' && !one.constants?.includes(i) ? [i] : []));
        expect(errors.map(({ input }) => input)).toEqual(wanted);
        // Differences over 2e-5 of O(10) sums in f64 are good to 1e-9; the third derivative times the step squared is less.
        for (const { input, error } of errors) expect(error, `input ${input}`).toBeLessThan(1e-6);
      });
    }
  }

  it('that drops a factor is found out', () => {
    const [one] = gradientCases['activation'] ?? [];
    if (one === undefined) throw new RangeError('no case');
    const [error] = gradientErrors('activation', { shape: OPS.activation.shape, vjp: (_g, _node, [dy]) => [dy] }, one);
    expect(error?.error).toBeGreaterThan(0.1);
  });

  it('has no check for an op that has no VJP', () => {
    expect(
      Object.keys(gradientCases).filter((name) => ops.get(name)?.vjp === undefined || ops.get(name)?.vjp === 'none'),
    ).toEqual([]);
  });
});

describe('every fused op', () => {
  for (const [name, { plain, updates }] of ops) {
    // What updates states has no output to compare: tests/ops/optimizer.test.ts holds the states to each other, bit by bit.
    if (plain === undefined || updates !== undefined) continue;
    const cases = [...(fusedCases[name] ?? []), ...(gradientCases[name] ?? [])];

    it(`promise 3: ${name} is compared with its plain ops`, () => {
      expect(cases.length).toBeGreaterThan(0);
    });

    for (const { inputs, attrs } of cases) {
      it(`promise 3: ${name} has a reference equal to its plain ops: ${label({ inputs, attrs })}`, () => {
        const g = new Graph();
        // A pack is a state.
        const values = inputs.map(({ type }, i) =>
          type.parts === undefined
            ? g.input(`x${i}`, type, 'micro')
            : g.state(
                `x${i}`,
                type.parts.map((shape, j) => ({ name: `part${j}`, shape })),
              ).pack,
        );
        const outputs = plain(g, values, attrs);
        const data = new Map(inputs.map((operand, i) => [`x${i}`, operand.data]));
        const found = evaluateGraph(g, { micro: [data], states: data }).values;
        const wanted = referenceOf(name)(
          inputs.map(({ type: { shape, parts }, data: own }) => ({
            shape,
            data: own,
            ...(parts === undefined ? {} : { parts }),
          })),
          attrs,
        );
        for (const [i, output] of outputs.entries()) {
          const [a, b] = [found.get(output), wanted[i]];
          if (a === undefined || b === undefined) throw new RangeError(`${name} has no output ${i}`);
          expect(a.shape, `output ${i}`).toEqual(b.shape);
          a.data.forEach((value, k) => expect(Math.abs(value - el(b.data, k)), `output ${i}[${k}]`).toBeLessThan(1e-12));
        }
      });
    }
  }
});
