import { SpecError } from '../base/errors.ts';
import type { Drops } from './schedule.ts';

/** What a parameter does: the prediction is linear in a `floor`, a `coefficient` and a `gain`, which is taken away; in others it is not. */
export type Role = 'floor' | 'coefficient' | 'gain' | 'exponent' | 'shape';

export interface Parameter {
  /** In plain letters, as tables and files have it: `alpha`. */
  readonly name: string;
  readonly unit: string;
  readonly meaning: string;
  readonly role: Role;
  /** The fit moves its logarithm, or the value itself. */
  readonly scale: 'log' | 'linear';
  /** No fit leaves them. One that ends there, or an interval that reaches them, is not identified. */
  readonly bounds: readonly [number, number];
  /** Where the draws of starts lie; a linear parameter is drawn as a share of what was measured instead. */
  readonly start: readonly [number, number];
}

/** A column that a law reads. */
export interface Input {
  readonly name: string;
  readonly unit: string;
  readonly meaning: string;
  /** Zero may stand in it, so that the law takes it as it is; other columns are above zero and are taken as logarithms. */
  readonly raw?: boolean;
  /** One value in all rows is enough. */
  readonly mayBeConstant?: boolean;
  /** One value in all rows is enough where this parameter, its exponent, is fixed. */
  readonly exponent?: string;
}

/** Parameters by name, in the units that the law's row states. */
export type Params = Readonly<Record<string, number>>;

/** `verified`: checked against the paper's text or code; `from memory`: not, and no figure should rest on it alone. */
export type Provenance = 'verified' | 'from memory';

export interface Published {
  readonly name: string;
  readonly params: Params;
  readonly provenance: Provenance;
}

/** Measured points: columns of one length. */
export interface Points {
  readonly columns: Readonly<Record<string, Float64Array>>;
  /** The run that each row is of. Rows of one run are never resampled apart. Left out: each row is a run. */
  readonly runs?: readonly string[];
  /** Of each row: how its run's learning rate fell until then. */
  readonly drops?: readonly Drops[];
  /** What a person finds the rows by; rows are counted from 1 when left out. */
  readonly rowNames?: readonly string[];
}

/** A law over given points. P parameters, n points. */
export interface Model {
  readonly points: number;
  /**
   * ln of the predictions `[n]` and its derivatives `[n, P]` by the internal parameters, written in place. Rows of weight 0 may be left as
   * they are. What cannot be predicted is NaN.
   */
  evaluate(theta: Float64Array, logs: Float64Array, jacobian: Float64Array, weights: Float64Array): void;
}

export interface Law {
  /** In plain letters: `chinchilla`. */
  readonly id: string;
  readonly title: string;
  readonly formula: string;
  readonly tex: string;
  readonly source: string;
  readonly parameters: readonly Parameter[];
  readonly columns: readonly Input[];
  /** The column that is predicted, and its unit. */
  readonly target: string;
  readonly unit: string;
  readonly constants: readonly Published[];
  /** Two exponents that `tied` makes one. */
  readonly tie?: readonly [string, string];
  /** The prediction, in the target's unit. @throws SpecError when a parameter or a column is missing. */
  predict(params: Params, at: Params): number;
  /** Null for a law that is only calculated, or whose fit is a procedure of its own. */
  readonly model: ((points: Points) => Model) | null;
}

/**
 * ln of one prediction. `x[o ..]` holds the law's columns in its order, logarithms but for raw ones; the derivatives by the internal
 * parameters go to `g[k ..]`.
 */
export type Evaluator = (theta: Float64Array, x: Float64Array, o: number, g: Float64Array, k: number) => number;

