import { parseSpec } from '../spec/index.ts';
import type { RunSpec } from '../spec/index.ts';
import m from './specs/m.json';
import s from './specs/s.json';

/** S and M, the models that every step benchmark trains. */
export function benchmarkSpecs(): readonly RunSpec[] {
  return [s, m].map((value) => parseSpec(value));
}
