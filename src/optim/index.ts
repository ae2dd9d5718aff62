export { adamwStep } from './adamw.ts';
export type { Rounding } from './adamw.ts';
