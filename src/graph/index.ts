export { Graph, first, printGraph } from './graph.ts';
export type { State } from './graph.ts';
export { checkGraph } from './check.ts';
export { f32, packOf, u32 } from './types.ts';
export type { Value } from './types.ts';
export { packLayout } from './pack.ts';
