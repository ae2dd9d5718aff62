import { expandSweep, parseSweep, planSweep, SPEC_PATHS, sweepIdOf, type Sweep, type SweepRun } from '../../spec/index.ts';
import type { Request } from '../../worker/client.ts';
import type { DataReport, GroupPlan, Replies } from '../../worker/protocol.ts';
import type { RunRecord } from '../store/record.ts';
import type { RunStore } from '../store/store.ts';
import { ownFiles, type OwnFiles } from './own-file.ts';
import { factsOf, type RunFacts } from './queue.ts';
import type { SweepRecord } from './types.ts';

type Ask = <R extends Request>(request: R) => Promise<Replies[R['type']]>;

/** A sweep's runs, what became of each, and what the worker says that its groups cost. */
export class OpenSweep {
  readonly id: string;
  readonly runs: ReadonlyMap<string, SweepRun>;
  plan: ReadonlyMap<string, GroupPlan> | null = null;
  readonly #records = new Map<string, RunRecord>();
  /** Runs that have ended on this page, whether the store took that in or not, and the user's file that they were trained on. */
  readonly #endedHere = new Map<string, string | null>();
  readonly #file: () => DataReport | null;
  #files: { readonly of: DataReport | null; readonly files: OwnFiles } | null = null;

  /** @param file the user's that is at hand. @throws SpecError for a sweep that this build cannot read. */
  constructor(sweep: Sweep, file: () => DataReport | null) {
    this.#file = file;
    const runs = expandSweep(parseSweep(sweep));
    this.id = sweepIdOf(runs);
    this.runs = new Map(runs.map((run) => [run.id, run]));
  }

  readonly factsOf = (id: string): RunFacts => {
    const { files } = this;
    const here = this.#endedHere.get(id);
    const own = this.runs.get(id)?.spec.data.source === 'file';
    const ended = here !== undefined && (!own || files.counted === null || here === files.counted.hash);
    const facts = factsOf(this.#records.get(id), ended ? { isOther: () => false } : files);
    return ended ? { ...facts, ended } : facts;
  };

  /** The user's files that its runs were trained on. */
  get files(): OwnFiles {
    const of = this.#file();
    if (this.#files?.of !== of) this.#files = null;
    this.#files ??= { of, files: ownFiles(this.#records.values(), of) };
    return this.#files.files;
  }

  /** Whether something of it that is left to train reads a file of the user's. */
  get readsFile(): boolean {
    return [...this.runs.values()].some(({ id, spec }) => spec.data.source === 'file' && !this.factsOf(id).ended);
  }

  /** @param fileHash of the user's file that they were trained on; null for other data. */
  ended(ids: readonly string[], fileHash: string | null): void {
    for (const id of ids) this.#endedHere.set(id, fileHash);
  }

  /** Reads what the store knows of some of its runs. @returns the records that are there. */
  async read(store: RunStore, ids: readonly string[] = [...this.runs.keys()]): Promise<ReadonlyMap<string, RunRecord>> {
    const own = ids.filter((id) => this.runs.has(id));
    const records = await store.some(own);
    for (const id of own) this.#records.delete(id);
    for (const [id, record] of records) this.#records.set(id, record);
    this.#files = null;
    return records;
  }

  /** Plans what has not ended. @returns the groups of all runs, those that have ended first. @throws WorkerError */
  async planAll(request: Ask): Promise<SweepRecord['groups']> {
    const all = [...this.runs.values()];
    const left = all.filter((run) => !this.factsOf(run.id).ended);
    const ended = planSweep(all.filter((run) => this.factsOf(run.id).ended)).groups;
    const planned = left.length === 0 ? [] : (await request(this.#command(left))).groups;
    return [...ended.map(({ runs }) => runs.map(({ id }) => id)), ...this.#take(left, planned)];
  }

  /** Asks what groups cost that are made already, as far as they have not ended. @throws WorkerError */
  async priceGroups(request: Ask, groups: SweepRecord['groups']): Promise<void> {
    const left: SweepRun[] = [];
    const places: number[][] = [];
    const names: string[] = [];
    for (const ids of groups) {
      const members = ids.map((id) => this.runs.get(id)).filter((run) => run !== undefined);
      const training = members.filter((run) => !this.factsOf(run.id).ended);
      if (training.length === 0) continue;
      places.push(training.map((run) => left.push(run) - 1));
      names.push(ids[0] ?? '');
    }
    const planned = left.length === 0 ? [] : (await request({ ...this.#command(left), groups: places })).groups;
    this.plan = new Map(planned.map((group, i) => [names[i] ?? '', group]));
  }

  /** Groups that do not fit, and why. */
  get refusals(): SweepRecord['refused'] {
    const refused = [...(this.plan ?? [])].flatMap(([id, { refusal }]) => (refusal === null ? [] : [[id, refusal] as const]));
    return Object.fromEntries(refused);
  }

  #command(runs: readonly SweepRun[]): Extract<Request, { type: 'planSweep' }> {
    const set = new Set(runs.flatMap(({ values }) => Object.keys(values)));
    return { type: 'planSweep', runs: runs.map(({ spec }) => spec), paths: SPEC_PATHS.filter((path) => set.has(path)) };
  }

  #take(runs: readonly SweepRun[], planned: readonly GroupPlan[]): SweepRecord['groups'] {
    const groups = planned.map((group) => group.runs.flatMap((i) => runs[i]?.id ?? []));
    this.plan = new Map(planned.map((group, i) => [groups[i]?.[0] ?? '', group]));
    return groups;
  }
}
