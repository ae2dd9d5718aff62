import {
  KERNELS_VIEW_START,
  kernelsQuery,
  kernelsViewOf,
  LAWS_VIEW_START,
  lawsQuery,
  lawsViewOf,
  NUMERICS_START,
  Observable,
  RUNS_VIEW_START,
  runsQuery,
  runsViewOf,
  SWEEPS_VIEW_START,
  sweepsQuery,
  sweepsViewOf,
  viewOf,
  viewQuery,
  type KernelsView,
  type Lab,
  type LawsView,
  type NumericsView,
  type RunsView,
  type SweepsView,
} from '../lab/index.ts';
import { specFromHash, specToHash, withDefaults } from '../spec/index.ts';

/** Pages of the lab, in the order of their links. */
export const PAGES = [
  { id: 'train', label: 'Train' },
  { id: 'sweeps', label: 'Sweeps' },
  { id: 'runs', label: 'Runs' },
  { id: 'laws', label: 'Laws' },
  { id: 'numerics', label: 'Numerics' },
  { id: 'kernels', label: 'Kernels' },
] as const;
export type PageId = (typeof PAGES)[number]['id'];

const WITH_VIEW = /^#(sweeps|runs|laws|numerics|kernels)(?:\?(.*))?$/;
const SPEC_KEY = 'spec';

/**
 * The hash of the address: which page is shown, the spec, and what the page shows of it. Nobody else reads or writes it.
 *
 * `#spec1.…`, or nothing, is the Train page; `#numerics?a=bf16&spec=spec1.…` the Numerics page, and so `#runs?…` and `#kernels?…`, where settings
 * that are as at the start, and a spec that is the default, are left out. A hash that cannot be read becomes an alert and changes nothing.
 */
export class Address extends Observable<'page' | 'view'> {
  page: PageId = 'train';
  view: NumericsView = NUMERICS_START;
  kernels: KernelsView = KERNELS_VIEW_START;
  runs: RunsView = RUNS_VIEW_START;
  sweeps: SweepsView = SWEEPS_VIEW_START;
  laws: LawsView = LAWS_VIEW_START;
  readonly #lab: Lab;
  #endSpec = (): void => {};

  constructor(lab: Lab) {
    super();
    this.#lab = lab;
  }

  /** Reads the address and follows it; the address follows the lab. */
  open(): void {
    this.#read();
    addEventListener('hashchange', this.#read);
    this.#endSpec = this.#lab.on('spec', () => this.write());
  }

  close(): void {
    removeEventListener('hashchange', this.#read);
    this.#endSpec();
  }

  /** The link to a page as it is now, with its `#`. */
  href(page: PageId): string {
    const spec = specToHash(this.#lab.form.spec);
    if (page === 'train') return `#${spec}`;
    const query = this.#query(page);
    if (spec !== specToHash(withDefaults({}))) query.set(SPEC_KEY, spec);
    return query.size === 0 ? `#${page}` : `#${page}?${query.toString()}`;
  }

  setView(change: Partial<NumericsView>): void {
    this.view = { ...this.view, ...change };
    this.write();
    this.emit('view');
  }

  setKernels(change: Partial<KernelsView>): void {
    this.kernels = { ...this.kernels, ...change };
    this.write();
    this.emit('view');
  }

  setRuns(change: Partial<RunsView>): void {
    this.runs = { ...this.runs, ...change };
    this.write();
    this.emit('view');
  }

  setSweeps(change: Partial<SweepsView>): void {
    this.sweeps = { ...this.sweeps, ...change };
    this.write();
    this.emit('view');
  }

  setLaws(change: Partial<LawsView>): void {
    this.laws = { ...this.laws, ...change };
    this.write();
    this.emit('view');
  }

  /** Puts what is shown into the address, without a new entry in the history. Settings that make no spec stay out of it. */
  write(): void {
    if (this.#lab.form.valid) history.replaceState(null, '', this.href(this.page));
  }

  readonly #read = (): void => {
    const { hash } = location;
    const [, page, query = ''] = WITH_VIEW.exec(hash) ?? [];
    this.page = PAGES.find(({ id }) => id === page)?.id ?? 'train';
    try {
      if (this.page !== 'train') this.#readView(this.page, new URLSearchParams(query));
      else if (hash.length > 1) this.#readSpec(hash);
    } catch (error) {
      this.#lab.report(error, 'URL');
    }
    this.emit('page', 'view');
  };

  #query(page: Exclude<PageId, 'train'>): URLSearchParams {
    switch (page) {
      case 'sweeps':
        return sweepsQuery(this.sweeps);
      case 'runs':
        return runsQuery(this.runs);
      case 'laws':
        return lawsQuery(this.laws);
      case 'numerics':
        return viewQuery(this.view);
      case 'kernels':
        return kernelsQuery(this.kernels);
    }
  }

  #readView(page: Exclude<PageId, 'train'>, query: URLSearchParams): void {
    const spec = query.get(SPEC_KEY);
    query.delete(SPEC_KEY);
    switch (page) {
      case 'sweeps':
        this.sweeps = sweepsViewOf(query);
        break;
      case 'runs':
        this.runs = runsViewOf(query);
        break;
      case 'laws':
        this.laws = lawsViewOf(query);
        break;
      case 'numerics':
        this.view = viewOf(query);
        break;
      case 'kernels':
        this.kernels = kernelsViewOf(query);
    }
    if (spec !== null) this.#readSpec(spec);
  }

  /** Where the lab has the spec already, a draft beside it stays. */
  #readSpec(hash: string): void {
    const spec = specFromHash(hash);
    if (specToHash(spec) !== specToHash(this.#lab.form.spec)) this.#lab.setSpec(spec);
  }
}
