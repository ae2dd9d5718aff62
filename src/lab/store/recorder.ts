import type { DeviceReport } from '../../worker/protocol.ts';
import { NO_ENDS } from '../ends/kept-ends.ts';
import { runTitle, type Run } from '../run.ts';
import { Followed, type FollowedLane } from './followed.ts';
import type { Outcome } from './progress.ts';
import type { NewRun } from './record.ts';
import type { RunStore } from './store.ts';
import { troubleOf } from './trouble.ts';

/** `hidden`: the page may go away without another word; `gone`: it goes; `back`: it went, and is there again as it was. */
export type Leaving = 'hidden' | 'gone' | 'back';

export interface RecorderPorts {
  readonly store: RunStore;
  /** What runs train on, for their records. */
  readonly device: () => DeviceReport | null;
  /** Something that the user should know and that stops nothing. */
  readonly notice: (text: string) => void;
  /** Tells when the page is left; returns what ends it. */
  readonly whenLeaving: (listener: (leaving: Leaving) => void) => () => void;
}

const EVERY_MS = 2000;
/** A save that failed is tried again after this long at first, and after twice as long each time until {@link LATEST_MS}. */
const LATEST_MS = 30_000;

/**
 * Stores what the page's runs measure: at most every two seconds, and at once when a run's state changes or the page is left. Between saves
 * it costs a comparison of a few numbers; a save copies what is new.
 */
export class RunRecorder {
  readonly #ports: RecorderPorts;
  readonly #followed: Followed[] = [];
  readonly #ends: (() => void)[];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waitMs = EVERY_MS;
  #saving: Promise<void> | null = null;
  /** Something is to be stored at once, as soon as the save that goes on is over. */
  #again = false;

  constructor(ports: RecorderPorts) {
    this.#ports = ports;
    this.#ends = [ports.whenLeaving((leaving) => this.#leave(leaving)), ports.store.watch((ids) => this.#changed(ids))];
  }

  /** True while something that was measured is not stored; leaving the page would lose it. */
  get unsaved(): boolean {
    return this.#followed.some(({ unsaved }) => unsaved);
  }

