import { LAWS, type Fit, type FitOptions, type FitProgress, type Optimum, type Points } from '../../laws/index.ts';
import type { CountingChoice } from './run-points.ts';
import type { WireError } from '../../worker/protocol.ts';
import type { AskedEnd } from '../ends/asked-end.ts';
import type { EndPrediction, Silence } from '../ends/predict.ts';

/** What page and fit worker say to each other. */

/** Points below a limit are fitted too, and what lies above it is predicted. */
export interface HoldOut {
  /** A column of the points, or one that others give: C, the compute, mostly. */
  readonly column: string;
  readonly limit: number;
}

export interface FitRequest {
  /** Its id in the table: a law that is fitted, `chinchilla-envelope` or `chinchilla-isoflop`. */
  readonly law: string;
  readonly points: Points;
  readonly options?: FitOptions;
  readonly holdOut?: HoldOut;
}

/** Equal for fits that would be the same. */
export function signatureOf({ law, points, options, holdOut }: FitRequest): string {
  const columns = Object.entries(points.columns).map(([name, values]) => `${name} ${values.join()}`);
  return JSON.stringify([law, options, holdOut, columns, points.runs]);
}

/** How well the fit below the limit foretold the points above it. */
export interface HeldOut extends HoldOut {
  /** How many points were fitted, and what share of their variance that explains. */
  readonly fitted: number;
  readonly r2: number;
  /** Rows are those of the request. `relative` is predicted over measured less 1. */
  readonly held: readonly {
    readonly row: number;
    readonly measured: number;
    readonly predicted: number;
    readonly relative: number;
  }[];
  /** Root of the mean square of the relative errors. */
  readonly error: number;
  readonly warnings: readonly string[];
}

/** A fit without its law's functions, which do not cross. Condition and R2 of a procedure are those of its last line, NaN for no condition. */
export interface FitOutcome extends Omit<Fit, 'law'> {
  readonly lawId: string;
  /** Best size of each budget, of approaches 1 and 2. */
  readonly optima?: readonly Optimum[];
  readonly heldOut?: HeldOut;
  /** Why nothing was held out although that was asked, in words. */
  readonly heldOutReason?: string;
}

/** A fit, and what N and C of its points count; null where a file has them. */
export interface OwnFit extends FitOutcome {
  readonly counting: CountingChoice | null;
}

/** `hold-out` is the fit below the limit. */
export interface FitStep extends Omit<FitProgress, 'stage'> {
  readonly stage: FitProgress['stage'] | 'hold-out';
}

export type FitCommand =
  | { readonly type: 'fit'; readonly id: number; readonly request: FitRequest }
  | { readonly type: 'predict'; readonly id: number; readonly asked: AskedEnd }
  | { readonly type: 'abort'; readonly id: number };

export type FitEvent =
  | { readonly type: 'progress'; readonly id: number; readonly progress: FitStep }
  | { readonly type: 'done'; readonly id: number; readonly outcome: FitOutcome }
  /** Where a run ends, or why that is not predicted. */
  | { readonly type: 'end'; readonly id: number; readonly end: EndPrediction | Silence }
  | { readonly type: 'failed'; readonly id: number; readonly error: WireError };

/** Laws whose fit is a procedure of its own. */
export const PROCEDURES = ['chinchilla-envelope', 'chinchilla-isoflop'] as const;
export type Procedure = (typeof PROCEDURES)[number];

export function procedureOf(id: string): Procedure | null {
  return PROCEDURES.find((name) => name === id) ?? null;
}

/** Whether a parameter's interval was computed: without resamples, a procedure has none, while of a law null is an end that nothing bounds. */
export function hasInterval({ lawId, intervals }: Pick<FitOutcome, 'lawId' | 'intervals'>, name: string): boolean {
  return procedureOf(lawId) === null || (intervals[name] ?? []).some((end) => end !== null);
}

/** Laws that {@link FitRequest} takes. */
export const FITTED = LAWS.filter(({ id, model }) => model !== null || procedureOf(id) !== null);

export function isFitCommand(value: unknown): value is FitCommand {
  if (!isMessage(value)) return false;
  return (
    value.type === 'abort' ||
    (value.type === 'fit' && hasObject(value, 'request')) ||
    (value.type === 'predict' && hasObject(value, 'asked'))
  );
}

export function isFitEvent(value: unknown): value is FitEvent {
  if (!isMessage(value)) return false;
  return (
    (value.type === 'progress' && hasObject(value, 'progress')) ||
    (value.type === 'done' && hasObject(value, 'outcome')) ||
    (value.type === 'end' && 'end' in value) ||
    (value.type === 'failed' && hasObject(value, 'error'))
  );
}

function isMessage(value: unknown): value is { readonly type: string; readonly id: number } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    typeof value.type === 'string' &&
    'id' in value &&
    typeof value.id === 'number'
  );
}

function hasObject(value: object, key: string): boolean {
  const part: unknown = Reflect.get(value, key);
  return typeof part === 'object' && part !== null;
}
