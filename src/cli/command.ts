import type { Io } from './io.ts';

/** One word after `isoflop`. */
export interface Command {
  /** The line after `usage: isoflop `. */
  readonly usage: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What `--help` says below the usage. */
  readonly help: string;
  /**
   * Does it and gives the exit status.
   *
   * @param argv the words after the command's name.
   * @throws UsageError for words that cannot be meant, another IsoflopError for what cannot be done.
   */
  run(argv: readonly string[], io: Io): Promise<number>;
}
