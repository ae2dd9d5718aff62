import { SpecError } from '../../base/errors.ts';
import {
  columnsOf,
  defaultSpec,
  expandSweep,
  parseSweep,
  SWEEP_RECIPES,
  sweepFaults,
  sweepToHash,
  type Axis,
  type ParamForm,
  type RunSpec,
  type SpecFault,
  type Sweep,
  type SweepRun,
} from '../../spec/index.ts';
import { NO_VALUES, plainSizes, plainValues, textOfSizes, typedValues, valueOfText, type TypedValues } from './typed-values.ts';

/** A field of an axis and its values, as they are typed. */
export interface TypedColumn {
  readonly path: string;
  readonly values: TypedValues;
}

/** An axis as it is typed: one field, or several that change together. */
export interface TypedAxis {
  /** Its own for as long as it is there, wherever it moves. */
  readonly key: number;
  readonly columns: readonly TypedColumn[];
}

/** What is typed of a parameter: values of a field, the names of rules, or text. */
export type TypedParam = TypedValues | readonly string[] | string;

/** Everything that a person has typed. Parameters of every recipe are kept, whichever is chosen. */
interface Typed {
  readonly name: string;
  /** Empty: no recipe. */
  readonly kind: string;
  readonly params: { readonly [kind: string]: { readonly [param: string]: TypedParam } };
  readonly axes: readonly TypedAxis[];
}

const START_KIND = 'lr-width';

/**
 * A sweep as the builder holds it: what was typed, faulty or not, and what it came to when it was last {@link read}. The base is not typed
 * here: it is the run that the Train page shows.
 */
export class SweepDraft {
  typed: Typed = { name: '', kind: START_KIND, params: exampleParams(), axes: [] };
  /** null while there is a fault. */
  sweep: Sweep | null = null;
  /** Of {@link sweep}; none while there is a fault. */
  runs: readonly SweepRun[] = [];
  faults: readonly SpecFault[] = [];
  /** Something was typed since the last reading. */
  stale = false;
  #base: RunSpec = defaultSpec;
  #key = 0;
  readonly #start: string;

  constructor() {
    this.#start = JSON.stringify(this.plain);
    this.read();
  }

  get base(): RunSpec {
    return this.#base;
  }

  /** What was typed is as it was at the start. */
  get untouched(): boolean {
    return JSON.stringify(this.plain) === this.#start;
  }

