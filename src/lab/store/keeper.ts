import { Database, type DatabaseOptions, type StoreName } from './database.ts';
import { troubleOf, type StoreError } from './trouble.ts';

export interface KeeperOptions extends Omit<DatabaseOptions, 'onBlocked'> {
  /** Frees space before a save is given up: removes the oldest checkpoints. @returns whether it freed any. */
  readonly makeRoom: (() => Promise<boolean>) | undefined;
  /** {@link Keeper.trouble} has changed. */
  readonly onTrouble: () => void;
}

type Body<T> = (tx: IDBTransaction) => Promise<T>;

const ROUNDS_OF_ROOM = 4;

/** Transactions of the database, and what keeps them from happening. */
export class Keeper {
  /** null where nothing is wrong, as far as the last transaction knows. */
  trouble: StoreError | null = null;
  readonly #options: KeeperOptions;
  readonly #database: Database;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#database = new Database({ ...options, onBlocked: (error) => this.#tell(error) });
  }

  /** @throws StoreError */
  read<T>(stores: readonly StoreName[], body: Body<T>): Promise<T> {
    return this.#run('readonly', stores, body);
  }

  /** Where storage is full, room is made and the whole transaction is tried again. @throws StoreError */
  async write<T>(stores: readonly StoreName[], body: Body<T>, round = 0): Promise<T> {
    try {
      return await this.#run('readwrite', stores, body);
    } catch (error) {
      const failure = troubleOf(error);
      if (failure.kind !== 'full') throw failure;
      const freed = round < ROUNDS_OF_ROOM && (await this.#options.makeRoom?.().catch(() => false));
      if (freed === true) return this.write(stores, body, round + 1);
      this.#tell(failure);
      throw failure;
    }
  }

  close(): void {
    this.#database.close();
  }

  async #run<T>(mode: 'readonly' | 'readwrite', stores: readonly StoreName[], body: Body<T>): Promise<T> {
    try {
      const result = await this.#database.run(mode, stores, body);
      // Reading says nothing of whether there is room again.
      if (mode === 'readwrite' || this.trouble?.kind !== 'full') this.#tell(null);
      return result;
    } catch (error) {
      const failure = troubleOf(error);
      // One is a run's, the other is told when there is no room to be made.
      if (failure.kind !== 'owned' && failure.kind !== 'full') this.#tell(failure);
      throw failure;
    }
  }

  #tell(failure: StoreError | null): void {
    if (failure?.message === this.trouble?.message) return;
    this.trouble = failure;
    this.#options.onTrouble();
  }
}
