import { solve } from './dense.ts';
import type { Loss } from './losses.ts';

/** n residuals, their derivatives `[n, p]` and weights, and what damps a step. */
export interface Linearised {
  readonly loss: Loss;
  readonly residuals: Float64Array;
  readonly jacobian: Float64Array;
  readonly weights: Float64Array;
  /** Of a step s: sum of damping_j s_j^2 / 2. `[p]`, above 0. */
  readonly damping: Float64Array;
  /** Variables that may move. */
  readonly free: readonly number[];
}

const MOST_STEPS = 40;
/** A Newton step is the last one where it gains less than this share of what was gained. */
const ENOUGH = 1e-3;
const LINE_STEPS = 30;

/** Room for {@link descend}, made once a problem. */
export class Room {
  readonly step: Float64Array;
  readonly gradient: Float64Array;
  readonly hessian: Float64Array;
  readonly direction: Float64Array;
  readonly moved: Float64Array;
  readonly along: Float64Array;

  constructor(points: number, variables: number) {
    this.step = new Float64Array(variables);
    this.gradient = new Float64Array(variables);
    this.hessian = new Float64Array(variables * variables);
    this.direction = new Float64Array(variables);
    this.moved = new Float64Array(points);
    this.along = new Float64Array(points);
  }
}

/**
 * The step s that minimises sum_i w_i rho(r_i + J_i s) + sum_j damping_j s_j^2 / 2, left in `room.step`; gives the fall of that sum.
 *
 * rho is Huber's, so the sum is convex and made of pieces of quadratics: Newton's step within the piece, then the exact minimum along it,
 * which after finitely many pieces is the minimum itself (Madsen and Nielsen, "Finite algorithms for robust linear regression",
 * BIT 30, 1990). Least squares are one piece and take one step.
 */
export function descend(task: Linearised, room: Room): number {
  const { residuals, weights, loss } = task;
  const { step, moved, along, direction } = room;
  step.fill(0);
  moved.set(residuals);
  let gained = 0;
  for (let i = 0; i < MOST_STEPS; i++) {
    if (!newton(task, room)) break;
    project(task, direction, along);
    const slope = slopeAlong(task, room, 0).slope;
    if (!(slope < 0)) break;
    const t = loss.delta === Infinity ? 1 : minimumAlong(task, room, slope);
    const gain = -0.5 * t * slope;
    for (const j of task.free) step[j] = (step[j] ?? 0) + t * (direction[j] ?? 0);
    for (let k = 0; k < moved.length; k++) if (weights[k] !== 0) moved[k] = (moved[k] ?? 0) + t * (along[k] ?? 0);
    gained += gain;
    if (loss.delta === Infinity || gain < ENOUGH * gained) break;
  }
  return fall(task, room);
}

/** By how much the sum at the step is below the one at 0. */
function fall({ loss, residuals, weights, damping, free }: Linearised, { moved, step }: Room): number {
  const { delta, gain } = loss;
  let sum = 0;
  for (let i = 0; i < moved.length; i++) {
    const weight = weights[i] ?? 0;
    if (weight === 0) continue;
    const [a, b] = [Math.abs(residuals[i] ?? 0), Math.abs(moved[i] ?? 0)];
    const before = a <= delta ? 0.5 * a * a : delta * (a - 0.5 * delta);
    const after = b <= delta ? 0.5 * b * b : delta * (b - 0.5 * delta);
    sum += weight * (before - after);
  }
  sum *= gain;
  for (const j of free) sum -= 0.5 * (damping[j] ?? 0) * (step[j] ?? 0) ** 2;
  return sum;
}

