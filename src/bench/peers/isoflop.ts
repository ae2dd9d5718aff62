import type { Gpu } from '../../gpu/device.ts';
import { Loop } from '../../train/loop.ts';
import { Trainer } from '../../train/trainer.ts';
import type { Contender, Course } from './contender.ts';

/** This project, driven by the same loop as in the lab: it chooses the steps per submit by itself. */
export async function openIsoflop(gpu: Gpu, { spec, dataset, weights }: Course): Promise<Contender> {
  const trainer = await Trainer.create({ gpu, specs: [spec], dataset, weights: [weights] });
  let loss = NaN;
  const loop = new Loop(trainer, {
    targetStep: 0,
    everySteps: 0,
    onMetrics: ({ lossNats }) => void (loss = lossNats.at(-1) ?? NaN),
    onEvaluation: () => undefined,
  });
  return {
    train: async (steps) => {
      loop.targetStep = loop.step + steps;
      while (await loop.turn());
      return loss;
    },
    destroy: () => trainer.destroy(),
  };
}
