/**
 * Scalars that a lane has for one step, in the order in which they lie in the graph input `hyper` (`f32[HYPER_SIZE]`).
 * `shaders/lib/hyper.wgsl` names the same places.
 */
export const HYPER = {
  lr: 0,
  beta1: 1,
  beta2: 2,
  eps: 3,
  weightDecay: 4,
  /** Largest global gradient norm; 0 is off. */
  clip: 5,
  /** 1 / (1 - beta1^t) and 1 / (1 - beta2^t): bias correction at step t, from 1. */
  correction1: 6,
  correction2: 7,
  zLoss: 8,
} as const;

export const HYPER_SIZE = 16;
