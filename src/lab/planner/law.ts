import { allocatorOf, findColumn, lawNamed, type Optimum, type Params, type Points, type Shares } from '../../laws/index.ts';
import type { ParametersCounted } from '../../spec/index.ts';
import type { OwnFit, Procedure } from '../laws/fit-protocol.ts';
import { countingWords } from '../laws/run-points.ts';
import { endsOf } from './beyond.ts';

/** What a law was fitted on: smallest and largest. */
export interface LawRange {
  readonly N: readonly [number, number];
  readonly D: readonly [number, number];
}

/** A law that a plan rests on. */
export interface PlanLaw {
  /** As a link has it. */
  readonly id: string;
  readonly title: string;
  /** Where its numbers come from. */
  readonly provenance: string;
  /** Of the table: one that spends budgets. */
  readonly lawId: string;
  readonly params: Params;
  /** Fits to resamples of its points, for intervals; none of a published law. */
  readonly replicates: readonly Params[];
  /** Of those, below the ends of an interval. */
  readonly shares: Shares;
  /** null where that is not known. */
  readonly range: LawRange | null;
  /** Which parameters its N counts; null where nobody says. */
  readonly counted: ParametersCounted | null;
  /** Where an interval comes from; why there is none where there is none, in a few words and in a sentence. */
  readonly certainty: { readonly interval: string; readonly brief: string; readonly none: string };
}

const PRINTED = 'as printed';
const UNPUBLISHED = 'no interval published';
const RESAMPLED = '90 % intervals, from resamples of the runs that were fitted.';

/** Hoffmann et al., arXiv 2203.15556, abstract: over 400 models of 70 million to over 16 billion parameters on 5 to 500 billion tokens. Besiroglu et al. fit points that they read from its figure. */
const HOFFMANN_RANGE: LawRange = { N: [70e6, 16e9], D: [5e9, 500e9] };

/** What publications say of how sure they are, by the beginning of their name. */
const PUBLISHED: readonly (readonly [name: string, none: string])[] = [
  [
    'Besiroglu',
    'No interval published for N and D: the exponent of N_opt, 0.513, has a standard error of 0.02, its other constants have errors whose ' +
      'correlations are not published.',
  ],
  [
    'Hoffmann',
    'No interval published that is of use: 0.454 to 0.455 for an exponent of 0.46 does not hold the exponent itself (Besiroglu et al. say why).',
  ],
];

/** The published ones. Rounded exponents mislead, so that those as printed come last. */
export function publishedLaws(): readonly PlanLaw[] {
  const { id: lawId, constants, source } = lawNamed('chinchilla');
  const exactFirst = constants.toSorted((a, b) => Number(a.name.endsWith(PRINTED)) - Number(b.name.endsWith(PRINTED)));
  return exactFirst.map(({ name, params, provenance }) => {
    const [, none = 'No interval published.'] = PUBLISHED.find(([begins]) => name.startsWith(begins)) ?? [];
    return {
      id: slug(name),
      title: name,
      provenance: `${name}; ${provenance === 'verified' ? 'numbers checked against the paper' : 'numbers from memory'}. ${source}.`,
      lawId,
      params,
      replicates: [],
      shares: [0, 1],
      range: HOFFMANN_RANGE,
      counted: null,
      certainty: { interval: '', brief: UNPUBLISHED, none },
    };
  });
}

function slug(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
}

const NO_ROWS: ReadonlySet<number> = new Set();

/** What points span, `excluded` rows not among them; null where they have no N and D. */
export function rangeOf(points: Points, excluded = NO_ROWS): LawRange | null {
  const [N, D] = [findColumn(points, 'N'), findColumn(points, 'D')];
  if (N === null || D === null) return null;
  const kept = (_: number, row: number): boolean => !excluded.has(row);
  return { N: endsOf([...N].filter(kept)), D: endsOf([...D].filter(kept)) };
}

function spanOf(optima: readonly Optimum[]): LawRange | null {
  return optima.length === 0 ? null : { N: endsOf(optima.map(({ N }) => N)), D: endsOf(optima.map(({ D }) => D)) };
}

/** Ids of one's own fits. */
export const OWN_LAWS = ['own', 'own-isoflop', 'own-envelope'] as const;

const PROCEDURE_LAWS: readonly (readonly [procedure: Procedure, id: (typeof OWN_LAWS)[number], title: string])[] = [
  ['chinchilla-isoflop', 'own-isoflop', 'Your isoFLOP minima (approach 2)'],
  ['chinchilla-envelope', 'own-envelope', 'Your envelope of curves (approach 1)'],
];

/**
 * One's own fits as laws to plan by, as far as there are any: the fit that is chosen where its law spends budgets, then the power laws
 * through the best sizes of budgets.
 *
 * @param range what the chosen fit was fitted on.
 */
export function ownLaws(
  fit: OwnFit | null,
  frontiers: Readonly<Record<Procedure, OwnFit | null>>,
  range: LawRange | null,
): readonly PlanLaw[] {
  const isProcedure = PROCEDURE_LAWS.some(([procedure]) => procedure === fit?.lawId);
  const chosen =
    fit !== null && !isProcedure && allocatorOf(fit.lawId) !== null
      ? [ownLaw(fit, 'own', fit.lawId === 'chinchilla' ? 'Your own fit (approach 3)' : `Your own fit (${fit.lawId})`, range)]
      : [];
  const lines = PROCEDURE_LAWS.flatMap(([procedure, id, title]) => {
    const found = frontiers[procedure];
    return found === null ? [] : [ownLaw(found, id, title, spanOf(found.optima ?? []))];
  });
  // The approach that was chosen comes first.
  return [...chosen, ...lines.toSorted((a, b) => Number(b.lawId === fit?.lawId) - Number(a.lawId === fit?.lawId))];
}

function ownLaw(fit: OwnFit, id: string, title: string, range: LawRange | null): PlanLaw {
  const runs = fit.points === 1 ? '1 point' : `${fit.points} points`;
  const through = fit.optima === undefined ? `loss ${fit.loss}` : `through the best sizes of ${fit.optima.length} budgets`;
  const { counting } = fit;
  const said = counting === null ? 'N and C are those of the file.' : countingWords(counting);
  const budget = fit.optima === undefined ? '' : ' The budget is C as these points have it.';
  return {
    id,
    title,
    provenance: `Your own fit to ${runs}, ${through}. ${said}${budget}`,
    lawId: fit.lawId,
    params: fit.params,
    replicates: fit.replicates,
    shares: fit.shares,
    range,
    counted: counting?.parameters ?? null,
    certainty: {
      interval: RESAMPLED,
      brief: 'no interval',
      none:
        fit.replicates.length === 0
          ? 'No interval: the bootstrap is switched off.'
          : 'No interval: too few resamples give a size.',
    },
  };
}
