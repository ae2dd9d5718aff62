import { columnOf, internalOf, natural, type Law, type Params, type Points } from './law.ts';
import { rho, type Loss } from './losses.ts';

/** What a fit leaves as it is. */
export interface Restriction {
  /** The law's two exponents are one. */
  readonly tied?: boolean;
  /** Parameters that keep a value. */
  readonly fixed?: Params;
}

/**
 * A law over points as a problem of minimisation. Its variables are the law's internal parameters that are free: p of them, which
 * are fewer than the law's P where some are tied or fixed. n points.
 */
export interface Problem {
  readonly law: Law;
  readonly loss: Loss;
  readonly points: number;
  readonly variables: number;
  /** Of the variables. */
  readonly lower: Float64Array;
  readonly upper: Float64Array;
  /** The law's parameter that a variable is, `[p]`; of tied ones the first. */
  readonly parameterOf: Int32Array;
  /** The variable that a parameter is, `[P]`; -1 for a fixed one. */
  readonly variableOf: Int32Array;
  /** What was measured, and its logarithms, `[n]`. */
  readonly measured: Float64Array;
  readonly logs: Float64Array;
  /** Residuals `[n]` (predicted less measured, in the loss's terms) and their derivatives `[n, p]`, of rows whose weight is not 0. */
  residuals(variables: Float64Array, residuals: Float64Array, jacobian: Float64Array, weights: Float64Array): void;
  /** The law's own model at variables: ln of predictions `[n]` and derivatives `[n, P]`. */
  predictions(variables: Float64Array, logs: Float64Array, jacobian: Float64Array, weights: Float64Array): void;
  /** Parameters as people read them. */
  params(variables: Float64Array): Params;
  variablesOf(params: Params): Float64Array;
}

/** @throws SpecError where the points lack a column. */
export function problemOf(law: Law, loss: Loss, points: Points, restriction: Restriction = {}): Problem {
  const fixed = fixedOf(law, restriction);
  const { tied = false } = restriction;
  if (law.model === null) throw new RangeError(`law ${law.id} is not fitted`);
  const model = law.model(points);
  const { parameters } = law;
  const width = parameters.length;
  const measured = columnOf(points, law.target);
  const targetLogs = measured.map(Math.log);
  const variableOf = new Int32Array(width).fill(-1);
  const free: number[] = [];
  parameters.forEach(({ name }, j) => {
    const twin = tied && law.tie?.[1] === name ? parameters.findIndex((other) => other.name === law.tie?.[0]) : -1;
    if (fixed[name] !== undefined) return;
    if (twin >= 0) variableOf[j] = variableOf[twin] ?? -1;
    else variableOf[j] = free.push(j) - 1;
  });
  const bound = (side: 0 | 1): Float64Array =>
    Float64Array.from(free, (j) => {
      const parameter = parameters[j];
      return parameter === undefined ? NaN : internalOf(parameter, parameter.bounds[side]);
    });
  const theta = Float64Array.from(parameters, (parameter) => internalOf(parameter, fixed[parameter.name] ?? NaN));
  const whole = (variables: Float64Array): Float64Array => {
    for (let j = 0; j < width; j++) {
      const variable = variableOf[j] ?? -1;
      if (variable >= 0) theta[j] = variables[variable] ?? NaN;
    }
    return theta;
  };
  const count = free.length;
  const logs = new Float64Array(model.points);
  const wide = new Float64Array(model.points * width);
  const residuals: Problem['residuals'] = (variables, out, jacobian, weights) => {
    model.evaluate(whole(variables), logs, wide, weights);
    for (let i = 0; i < model.points; i++) {
      if (weights[i] === 0) continue;
      const log = logs[i] ?? NaN;
      const slope = loss.log ? 1 : Math.exp(log);
      out[i] = loss.log ? log - (targetLogs[i] ?? NaN) : slope - (measured[i] ?? NaN);
      for (let v = 0; v < count; v++) jacobian[i * count + v] = 0;
      for (let j = 0; j < width; j++) {
        const variable = variableOf[j] ?? -1;
        if (variable < 0) continue;
        const at = i * count + variable;
        jacobian[at] = (jacobian[at] ?? 0) + slope * (wide[i * width + j] ?? 0);
      }
    }
  };
  return {
    law,
    loss,
    points: model.points,
    variables: count,
    lower: bound(0),
    upper: bound(1),
    parameterOf: Int32Array.from(free),
    variableOf,
    measured,
    logs: targetLogs,
    residuals,
    predictions: (variables, out, jacobian, weights) => model.evaluate(whole(variables), out, jacobian, weights),
    params: (variables) => natural(law, whole(variables)),
    variablesOf: (params) =>
      Float64Array.from(free, (j) => {
        const parameter = parameters[j];
        return parameter === undefined ? NaN : internalOf(parameter, params[parameter.name] ?? NaN);
      }),
  };
}

/** Residuals of this size, relative to what was measured, are rounding. */
const ROUNDING = 1e-12;

/** A residual that says nothing, in the loss's terms. */
export function roundingOf({ loss, measured }: Problem): number {
  const typical = measured.toSorted()[measured.length >> 1] ?? 1;
  return ROUNDING * (loss.log ? 1 : typical);
}

/** A sum over all points that says nothing. */
export function negligible(problem: Problem): number {
  return problem.points * rho(problem.loss, roundingOf(problem));
}

/** What is fixed, and what is tied to it. */
function fixedOf({ tie }: Law, { tied = false, fixed = {} }: Restriction): Params {
  if (!tied || tie === undefined) return fixed;
  const [a, b] = tie;
  const value = fixed[a] ?? fixed[b];
  return value === undefined ? fixed : { ...fixed, [a]: value, [b]: value };
}

/** How many parameters of a law are free. */
export function freeCount(law: Law, restriction: Restriction): number {
  const fixed = fixedOf(law, restriction);
  const names = law.parameters.map(({ name }) => name).filter((name) => fixed[name] === undefined);
  return names.length - (restriction.tied === true && names.includes(law.tie?.[1] ?? '') ? 1 : 0);
}

/** The sum that a fit minimises, at given variables. Infinity where something cannot be predicted. */
export function objectiveAt(problem: Problem, variables: Float64Array, weights: Float64Array): number {
  const residuals = new Float64Array(problem.points);
  problem.residuals(variables, residuals, new Float64Array(problem.points * problem.variables), weights);
  return sumOf(problem.loss, residuals, weights);
}

export function sumOf(loss: Loss, residuals: Float64Array, weights: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < residuals.length; i++) {
    const weight = weights[i] ?? 0;
    if (weight !== 0) sum += weight * rho(loss, residuals[i] ?? NaN);
  }
  return Number.isNaN(sum) ? Infinity : sum;
}
