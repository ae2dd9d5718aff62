export { adamwStep } from './adamw.ts';
export type { Trained } from './adamw.ts';
