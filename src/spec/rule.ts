import type { SpecPath } from './field.ts';
import type { RunSpec } from './run-spec.ts';

/** What a rule found. */
export interface Finding {
  readonly rule: string;
  readonly got: string;
  readonly expected: string;
  readonly cure: string;
  /** The path at fault, where it is not what the rule marks: an entry of a field. */
  readonly at?: string;
}

/** A rule between fields that are each fine alone. */
export interface Rule {
  /** The field that a form marks. */
  readonly marks: SpecPath | ((spec: RunSpec) => SpecPath);
  /** What it reads: fields, or sections with all their fields. The rule is not asked while one of them is at fault. */
  readonly reads: readonly (SpecPath | 'model' | 'data' | 'budget' | 'schedule' | 'precision')[];
  /** The finding, or `undefined` where the spec keeps the rule. */
  readonly broken: (spec: RunSpec) => Finding | undefined;
}
