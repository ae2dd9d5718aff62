import { findColumn, lawNamed, type Params, type Points, type Shares } from '../../laws/index.ts';
import type { FitOutcome } from '../laws/fit-protocol.ts';

/** What a law was fitted on: smallest and largest. */
export interface LawRange {
  readonly N: readonly [number, number];
  readonly D: readonly [number, number];
}

/** A Chinchilla law that a plan rests on. */
export interface PlanLaw {
  readonly id: string;
  readonly title: string;
  /** Where its numbers come from. */
  readonly provenance: string;
  readonly params: Params;
  /** Fits to resamples of its points, for intervals; none of a published law. */
  readonly replicates: readonly Params[];
  /** Of those, below the ends of an interval. */
  readonly shares: Shares;
  /** null where that is not known. */
  readonly range: LawRange | null;
}

const OWN = 'own';
const PRINTED = 'as printed';

/** Hoffmann et al., abstract; Besiroglu et al. fit points that they read from its figure. */
const HOFFMANN_RANGE: LawRange = { N: [70e6, 16e9], D: [5e9, 500e9] };

/** The published ones. Rounded exponents mislead, so that those as printed come last. */
export function publishedLaws(): readonly PlanLaw[] {
  const { constants, source } = lawNamed('chinchilla');
  const exactFirst = constants.toSorted((a, b) => Number(a.name.endsWith(PRINTED)) - Number(b.name.endsWith(PRINTED)));
  return exactFirst.map(({ name, params, provenance }) => ({
    id: name,
    title: name,
    provenance: `${name}; ${provenance === 'verified' ? 'numbers checked against the paper' : 'numbers from memory'}. ${source}`,
    params,
    replicates: [],
    shares: [0, 1],
    range: HOFFMANN_RANGE,
  }));
}

const NO_ROWS: ReadonlySet<number> = new Set();

/** What points span, `excluded` rows not among them; null where they have no N and D. */
export function rangeOf(points: Points, excluded = NO_ROWS): LawRange | null {
  const [N, D] = [findColumn(points, 'N'), findColumn(points, 'D')];
  if (N === null || D === null) return null;
  const kept = (_: number, row: number): boolean => !excluded.has(row);
  return { N: endsOf(N.filter(kept)), D: endsOf(D.filter(kept)) };
}

function endsOf(values: Float64Array): readonly [number, number] {
  return [values.reduce((a, b) => Math.min(a, b), Infinity), values.reduce((a, b) => Math.max(a, b), -Infinity)];
}

/** One's own fit as a law to plan by; null for a fit of another law. */
export function ownLaw(fit: FitOutcome | null, range: LawRange | null): PlanLaw | null {
  if (fit?.lawId !== 'chinchilla') return null;
  const runs = fit.points === 1 ? '1 point' : `${fit.points} points`;
  return {
    id: OWN,
    title: 'Your own fit',
    provenance: `Your own fit to ${runs}, loss ${fit.loss}.`,
    params: fit.params,
    replicates: fit.replicates,
    shares: fit.shares,
    range,
  };
}
