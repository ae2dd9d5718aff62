import type { Program } from '../engine/index.ts';
import { Pace } from './pace.ts';

/** A program that works beside training, how long its steps take, and where it is on its way to being made. */
export class Side {
  readonly pace = new Pace();
  private readonly make: () => Promise<Program>;
  private made: Promise<Program> | undefined;

  constructor(make: () => Promise<Program>) {
    this.make = make;
  }

  /** The program; one that could not be made is tried again the next time. */
  program(): Promise<Program> {
    this.made ??= this.make();
    this.made.catch(() => (this.made = undefined));
    return this.made;
  }

  destroy(): void {
    void this.made?.then((program) => program.destroy()).catch(() => undefined);
  }
}

/** Runs `steps` steps and lets `pace` hear how long they took. */
export async function timed<T>(pace: Pace, steps: number, run: () => Promise<T>): Promise<T> {
  const from = performance.now();
  const result = await run();
  pace.measured(steps, performance.now() - from);
  return result;
}