  /** The sweep without its base, as plain data, right or wrong. */
  get plain(): { readonly [key: string]: unknown } {
    const { name, kind, axes } = this.typed;
    return {
      version: 1,
      name,
      ...(kind === '' ? {} : { recipe: { kind, ...this.#plainParams() } }),
      ...(axes.length === 0 && kind !== '' ? {} : { axes: axes.map(plainAxis) }),
    };
  }

  /** The link's part of it; null where there is a fault, or more than a link can hold. */
  get hash(): string | null {
    if (this.sweep === null) return null;
    try {
      return sweepToHash(this.sweep);
    } catch {
      return null;
    }
  }

  /** The sweep as a file, the base in full: what a later build takes by default decides nothing. */
  get json(): string {
    return `${JSON.stringify({ ...this.plain, base: this.#base }, null, 2)}\n`;
  }

  setBase(base: RunSpec): void {
    this.#base = base;
    this.stale = true;
  }

  /** Replaces everything by a valid sweep, its base too. */
  load(sweep: Sweep): void {
    const { name, recipe, axes, base } = sweep;
    const params = recipe === null ? {} : { [recipe.kind]: typedParams(recipe.kind, recipe) };
    this.#base = base;
    this.#set({
      name,
      kind: recipe?.kind ?? '',
      params: { ...exampleParams(), ...params },
      axes: axes.map((axis) => this.#typedAxis(axis)),
    });
    this.read();
  }

  /**
   * Replaces everything by the sweep that a text of JSON holds; what it leaves out of its base is as the base is now.
   *
   * @returns its faults, the draft being as it was; none where it was taken.
   */
  loadText(text: string): readonly SpecFault[] {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      const got = error instanceof Error ? error.message.replace(/\.$/, '') : 'something else';
      return [{ path: '', where: 'sweep', rule: 'is not JSON', got, cure: 'Paste the whole text of a sweep.' }];
    }
    const options = { base: this.#base };
    const faults = sweepFaults(value, options);
    if (faults.length === 0) this.load(parseSweep(value, options));
    return faults;
  }

  /** Finds out what was typed comes to. Thousands of runs take a second: each is checked. */
  read(): void {
    this.stale = false;
    const value = { ...this.plain, base: this.#base };
    try {
      this.sweep = parseSweep(value);
      this.runs = expandSweep(this.sweep);
      this.faults = [];
    } catch (error) {
      if (!(error instanceof SpecError)) throw error;
      this.sweep = null;
      this.runs = [];
      this.faults = sweepFaults(value);
    }
  }

  rename(name: string): void {
    this.#set({ ...this.typed, name });
  }

  /** Chooses a recipe; empty: none, axes alone. */
  choose(kind: string): void {
    const axes = kind === '' && this.typed.axes.length === 0 ? [this.#newAxis()] : this.typed.axes;
    this.#set({ ...this.typed, kind, axes });
  }

  setParam(param: string, value: TypedParam): void {
    const { kind, params } = this.typed;
    this.#set({ ...this.typed, params: { ...params, [kind]: { ...params[kind], [param]: value } } });
  }

  addAxis(): void {
    this.#set({ ...this.typed, axes: [...this.typed.axes, this.#newAxis()] });
  }

  removeAxis(key: number): void {
    this.#set({ ...this.typed, axes: this.typed.axes.filter((axis) => axis.key !== key) });
  }

  /** Has one more field change along with an axis. */
  addColumn(key: number): void {
    this.#setColumns(key, (columns) => [
      ...columns,
      { path: '', values: { ...NO_VALUES, form: columns[0]?.values.form ?? 'list' } },
    ]);
  }

  removeColumn(key: number, column: number): void {
    this.#setColumns(key, (columns) => columns.filter((_, i) => i !== column));
  }

  setColumn(key: number, column: number, change: Partial<TypedColumn>): void {
    this.#setColumns(key, (columns) => columns.map((each, i) => (i === column ? { ...each, ...change } : each)));
  }

  /** Faults of a place and of what lies in it, such as `axes.0` or `recipe.lr`. */
  faultsAt(place: string): readonly SpecFault[] {
    return this.faults.filter(({ path }) => path === place || path.startsWith(`${place}.`));
  }

  /** Faults that no field shows: of the whole, and of single runs. */
  get otherFaults(): readonly SpecFault[] {
    const { kind, axes } = this.typed;
    const own = Object.keys(SWEEP_RECIPES[kind]?.params ?? {}).map((param) => `recipe.${param}`);
    const places = [...own, ...axes.map((_, i) => `axes.${i}`), 'name'];
    return this.faults.filter(({ path }) => !places.some((place) => path === place || path.startsWith(`${place}.`)));
  }

  #setColumns(key: number, change: (columns: readonly TypedColumn[]) => readonly TypedColumn[]): void {
    const axes = this.typed.axes.map((axis) => (axis.key === key ? { key, columns: change(axis.columns) } : axis));
    this.#set({ ...this.typed, axes: axes.filter(({ columns }) => columns.length > 0) });
  }

  #newAxis(): TypedAxis {
    return { key: ++this.#key, columns: [{ path: '', values: NO_VALUES }] };
  }

  #typedAxis(axis: Axis): TypedAxis {
    const columns = columnsOf(axis).map(({ path, values }) => ({ path, values: typedValues(values) }));
    return { key: ++this.#key, columns };
  }

  #plainParams(): { readonly [param: string]: unknown } {
    const { kind, params } = this.typed;
    const typed = params[kind] ?? {};
    return Object.fromEntries(
      Object.entries(SWEEP_RECIPES[kind]?.params ?? {}).flatMap(([param, { form }]) => {
        const value = typed[param] === undefined ? undefined : plainParam(form, typed[param]);
        return value === undefined ? [] : [[param, value]];
      }),
    );
  }

  #set(typed: Typed): void {
    this.typed = typed;
    this.stale = true;
  }
}

function plainAxis({ columns }: TypedAxis): unknown {
  const plain = columns.map(({ path, values }) => ({ path: path.trim(), values: plainValues(path.trim(), values) }));
  return plain.length === 1 ? plain[0] : { zip: plain };
}

/** What is typed of a parameter as plain data; undefined where nothing is, so that it takes its default. */
function plainParam(form: ParamForm, typed: TypedParam): unknown {
  if (form.kind === 'values') return isValues(typed) && !isBlank(typed) ? plainValues(form.path, typed) : undefined;
  if (form.kind === 'rules') return typed;
  if (typeof typed !== 'string' || typed.trim() === '') return undefined;
  if (form.kind === 'sizes') return plainSizes(typed);
  return form.kind === 'number' ? valueOfText('', typed) : typed;
}

function isValues(typed: TypedParam): typed is TypedValues {
  return typeof typed === 'object' && 'form' in typed;
}

function isBlank({ form, list, from, to, count }: TypedValues): boolean {
  return form === 'list' ? list.trim() === '' : from === '' && to === '' && count === '';
}

function exampleParams(): Typed['params'] {
  return Object.fromEntries(Object.entries(SWEEP_RECIPES).map(([kind, { example }]) => [kind, typedParams(kind, example)]));
}

/** The parameters of a recipe as a person would have typed them; what is left out is at its default. */
function typedParams(kind: string, recipe: { readonly [param: string]: unknown }): { readonly [param: string]: TypedParam } {
  return Object.fromEntries(
    Object.entries(SWEEP_RECIPES[kind]?.params ?? {}).map(([param, { form, default: usual }]) => [
      param,
      typedParam(form, recipe[param] ?? usual),
    ]),
  );
}

function typedParam(form: ParamForm, value: unknown): TypedParam {
  switch (form.kind) {
    case 'values':
      return typedValues(value);
    case 'rules':
      return Array.isArray(value) ? value.filter((rule) => typeof rule === 'string') : [];
    case 'sizes':
      return textOfSizes(value);
    case 'number':
    case 'choice':
      return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  }
}
