import { pointLaw, type Input, type Law } from '../law.ts';
import { powerSum } from '../power-sum.ts';
import { C, coefficient, D, exponent, floor, N, OF_LOSS } from './words.ts';

const SOURCE = 'Hestness et al., "Deep Learning Scaling is Predictable, Empirically", 2017';

function power(column: Input): Law {
  const x = column.name;
  return pointLaw(
    {
      id: `power-${x.toLowerCase()}`,
      title: `Power law in ${x}`,
      formula: `L = A / ${x}^alpha`,
      tex: `L = \\frac{A}{${x}^{\\alpha}}`,
      source: SOURCE,
      parameters: [coefficient('A', `loss at ${x} = 1`, 'nats'), exponent('alpha', `fall of ln L with ln ${x}`)],
      columns: [column],
      ...OF_LOSS,
      constants: [],
    },
    powerSum(2, [{ coefficient: 0, factors: [{ column: 0, exponent: 1, times: -1 }] }]),
  );
}

function powerConstant(column: Input): Law {
  const x = column.name;
  return pointLaw(
    {
      id: `power-constant-${x.toLowerCase()}`,
      title: `Power law in ${x} plus a constant`,
      formula: `L = E + A / ${x}^alpha`,
      tex: `L = E + \\frac{A}{${x}^{\\alpha}}`,
      source: SOURCE,
      parameters: [
        floor(),
        coefficient('A', `reducible loss at ${x} = 1`, 'nats'),
        exponent('alpha', `fall of the reducible loss with ln ${x}`),
      ],
      columns: [column],
      ...OF_LOSS,
      constants: [],
    },
    powerSum(3, [{ coefficient: 0 }, { coefficient: 1, factors: [{ column: 0, exponent: 2, times: -1 }] }]),
  );
}

export const powerLaws: readonly Law[] = [N, D, C].flatMap((column) => [power(column), powerConstant(column)]);
