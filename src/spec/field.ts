import type { BudgetSpec, FusionSpec, OverridesSpec, RunSpec } from './run-spec.ts';

/** What a spec's field can hold; everything else in a spec is a section. */
type Leaf = string | number | boolean | null | FusionSpec | OverridesSpec;

type PathsOf<T> = T extends unknown
  ? { [K in keyof T & string]: T[K] extends Leaf ? K : `${K}.${PathsOf<T[K]>}` }[keyof T & string]
  : never;

type At<T, P extends string> = T extends unknown
  ? P extends `${infer K}.${infer Rest}`
    ? K extends keyof T
      ? At<T[K], Rest>
      : never
    : P extends keyof T
      ? T[P]
      : never
  : never;

/** Dotted path of a field, such as `model.heads`. `version` is not one: it is the envelope, and nobody chooses it. */
export type SpecPath = PathsOf<Omit<RunSpec, 'version'>>;

/** Type of the value at a path. */
export type ValueAt<P extends SpecPath> = At<RunSpec, P>;

type Input<T> = T extends Leaf | BudgetSpec ? T : { readonly [K in keyof T]?: Input<T[K]> };

/** A spec as people write it: whatever is left out takes its default. */
export type SpecInput = Input<RunSpec>;

export type GroupId = 'run' | 'data' | 'model' | 'optimizer' | 'schedule' | 'evaluation' | 'numerics';

interface FieldCommon {
  /** What a form writes beside the field. */
  readonly label: string;
  /** One sentence, with its full stop. */
  readonly help: string;
  readonly unit?: string;
  readonly group: GroupId;
  /** May differ between the lanes of one program; a field that is not laneable shapes the program or its data. */
  readonly laneable: boolean;
  /** Shown only then; a field without it always is. A value that is not shown is kept, checked and ignored. */
  readonly when?: (spec: RunSpec) => boolean;
}

export interface NumberField extends FieldCommon {
  readonly kind: 'int' | 'float';
  /** `null` where the field is off, or where it is one of several of which another is the default. */
  readonly default: number | null;
  /** `null` is a value of this field, and {@link nullMeans} says which. */
  readonly nullable: boolean;
  readonly nullMeans?: string;
  /** Smallest and largest value accepted, both included. */
  readonly min: number;
  readonly max: number;
  /** Step of an input element; values between the steps are accepted. On a log scale it is a factor. */
  readonly step: number;
  readonly log: boolean;
  /** What a slider or a sweep covers, where min and max are too far apart or min is 0 on a log scale. */
  readonly usual?: readonly [number, number];
  /** Exactly one field of this section is given. */
  readonly oneOf?: 'budget';
}

export interface ChoiceField<V extends string = string> extends FieldCommon {
  readonly kind: 'choice';
  readonly default: V;
  /** Label of each value, in the order in which a form lists them. */
  readonly choices: { readonly [K in V]: string };
}

export interface ToggleField extends FieldCommon {
  readonly kind: 'toggle';
  readonly default: boolean;
}

export interface TextField extends FieldCommon {
  readonly kind: 'text';
  readonly default: string;
  readonly maxLength: number;
}

/** `all`, `none`, or a toggle for each rule of {@link FUSION_RULES}. */
export interface RulesField extends FieldCommon {
  readonly kind: 'rules';
  readonly default: FusionSpec;
}

/** Casts by selector, in order: what `precision.ts` reads. */
export interface CastsField extends FieldCommon {
  readonly kind: 'casts';
  readonly default: OverridesSpec;
  /** Entries at most. */
  readonly maxEntries: number;
}

export type Field = NumberField | ChoiceField | ToggleField | TextField | RulesField | CastsField;

type FieldFor<V> = [V] extends [boolean]
  ? ToggleField
  : [V] extends [number]
    ? NumberField & { readonly nullable: false }
    : [V] extends [number | null]
      ? NumberField & { readonly nullable: true; readonly nullMeans: string }
      : [V] extends [string]
        ? string extends V
          ? TextField
          : ChoiceField<V>
        : [V] extends [OverridesSpec]
          ? CastsField
          : RulesField;

/** One row for every field of {@link RunSpec}, of the kind its type asks for: a row too few, too many or of another kind does not compile. */
export type FieldTable = { readonly [P in SpecPath]: FieldFor<ValueAt<P>> };