/** Newton's direction at the present step; false where it cannot be found. */
function newton({ loss, jacobian, weights, damping, free }: Linearised, room: Room): boolean {
  const { gradient, hessian, direction, moved, step } = room;
  const { delta, gain } = loss;
  const p = step.length;
  const m = free.length;
  gradient.fill(0);
  hessian.fill(0);
  for (let i = 0; i < moved.length; i++) {
    const weight = weights[i] ?? 0;
    if (weight === 0) continue;
    const r = moved[i] ?? 0;
    const inside = Math.abs(r) <= delta;
    const slope = weight * gain * (inside ? r : r > 0 ? delta : -delta);
    const o = i * p;
    for (let a = 0; a < m; a++) {
      const ja = jacobian[o + (free[a] ?? 0)] ?? 0;
      gradient[a] = (gradient[a] ?? 0) + slope * ja;
      if (!inside) continue;
      const scaled = weight * gain * ja;
      for (let b = 0; b <= a; b++) {
        const at = a * m + b;
        hessian[at] = (hessian[at] ?? 0) + scaled * (jacobian[o + (free[b] ?? 0)] ?? 0);
      }
    }
  }
  for (let a = 0; a < m; a++) {
    const j = free[a] ?? 0;
    const damp = damping[j] ?? 0;
    hessian[a * m + a] = (hessian[a * m + a] ?? 0) + damp;
    gradient[a] = -(gradient[a] ?? 0) - damp * (step[j] ?? 0);
  }
  if (!solve(hessian, gradient, m)) return false;
  direction.fill(0);
  for (let a = 0; a < m; a++) direction[free[a] ?? 0] = gradient[a] ?? 0;
  return true;
}

/** along = J direction. */
function project({ jacobian, weights, free }: Linearised, direction: Float64Array, along: Float64Array): void {
  const p = direction.length;
  for (let i = 0; i < along.length; i++) {
    if (weights[i] === 0) continue;
    let sum = 0;
    for (const j of free) sum += (jacobian[i * p + j] ?? 0) * (direction[j] ?? 0);
    along[i] = sum;
  }
}

/** First and second derivative of the sum, t of the direction away. */
function slopeAlong(
  { loss, weights, damping, free }: Linearised,
  { moved, along, step, direction }: Room,
  t: number,
): { slope: number; curve: number } {
  const { delta, gain } = loss;
  let slope = 0;
  let curve = 0;
  for (let i = 0; i < moved.length; i++) {
    const weight = weights[i] ?? 0;
    if (weight === 0) continue;
    const v = along[i] ?? 0;
    const r = (moved[i] ?? 0) + t * v;
    if (Math.abs(r) <= delta) {
      slope += weight * r * v;
      curve += weight * v * v;
    } else slope += weight * (r > 0 ? delta : -delta) * v;
  }
  slope *= gain;
  curve *= gain;
  for (const j of free) {
    const d = direction[j] ?? 0;
    slope += (damping[j] ?? 0) * ((step[j] ?? 0) + t * d) * d;
    curve += (damping[j] ?? 0) * d * d;
  }
  return { slope, curve };
}

/**
 * Where the slope along the direction is 0. The slope rises with t and is made of straight pieces: Newton's method where it stays within the
 * bracket, else a corner in the bracket, which halves how many are left.
 */
function minimumAlong(task: Linearised, room: Room, first: number): number {
  const good = 1e-3 * -first;
  let [lo, hi, t] = [0, Infinity, 1];
  for (let i = 0; i < LINE_STEPS; i++) {
    const { slope, curve } = slopeAlong(task, room, t);
    if (Math.abs(slope) <= good) return t;
    if (slope < 0) lo = t;
    else hi = t;
    const next = t - slope / curve;
    if (next > lo && next < hi) t = next;
    else t = hi === Infinity ? 4 * t : cornerIn(task, room, lo, hi);
  }
  return t;
}

/** Some t between lo and hi where a residual changes its sign, each about as likely; the middle where there is none. */
function cornerIn({ weights }: Linearised, { moved, along }: Room, lo: number, hi: number): number {
  let found = 0;
  let corner = 0.5 * (lo + hi);
  for (let i = 0; i < moved.length; i++) {
    const t = -(moved[i] ?? 0) / (along[i] ?? 0);
    if (weights[i] === 0 || !(t > lo && t < hi)) continue;
    found += 1;
    // One of those met so far, taken over with chances like 1/1, 1/2, 1/3: a fixed stride mixes well enough.
    if ((found * 0x9e3779b1) >>> 0 < 0x100000000 / found) corner = t;
  }
  return corner;
}
