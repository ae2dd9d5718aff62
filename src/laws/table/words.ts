import type { Input, Parameter, Params, Published } from '../law.ts';

/** What rows of the table are made of. */

const POSITIVE = [1e-30, 1e120] as const;
const ANY = [-Infinity, Infinity] as const;

/** The part of a loss that nothing takes away. */
export function floor(name = 'E', meaning = 'irreducible loss'): Parameter {
  return { name, unit: 'nats', meaning, role: 'floor', scale: 'log', bounds: [1e-30, 1e30], start: [0, 1] };
}

export function coefficient(name: string, meaning: string, unit = ''): Parameter {
  return { name, unit, meaning, role: 'coefficient', scale: 'log', bounds: POSITIVE, start: [0, 1] };
}

export function exponent(name: string, meaning: string, start: readonly [number, number] = [0.02, 1.5]): Parameter {
  return { name, unit: '', meaning, role: 'exponent', scale: 'linear', bounds: [0, 10], start };
}

/** Something that is taken away from a loss, times something that is measured. */
export function gain(name: string, meaning: string, unit: string): Parameter {
  return { name, unit, meaning, role: 'gain', scale: 'log', bounds: POSITIVE, start: [0, 1] };
}

/** An exponent of either sign. */
export function signedExponent(name: string, meaning: string): Parameter {
  return { name, unit: '', meaning, role: 'exponent', scale: 'linear', bounds: [-10, 10], start: [-1.5, 1.5] };
}

/** Something above zero that the prediction is not linear in. */
export function shape(name: string, meaning: string, unit: string, start: readonly [number, number]): Parameter {
  return { name, unit, meaning, role: 'shape', scale: 'log', bounds: POSITIVE, start };
}

/** A number of a law that is not fitted here. */
export function constant(name: string, meaning: string, unit = ''): Parameter {
  return { name, unit, meaning, role: 'shape', scale: 'linear', bounds: ANY, start: [0, 1] };
}

/** Several of them that the formula alone explains. */
export function constants(names: string): Parameter[] {
  return names.split(' ').map((name) => constant(name, 'as in the formula'));
}

export function verified(name: string, params: Params): Published {
  return { name, params, provenance: 'verified' };
}

export function fromMemory(name: string, params: Params): Published {
  return { name, params, provenance: 'from memory' };
}

export function column(name: string, unit: string, meaning: string): Input {
  return { name, unit, meaning };
}

export const N = column('N', 'parameters', 'size of the model');
export const D = column('D', 'tokens', 'trained on');
export const C = column('C', 'FLOPs', 'of training; 6 N D where the column is missing');
export const STEPS = column('S', 'steps', 'of the optimizer');

/** Of everything that predicts a loss. */
export const OF_LOSS = { target: 'loss', unit: 'nats' } as const;

/** FLOPs of a petaflop/s-day, the unit of Kaplan et al. */
export const PF_DAY = 8.64e19;
