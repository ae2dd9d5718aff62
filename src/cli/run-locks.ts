import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { SpecError } from '../base/errors.ts';
import { onFile, readTextIfAny } from './files.ts';

/** Who trains a run: what a lock file holds, as JSON. */
interface Claim {
  readonly host: string;
  /** What process ids of the host are told apart by: its boot and their namespace; empty where the system tells neither. */
  readonly space: string;
  readonly pid: number;
  /** When that process began, as its system counts; ids are used again. Empty where it does not tell. */
  readonly began: string;
  /** No two claims are alike. */
  readonly token: string;
  /** For people: when it was made. */
  readonly at: string;
}

/** `own`: from here on; `after` is who had it and is gone. `held`: somebody else's. Both in words. */
export type Taken = { readonly kind: 'own'; readonly after: string | null } | { readonly kind: 'held'; readonly by: string };

interface Held {
  readonly path: string;
  readonly text: string;
  /** Of the very file that was made: what is written to it can never land in one that took its place. */
  readonly file: number;
}

export interface LockTimes {
  /** Between two signs of life. */
  readonly beatMs: number;
  /** A holder of which nothing else tells whether it is there, as one on another machine, is gone after so long without any. */
  readonly silentMs: number;
}

/** How long a holder of a run may be silent. */
export const SILENT_MS = 300_000;
const TIMES: LockTimes = { beatMs: 15_000, silentMs: SILENT_MS };
/** Taking over takes milliseconds; who began to so long ago is gone. */
const TAKEOVER_MS = 30_000;
const TRIES = 5;

/**
 * Which runs of a sweep's folder this process trains: `ID.lock` beside the folder of each, so that processes that share the folder never
 * train the same run at once, whatever shards they were given.
 *
 * A lock is made so that only one process can have made it. It outlives a process that was killed; on its own machine that is seen by the
 * process being gone, elsewhere, and where the system does not tell processes of one number apart, by the lock's time, which a living
 * process renews. Whoever was silent for so long that another took its
 * run over finds that out before it writes again.
 */
export class RunLocks {
  private readonly folder: string;
  private readonly times: LockTimes;
  private readonly held = new Map<string, Held>();
  private timer: ReturnType<typeof setInterval> | undefined;
  private beatAt = 0;
  private lost: SpecError | null = null;

  constructor(folder: string, times: LockTimes = TIMES) {
    this.folder = folder;
    this.times = times;
  }

  /** Takes a run, if nobody who is alive has it. @throws SpecError where the folder cannot be written. */
  take(id: string): Taken {
    const path = join(this.folder, `${id}.lock`);
    for (let i = 0; i < TRIES; i++) {
      const text = `${JSON.stringify(newClaim())}\n`;
      const file = created(path);
      if (file !== null) {
        this.keep(id, path, text, file);
        return { kind: 'own', after: null };
      }
      const there = readTextIfAny(path);
      if (there === null) continue;
      const claim = claimIn(there);
      if (this.isAlive(path, claim)) return { kind: 'held', by: holderWords(claim) };
      if (this.takeOver(id, path, there, text)) return { kind: 'own', after: holderWords(claim) };
    }
    return { kind: 'held', by: holderWords(claimIn(readTextIfAny(path) ?? '')) };
  }

  /** Whether somebody who is alive has a run. @throws SpecError where the folder cannot be written. */
  isHeld(id: string): boolean {
    const path = join(this.folder, `${id}.lock`);
    const there = readTextIfAny(path);
    return there !== null && this.isAlive(path, claimIn(there));
  }

  /** Gives a run back. */
  release(id: string): void {
    const lock = this.held.get(id);
    if (lock === undefined) return;
    this.held.delete(id);
    if (this.held.size === 0) clearInterval(this.timer);
    closeSync(lock.file);
    if (readTextIfAny(lock.path) === lock.text) onFile(lock.path, () => rmSync(lock.path, { force: true }));
  }

  close(): void {
    for (const id of this.held.keys()) this.release(id);
  }

  /** To be called before anything of a run is written. @throws SpecError where another process has taken one of the runs over. */
  check(): void {
    // A process that was suspended has given no sign of life, and does not know.
    if (Date.now() - this.beatAt > 2 * this.times.beatMs) this.beat();
    if (this.lost !== null) throw this.lost;
  }

  /** As {@link check}, of one run and for certain: before what cannot be undone. */
  require(id: string): void {
    const lock = this.held.get(id);
    if (lock !== undefined) this.look(id, lock);
    this.check();
  }

  private keep(id: string, path: string, text: string, file: number): void {
    const lock = { path, text, file };
    this.held.set(id, lock);
    onFile(path, () => writeSync(file, text, 0));
    if (this.held.size > 1) return;
    this.beatAt = Date.now();
    this.timer = setInterval(() => this.beat(), this.times.beatMs);
    this.timer.unref();
  }

