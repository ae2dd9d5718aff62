export { gpt } from './gpt.ts';
