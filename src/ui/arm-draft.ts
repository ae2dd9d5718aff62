import { changedFields, SpecDraft, withChange, type ArmChoice } from '../lab/index.ts';
import type { RunSpec, SpecInput, SpecPath } from '../spec/index.ts';
import type { FieldOwner } from './field-owner.ts';

/** One arm of a comparison as a form edits it: what is set goes into the arm's changes, faulty or not. */
export class ArmDraft implements FieldOwner {
  readonly form = new SpecDraft();
  readonly #changes: SpecInput;
  readonly #say: (changes: SpecInput) => void;

  /** @param say takes the changes of the arm after each edit. */
  constructor(base: RunSpec, { changes }: ArmChoice, say: (changes: SpecInput) => void) {
    this.#changes = changes;
    this.#say = say;
    this.form.replace(base);
    // Values have no type of the schema's yet: the draft's faults tell of those that it refuses.
    for (const { path, value } of changedFields(changes)) this.form.change(path, value as string);
  }

  setField(path: SpecPath, value: unknown): void {
    this.#say(withChange(this.#changes, path, value));
  }

  toggleField(path: SpecPath, on: boolean): void {
    this.setField(path, on ? this.form.valueWhenOn(path) : null);
  }
}