  /** Renews the times of all locks, and looks whether they are still this process's. */
  private beat(): void {
    this.beatAt = Date.now();
    for (const [id, lock] of this.held) {
      try {
        // Written, not touched: so the time is that of the machine which keeps the file.
        writeSync(lock.file, lock.text, 0);
        this.look(id, lock);
      } catch {
        // A disk that fails tells it to what is written next.
      }
    }
  }

  private look(id: string, { path, text }: Held): void {
    const there = readTextIfAny(path);
    if (there === text) return;
    this.lost ??= new SpecError({
      where: `folder "${join(this.folder, id)}"`,
      rule: there === null ? 'its lock was removed' : 'another process has taken its run over, as this one gave no sign of life',
      ...(there === null ? {} : { got: holderWords(claimIn(there)) }),
      cure: 'Nothing more was written here. Start the sweep again: it goes on with what is left.',
    });
  }

  /** Puts this process's claim in the place of a dead one. @returns false where somebody else was faster, or it is not dead at all. */
  private takeOver(id: string, path: string, dead: string, text: string): boolean {
    const guard = `${path}.take`;
    const guarding = created(guard);
    if (guarding === null) {
      if (this.ageMs(guard) > TAKEOVER_MS) rmSync(guard, { force: true });
      return false;
    }
    const draft = `${path}.${randomUUID()}`;
    let drafted: number | null = null;
    try {
      onFile(guard, () => writeSync(guarding, text));
      const file = onFile(draft, () => openSync(draft, 'wx'));
      drafted = file;
      onFile(draft, () => writeSync(file, text, 0));
      // At the last moment: whoever stalled here may have lost the guard to others, and the holder may have woken up.
      if (readTextIfAny(guard) !== text || readTextIfAny(path) !== dead || this.isAlive(path, claimIn(dead))) return false;
      onFile(path, () => renameSync(draft, path));
      drafted = null;
      this.keep(id, path, text, file);
      return true;
    } finally {
      if (drafted !== null) {
        closeSync(drafted);
        rmSync(draft, { force: true });
      }
      closeSync(guarding);
      if (readTextIfAny(guard) === text) rmSync(guard, { force: true });
    }
  }

  private isAlive(path: string, claim: Claim | null): boolean {
    const own = newClaim();
    const near = claim !== null && claim.host === own.host && claim.space === own.space;
    return (near ? isRunning(claim) : null) ?? this.ageMs(path) <= this.times.silentMs;
  }

  /** How long ago a file was written, by the clock of the machine that keeps it; infinite where it is gone. */
  private ageMs(path: string): number {
    const probe = join(this.folder, `.${randomUUID()}.now`);
    return onFile(probe, () => {
      const writtenAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? -Infinity;
      closeSync(openSync(probe, 'wx'));
      const nowMs = statSync(probe).mtimeMs;
      rmSync(probe);
      return nowMs - writtenAt;
    });
  }
}

/** A file that this call has made; null where one was there. @throws SpecError */
function created(path: string): number | null {
  return onFile(path, () => {
    try {
      return openSync(path, 'wx');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return null;
      throw error;
    }
  });
}

function newClaim(): Claim {
  return {
    host: hostname(),
    space: `${told('/proc/sys/kernel/random/boot_id')} ${namespace()}`.trim(),
    pid: process.pid,
    began: statusOf(process.pid).began,
    token: randomUUID(),
    at: new Date().toISOString(),
  };
}

/** Null for a lock that is being written, and one that is none. */
function claimIn(text: string): Claim | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return isClaim(value) ? value : null;
}

function isClaim(value: unknown): value is Claim {
  if (typeof value !== 'object' || value === null) return false;
  const texts = ['host', 'space', 'began', 'token'].every((key) => typeof Reflect.get(value, key) === 'string');
  const pid: unknown = Reflect.get(value, 'pid');
  return texts && typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 0;
}

function holderWords(claim: Claim | null): string {
  return claim === null ? 'another process' : `process ${claim.pid} on ${claim.host}`;
}

/** Whether the process that made a claim on this machine is still there; null where that may be a later one of its number. */
function isRunning({ pid, began }: Claim): boolean | null {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // It is there, and another user's.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  const now = statusOf(pid);
  // One that has ended and that nobody has asked for its status still has its number.
  if (now.state === 'Z' || now.state === 'X') return false;
  return began === '' || now.began === '' ? null : began === now.began;
}

/** State and start of a process, as Linux tells them (proc(5), fields 3 and 22 of stat); empty on other systems. */
function statusOf(pid: number): { readonly state: string; readonly began: string } {
  const stat = told(`/proc/${pid}/stat`);
  // The second field is the name in parentheses, which may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return stat === '' ? { state: '', began: '' } : { state: fields[0] ?? '', began: fields[19] ?? '' };
}

function namespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function told(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
