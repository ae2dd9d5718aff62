import { SpecError } from '../base/errors.ts';

/**
 * What a fit minimises: the sum over points of `gain` x Huber's function of the residual, r^2 / 2 up to `delta` and
 * `delta` (|r| - delta / 2) beyond it. Least squares is the end of that family where delta is infinite, least absolute deviations the
 * one where it goes to 0: Huber with a free scale, as Besiroglu et al. fitted, ends there too.
 */
export interface Loss {
  /** `huber:1e-3`, `lad`, `ls`, `ls-log`. */
  readonly name: string;
  /** Residuals are differences of logarithms, or of the values. */
  readonly log: boolean;
  readonly delta: number;
  readonly gain: number;
}

const NAMES = 'huber:DELTA as in huber:1e-3, lad, ls, ls-log';

/** Residuals of `lad` below this share of their median are rounded off, which moves the sum by less than 1e-8 of it. */
export const LAD_ROUNDING = 1e-6;

/**
 * A loss by its name. `huber:DELTA` and `lad` are of ln L, as is `ls-log`; `ls` is of L itself. Sums, never means; `ls` and `ls-log` sum
 * squares without a half.
 *
 * @throws SpecError
 */
export function lossNamed(name: string): Loss {
  if (name === 'ls') return { name, log: false, delta: Infinity, gain: 2 };
  if (name === 'ls-log') return { name, log: true, delta: Infinity, gain: 2 };
  if (name === 'lad') return { name, log: true, delta: 0, gain: 1 };
  const [kind, text, more] = name.split(':');
  const delta = Number(text);
  if (kind !== 'huber' || text === undefined || text.trim() === '' || more !== undefined)
    throw new SpecError({ where: 'loss', rule: 'there is no such loss', got: name, expected: NAMES });
  if (!(delta > 0 && delta < Infinity))
    throw new SpecError({ where: 'loss', rule: 'its delta is no threshold', got: name, expected: 'a number above 0' });
  return { name, log: true, delta, gain: 1 };
}

/** `lad` over residuals of about this size, its corner rounded so that it has a slope everywhere; other losses are as they were. */
export function rounded(loss: Loss, typical: number): Loss {
  if (loss.delta > 0) return loss;
  const delta = Math.max(LAD_ROUNDING * typical, 1e-15);
  return { ...loss, delta, gain: 1 / delta };
}

/** One residual's part of the sum. */
export function rho({ delta, gain }: Loss, r: number): number {
  const size = Math.abs(r);
  if (delta === 0) return size;
  return gain * (size <= delta ? 0.5 * r * r : delta * (size - 0.5 * delta));
}

/** Its slope. */
export function psi({ delta, gain }: Loss, r: number): number {
  if (delta === 0) return Math.sign(r);
  return gain * (r > delta ? delta : r < -delta ? -delta : r);
}
