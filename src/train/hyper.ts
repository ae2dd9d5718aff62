import { HYPER } from '../ops/hyper.ts';
import { learningRate } from '../spec/schedule.ts';
import type { RunSpec } from '../spec/run-spec.ts';

/** Writes a lane's scalars for step `step` (from 1) of `totalSteps` into `f32[HYPER_SIZE]`, each rounded once from f64. */
export function fillHyper(out: Float32Array, spec: RunSpec, step: number, totalSteps: number): void {
  const { beta1, beta2, eps, weightDecay, clip } = spec.optimizer;
  out.fill(0);
  out[HYPER.lr] = learningRate(spec, step, totalSteps);
  out[HYPER.beta1] = beta1;
  out[HYPER.beta2] = beta2;
  out[HYPER.eps] = eps;
  out[HYPER.weightDecay] = weightDecay;
  out[HYPER.clip] = clip ?? 0;
  out[HYPER.correction1] = 1 / (1 - beta1 ** step);
  out[HYPER.correction2] = 1 / (1 - beta2 ** step);
  out[HYPER.zLoss] = spec.loss.zLoss;
}
