export { adamwStep } from './adamw.ts';