/** A row of the table whose points are predicted one by one. */
export function pointLaw(row: Omit<Law, 'predict' | 'model'>, evaluate: Evaluator): Law {
  const { parameters, columns } = row;
  const width = parameters.length;
  const model = (points: Points): Model => {
    const x = features(points, columns);
    const count = x.length / columns.length;
    return {
      points: count,
      evaluate: (theta, logs, jacobian, weights) => {
        for (let i = 0; i < count; i++)
          if (weights[i] !== 0) logs[i] = evaluate(theta, x, i * columns.length, jacobian, i * width);
      },
    };
  };
  const gradient = new Float64Array(width);
  const predict = (params: Params, at: Params): number => {
    const x = Float64Array.from(columns, ({ name, raw }) => {
      const value = valueOf(at, name, `law ${row.id}`);
      return raw === true ? value : Math.log(value);
    });
    return Math.exp(evaluate(internal(row, params), x, 0, gradient, 0));
  };
  return { ...row, predict, model };
}

/** A row that is only calculated: predictions from the formula in its own parameters. */
export function calculator(
  row: Omit<Law, 'predict' | 'model'>,
  formula: (p: (name: string) => number, x: (name: string) => number) => number,
): Law {
  const predict = (params: Params, at: Params): number =>
    formula(
      (name) => valueOf(params, name, `law ${row.id}`),
      (name) => valueOf(at, name, `law ${row.id}`),
    );
  return { ...row, predict, model: null };
}

/** The law's columns as one array `[n, columns]`, row by row. */
function features(points: Points, columns: readonly Input[]): Float64Array {
  const data = columns.map(({ name }) => columnOf(points, name));
  const count = data[0]?.length ?? 0;
  const x = new Float64Array(count * columns.length);
  columns.forEach(({ raw }, c) => {
    for (let i = 0; i < count; i++) {
      const value = data[c]?.[i] ?? NaN;
      x[i * columns.length + c] = raw === true ? value : Math.log(value);
    }
  });
  return x;
}

/** A column of points, or what others give for it: C = 6 N D FLOPs, D = C / 6 N, N = C / 6 D, M = D / N. Null where they do not. */
export function findColumn({ columns }: Points, name: string): Float64Array | null {
  const own = columns[name];
  if (own !== undefined) return own;
  const { N, D, C } = columns;
  const of = (a: Float64Array, b: Float64Array, rule: (a: number, b: number) => number): Float64Array =>
    a.map((value, i) => rule(value, b[i] ?? NaN));
  if (name === 'C' && N && D) return of(N, D, (n, d) => 6 * n * d);
  if (name === 'D' && N && C) return of(C, N, (c, n) => c / (6 * n));
  if (name === 'N' && D && C) return of(C, D, (c, d) => c / (6 * d));
  if (name !== 'M') return null;
  if (N && D) return of(D, N, (d, n) => d / n);
  if (N && C) return of(C, N, (c, n) => c / (6 * n * n));
  return D && C ? of(D, C, (d, c) => (6 * d * d) / c) : null;
}

/** @throws SpecError where {@link findColumn} finds none. */
export function columnOf(points: Points, name: string): Float64Array {
  const found = findColumn(points, name);
  if (found !== null) return found;
  throw new SpecError({
    where: 'points',
    rule: `column ${name} is missing`,
    got: Object.keys(points.columns).join(', ') || 'no columns',
  });
}

export function internalOf({ scale }: Parameter, value: number): number {
  return scale === 'log' ? Math.log(value) : value;
}

export function naturalOf({ scale }: Parameter, theta: number): number {
  return scale === 'log' ? Math.exp(theta) : theta;
}

/** A law's parameters as the fit moves them, in the order of its row. @throws SpecError when one is missing. */
export function internal(law: Pick<Law, 'id' | 'parameters'>, params: Params): Float64Array {
  return Float64Array.from(law.parameters, (parameter) =>
    internalOf(parameter, valueOf(params, parameter.name, `law ${law.id}`)),
  );
}

/** The other way round. */
export function natural({ parameters }: Pick<Law, 'parameters'>, theta: ArrayLike<number>): Params {
  return Object.fromEntries(parameters.map((parameter, i) => [parameter.name, naturalOf(parameter, theta[i] ?? NaN)]));
}

function valueOf(values: Params, name: string, where: string): number {
  const value = values[name];
  if (value !== undefined) return value;
  throw new SpecError({ where, rule: `${name} is missing`, got: Object.keys(values).join(', ') || 'nothing' });
}
