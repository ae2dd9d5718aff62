/** Benchmarks that run in Node. The peers' page is a program of its own. */
export { fitCosts } from './fit.ts';
export { recipeGaps, recipeRuns, type GapOptions, type RecipeRun } from './gaps.ts';
export { benchmarkSpecs } from './models.ts';
export { numericsReport, type NumericsReport } from './numerics.ts';
export { stepCost, type StepCost } from './step.ts';
