import { SpecError } from '../../base/errors.ts';
import type { Law } from '../law.ts';
import { batchLaws } from './batch.ts';
import { chinchillaLaws } from './chinchilla.ts';
import { curveLaws } from './curves.ts';
import { dataConstrained } from './data-constrained.ts';
import { kaplanLaws } from './kaplan.ts';
import { powerLaws } from './power.ts';
import { otherLaws, precisionLaws } from './precision.ts';
import { sparseLaws } from './sparse.ts';

/** Every law, one row each. */
export const LAWS: readonly Law[] = [
  ...powerLaws,
  ...kaplanLaws,
  ...chinchillaLaws,
  dataConstrained,
  ...curveLaws,
  ...batchLaws,
  ...precisionLaws,
  ...sparseLaws,
  ...otherLaws,
];

/** @throws SpecError */
export function lawNamed(id: string, among: readonly Law[] = LAWS): Law {
  const law = among.find((row) => row.id === id);
  if (law !== undefined) return law;
  throw new SpecError({
    where: 'law',
    rule: 'there is no such law',
    got: id,
    expected: among.map((row) => row.id).join(', '),
  });
}
