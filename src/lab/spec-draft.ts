import {
  budgetAs,
  defaultSpec,
  fieldAt,
  getField,
  parseSpec,
  setField,
  specFaults,
  type BudgetKind,
  type RunSpec,
  type SpecFault,
  type SpecPath,
  type ValueAt,
} from '../spec/index.ts';

/** What a form hands over; a number's field hands over text that is no number as it stands. */
export type FormValue = ValueAt<SpecPath> | string;

/**
 * The spec as the form holds it: what was typed, faulty or not, and the last valid spec beside it. Values that are switched off
 * (a nullable number set to null, a budget of another kind) are kept and come back.
 */
export class SpecDraft {
  /** What was typed; a valid spec only where {@link faults} is empty. */
  draft: RunSpec = defaultSpec;
  /** The last valid spec. */
  spec: RunSpec = defaultSpec;
  faults: readonly SpecFault[] = [];
  readonly #kept = new Map<SpecPath, number>();

  get valid(): boolean {
    return this.faults.length === 0;
  }

  /** Replaces everything by a valid spec. */
  replace(spec: RunSpec): void {
    this.#kept.clear();
    this.#set(spec);
  }

  change(path: SpecPath, value: FormValue): void {
    const before = getField(this.draft, path);
    if (value === null && typeof before === 'number' && Number.isFinite(before)) this.#kept.set(path, before);
    // The form's values have no type of the schema's yet: specFaults checks them before anything else sees them.
    this.#set(setField(this.draft, path, value as ValueAt<SpecPath>));
  }

  /** Switches a nullable number on, at the value it had before, or off. */
  toggle(path: SpecPath, on: boolean): void {
    this.change(path, on ? this.valueWhenOn(path) : null);
  }

  /** The value that a switched-off number would come back with. */
  valueWhenOn(path: SpecPath): number {
    const field = fieldAt(path);
    if (field.kind !== 'int' && field.kind !== 'float') return 0;
    const middle = Math.sqrt((field.usual?.[0] ?? field.min) * (field.usual?.[1] ?? field.max));
    // A field that goes in factors of two may take powers of two alone.
    const usual = field.kind === 'int' && field.log && field.step === 2 ? 2 ** Math.round(Math.log2(middle)) : Math.round(middle);
    return this.#kept.get(path) ?? field.default ?? usual;
  }

  /** Says the length of the run in another unit; the same length where the spec is valid. */
  budgetIn(kind: BudgetKind): void {
    if (this.valid) this.#set({ ...this.draft, budget: budgetAs(this.spec, kind) });
    else this.#set({ ...this.draft, budget: budgetAs({ ...this.spec, budget: this.spec.budget }, kind) });
  }

  /** Faults that belong beside a field. */
  faultOf(path: SpecPath): SpecFault | undefined {
    const section = path.slice(0, path.lastIndexOf('.'));
    return this.faults.find(
      (fault) => fault.path === path || fault.path.startsWith(`${path}.`) || (fault.path === 'budget' && section === 'budget'),
    );
  }

  #set(draft: RunSpec): void {
    this.draft = draft;
    this.faults = specFaults(draft);
    if (this.valid) this.spec = parseSpec(draft);
  }
}
