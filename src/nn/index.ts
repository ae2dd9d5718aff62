export { gpt, ROPE_BASE } from './gpt.ts';
export type { Tokens } from './gpt.ts';
export { NORM_EPS } from './layers.ts';
export type { Weights } from './layers.ts';