  /**
   * Stores a run from now on; `lanes` are the runs that its lanes are, where there is more than one or a sweep it belongs to.
   *
   * @returns what tells whether the store has all of it.
   */
  follow(run: Run, lanes: readonly NewRun[] = [{ id: run.runId, spec: run.spec }]): Pick<Followed, 'kept'> {
    const followed = new Followed(run, lanes);
    this.#followed.push(followed);
    followed.ends.push(
      run.on('state', () => (followed.turned ? void this.save() : this.#arm())),
      run.on('series', () => this.#arm()),
      run.on('ends', () => (followed.due ? this.#arm() : undefined)),
    );
    return followed;
  }

  /** Stores everything that is not stored. Never rejects: what fails is tried again, and the store says why. */
  save(): Promise<void> {
    if (this.#saving !== null) {
      this.#again = true;
      return this.#saving;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#saving = this.#saveAll().finally(() => {
      this.#saving = null;
      if (this.#again) {
        this.#again = false;
        void this.save();
      } else if (this.#followed.some(({ run, over, asleep, due }) => (run.active && !over && !asleep) || due)) {
        this.#arm();
      }
    });
    return this.#saving;
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const end of [...this.#ends, ...this.#followed.flatMap(({ ends }) => ends)]) end();
  }

  #arm(): void {
    if (this.#saving !== null) return;
    this.#timer ??= setTimeout(() => void this.save(), this.#waitMs);
  }

  async #saveAll(): Promise<void> {
    let failed = false;
    // The store has told the user; what cannot be saved keeps nothing else from it.
    const fail = (): void => void (failed = true);
    // One after another: the same run may be here twice, as it was and as it goes on from its checkpoint.
    for (const followed of this.#followed) if (followed.due) await this.#saveOne(followed).catch(fail);
    await this.#ports.store.beat().catch(fail);
    this.#waitMs = failed ? Math.min(LATEST_MS, this.#waitMs * 2) : EVERY_MS;
    const last = this.#followed.at(-1);
    const done = this.#followed.filter(
      (followed) => followed !== last && !followed.run.active && !followed.run.catchingUp && !followed.due,
    );
    for (const followed of done) {
      for (const end of followed.ends) end();
      this.#followed.splice(this.#followed.indexOf(followed), 1);
    }
  }

  async #saveOne(followed: Followed): Promise<void> {
    const { run } = followed;
    const { store, device } = this.#ports;
    if (run.report === null) return;
    if (!followed.begun) {
      try {
        const records = await store.begin(followed.beginnings(run.report, device()));
        records.forEach(({ summary }, i) => {
          const lane = followed.lanes[i];
          if (lane !== undefined) lane.baseMs = summary.trainedMs;
        });
        followed.begun = true;
      } catch (error) {
        const failure = troubleOf(error);
        if (failure.kind !== 'owned') throw failure;
        followed.over = true;
        this.#ports.notice(`Nothing of ${runTitle(run.spec)} is stored from here. ${failure.message}`);
        return;
      }
    }
    await this.#advance(followed);
    const left = followed.lanes.filter(({ removed }) => !removed);
    if (!run.active && !followed.due && left.length > 0) await store.release(left.map((lane) => lane.run.id));
  }

  /** Its transaction has begun when this returns. */
  #advance(followed: Followed): Promise<void> {
    const { state, step, totalSteps } = followed.run;
    const lanes = [...followed.lanes.entries()].filter(([, { taken, asleep }]) => !taken && !asleep);
    const parts = lanes.map(([i, lane]) => ({ lane, ...followed.advance(i) }));
    return this.#ports.store.append(parts.map(({ advance }) => advance)).then((outcomes) => {
      for (const [i, { lane, marks, advance }] of parts.entries()) {
        if (outcomes[i] === 'taken') lane.taken = true;
        if (outcomes[i] !== 'saved') continue;
        [lane.marks, lane.ends] = [marks, advance.ends ?? NO_ENDS];
        lane.stored = { state, step, totalSteps };
      }
      this.#say(
        followed,
        parts.map(({ lane }, i) => [lane, outcomes[i]]),
      );
    });
  }

  #say(followed: Followed, parts: readonly (readonly [FollowedLane, Outcome | undefined])[]): void {
    const title = runTitle(followed.run.spec);
    const { notice } = this.#ports;
    const outcomes = parts.map(([, outcome]) => outcome);
    if (outcomes.includes('taken')) {
      followed.over = followed.lanes.every(({ taken }) => taken);
      notice(`${title} goes on in another tab: what this one trains of it is not stored.`);
    }
    if (outcomes.includes('gone')) {
      followed.forget();
      this.#again = true;
      notice(`The browser has removed what was stored. ${title} is stored anew, as far as this page knows it.`);
    }
    const removed = parts.filter(([lane, outcome]) => outcome === 'removed' && !lane.removed).length;
    const restored = parts.filter(([lane, outcome]) => outcome !== 'removed' && lane.removed).length;
    for (const [lane, outcome] of parts) lane.removed = lane.asleep = outcome === 'removed';
    const all = followed.lanes.length;
    const some = (count: number): string => (count === all ? title : `${count} of the ${all} runs that train with ${title}`);
    const verb = (count: number): string => (count > 1 && count < all ? 'were' : 'was');
    if (removed > 0) {
      const what = removed === all ? 'nothing more of it is stored until it is restored' : 'the others are still stored';
      notice(`${some(removed)} ${verb(removed)} removed while it trains: ${what}.`);
    }
    if (restored > 0) notice(`${some(restored)} ${verb(restored)} restored, with everything since.`);
  }

  /** A run that was removed may have been restored: it is stored from where it was. */
  #changed(ids: readonly string[]): void {
    for (const lane of this.#followed.flatMap(({ lanes }) => lanes)) {
      if (!lane.asleep || (ids.length > 0 && !ids.includes(lane.run.id))) continue;
      lane.asleep = false;
      this.#arm();
    }
  }

  /** Saves without waiting for a save that goes on: storing the same twice does no harm. */
  #leave(leaving: Leaving): void {
    const begun = this.#followed.filter((followed) => followed.begun && !followed.over && !followed.asleep);
    const advanced = begun.filter((followed) => followed.due).map((followed) => this.#advance(followed));
    // A tab that is gone trains nothing; one that comes back says so with its next save.
    if (leaving === 'gone')
      advanced.push(this.#ports.store.release(begun.flatMap(({ lanes }) => lanes.map(({ run }) => run.id))));
    void Promise.allSettled(advanced);
  }
}
