import type { Run } from '../run.ts';

/** Tells which lanes of a run have diverged: each step is looked at once, and again where the run went back to a checkpoint. */
export class LaneWatch {
  readonly diverged = new Set<number>();
  readonly #run: Run;
  #seen = 0;
  #losses = 0;

  constructor(run: Run) {
    this.#run = run;
    this.#losses = run.steps.losses;
  }

  /** Takes in the steps since it looked last. */
  look(): void {
    const { steps, lanes } = this.#run;
    if (steps.losses !== this.#losses) {
      this.#losses = steps.losses;
      this.#seen = 0;
      this.diverged.clear();
    }
    const to = steps.length;
    for (const [lane, { lossNats, gradNorm }] of lanes.entries()) {
      if (this.diverged.has(lane)) continue;
      for (let i = this.#seen; i < to; i++)
        if (!(Number.isFinite(lossNats.at(i)) && Number.isFinite(gradNorm.at(i)))) {
          this.diverged.add(lane);
          break;
        }
    }
    this.#seen = to;
  }
}
