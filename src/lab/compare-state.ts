import { SpecError } from '../base/errors.ts';
import { CAST_FORMATS } from '../spec/index.ts';
import { COMPARISON_START, comparisonFromText, comparisonToText, type ComparisonSetup } from './comparison-setup.ts';

/** Measures that the map of tensors shows, in the order in which they are offered. */
export const MAP_MEASURES = ['underflow', 'overflow', 'sqnrDb', 'mse', 'scale', 'amax', 'nonFinite'] as const;
export type MapMeasure = (typeof MAP_MEASURES)[number];

/** What the comparison on the Numerics page is set up as, and which tensors it shows. */
export interface CompareState {
  readonly setup: ComparisonSetup;
  readonly measure: MapMeasure;
  /** The arm whose tensors the map shows, by its place. */
  readonly arm: number;
  /** A format of the setup's what-if whose cast is shown; empty: the cast that the run makes. */
  readonly asIf: string;
  /** Site of the tensor that is open; empty: none. */
  readonly tensor: string;
}

/** What a link that says nothing shows. */
export const COMPARE_START: CompareState = { setup: COMPARISON_START, measure: 'underflow', arm: 1, asIf: '', tensor: '' };

/** Names of these settings in a link. */
export const COMPARE_KEYS: readonly string[] = ['compare', 'measure', 'arm', 'asif', 'tensor'];

const MAX_SITE = 200;

/** What differs from {@link COMPARE_START}, for a link. */
export function compareQuery({ setup, measure, arm, asIf, tensor }: CompareState): URLSearchParams {
  const query = new URLSearchParams();
  const text = comparisonToText(setup);
  if (text !== comparisonToText(COMPARE_START.setup)) query.set('compare', text);
  if (measure !== COMPARE_START.measure) query.set('measure', measure);
  if (arm !== COMPARE_START.arm) query.set('arm', String(arm + 1));
  if (asIf !== '') query.set('asif', asIf);
  if (tensor !== '') query.set('tensor', tensor);
  return query;
}

/**
 * The state that a link says; other settings of the link are not looked at. Whether a run has such a tensor is seen when it runs.
 *
 * @throws SpecError for the first setting that makes no sense here.
 */
export function compareState(query: URLSearchParams): CompareState {
  const setup = query.get('compare');
  const measure = query.get('measure') ?? COMPARE_START.measure;
  const arm = query.get('arm') ?? String(COMPARE_START.arm + 1);
  const asIf = query.get('asif') ?? '';
  const tensor = query.get('tensor') ?? '';
  const known = MAP_MEASURES.find((each) => each === measure);
  if (known === undefined) throw refused('measure', measure, MAP_MEASURES.join(', '));
  if (!/^[1-8]$/.test(arm)) throw refused('arm', arm, '1..8');
  if (asIf !== '' && !CAST_FORMATS.includes(asIf)) throw refused('asif', asIf, CAST_FORMATS.join(', '));
  if (tensor.length > MAX_SITE) throw refused('tensor', tensor, `${MAX_SITE} characters at most`);
  return {
    setup: setup === null ? COMPARE_START.setup : comparisonFromText(setup),
    measure: known,
    arm: Number(arm) - 1,
    asIf,
    tensor,
  };
}

function refused(key: string, got: string, expected: string): SpecError {
  return new SpecError({
    where: 'URL',
    rule: `the setting ${key} cannot be shown`,
    got: JSON.stringify(got.slice(0, 40)),
    expected,
    cure: 'Copy the whole link again.',
  });
}
