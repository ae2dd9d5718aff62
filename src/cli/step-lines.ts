import type { StepLine } from '../spec/index.ts';
import type { Split, StepMetrics } from '../train/index.ts';
import { shortest } from './format.ts';

/** Turns what a loop measures into lines in order. */
export class StepLines {
  private held: StepLine | null = null;
  private lastAt: number;
  private readonly tokensPerStep: number;
  private readonly awaitsEvaluation: (step: number) => boolean;
  private readonly onLine: (line: StepLine) => void;

  /** @param awaitsEvaluation whether held-out losses of a step will follow; its line is held back for them. */
  constructor(tokensPerStep: number, awaitsEvaluation: (step: number) => boolean, onLine: (line: StepLine) => void) {
    this.tokensPerStep = tokensPerStep;
    this.awaitsEvaluation = awaitsEvaluation;
    this.onLine = onLine;
    this.lastAt = performance.now();
  }

  /** The next step is timed from here: the GPU was busy with other work. */
  restart(): void {
    this.lastAt = performance.now();
  }

  add({ firstStep, steps, lossNats, gradNorm, learningRate, epochs }: StepMetrics): void {
    this.flush();
    const now = performance.now();
    const ms = Number(((now - this.lastAt) / steps).toFixed(3));
    this.lastAt = now;
    for (let i = 0; i < steps; i++) {
      this.flush();
      this.held = {
        step: firstStep + i,
        tokens: (firstStep + i) * this.tokensPerStep,
        loss: lossNats[i] ?? NaN,
        gradNorm: gradNorm[i] ?? NaN,
        lr: shortest(learningRate[i] ?? NaN),
        ms,
        epochs: shortest(epochs[i] ?? NaN),
      };
    }
    if (!this.awaitsEvaluation(firstStep + steps - 1)) this.flush();
  }

  evaluated(step: number, split: Split, lossNats: number): void {
    if (this.held?.step === step) this.held[split] = lossNats;
    this.restart();
  }

  /** Gives out the line that was held back, with the held-out losses that are there. */
  flush(): void {
    const line = this.held;
    this.held = null;
    if (line !== null) this.onLine(line);
  }

  /** Gives it out if it was evaluated. */
  flushEvaluated(): void {
    if (this.held?.validation !== undefined || this.held?.ood !== undefined) this.flush();
  }
}
