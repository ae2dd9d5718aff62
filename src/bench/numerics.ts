import { castMismatches, castOracles, delayedTrace, productOracles } from './oracles.ts';
import type { CastRow, OracleRow, TraceRow } from './oracles.ts';
import { recipeCosts } from './recipes.ts';
import type { RecipeCost, RecipeOptions } from './recipes.ts';

export interface NumericsOptions extends RecipeOptions {
  /** Random words that each format casts on the CPU and on the GPU. */
  readonly words?: number;
  /** Normals whose casts are measured. */
  readonly normals?: number;
  /** Side of the matrices whose product is measured. */
  readonly productSize?: number;
}

/** Emulated formats against what they should be, and what they cost. */
export interface NumericsReport {
  readonly oracles: readonly OracleRow[];
  readonly casts: readonly CastRow[];
  readonly trace: TraceRow;
  readonly recipes: readonly RecipeCost[];
}

/** @throws DeviceError, KernelError as a run does. */
export async function numericsReport(options: NumericsOptions): Promise<NumericsReport> {
  const { gpu, words = 1 << 20, normals = 1 << 20, productSize = 512, onProgress } = options;
  onProgress?.('signal to quantisation noise');
  const oracles = [...(await castOracles(gpu, normals)), ...(await productOracles(gpu, productSize))];
  const casts = await castMismatches(gpu, words, (format) => onProgress?.(`casts to ${format} on CPU and GPU`));
  onProgress?.('delayed scaling');
  const trace = await delayedTrace(gpu);
  return { oracles, casts, trace, recipes: await recipeCosts(options) };
}
