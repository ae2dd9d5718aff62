import type { AdapterReport } from '../gpu/index.ts';
import { choicesOf, readTunings, type Choices, type Tuned } from '../measure/index.ts';
import type { TunedReport } from './protocol.ts';
import type { Vault } from './storage.ts';

interface Known {
  /** What was found last comes last. */
  readonly bySignature: Map<string, Tuned>;
  /** Of those, what this page found itself, since it was last cleared here. */
  readonly own: Map<string, Tuned>;
  /** Milliseconds since the epoch; null before anything. */
  tunedAt: number | null;
  /** The last write that was asked for; it never rejects. */
  last: Promise<void>;
  /** That write as long as it has not begun: whatever is found by then goes into it. */
  waiting: Promise<void> | null;
}

export interface TuningsPorts {
  readonly vault: Vault;
  /** Milliseconds since the epoch. */
  readonly wallClock: () => number;
  /** Where an adapter's results are kept. */
  readonly keyOf: (adapter: AdapterReport) => string;
  /** What results hold for: those of another scope are forgotten. */
  readonly scopeOf: (adapter: AdapterReport) => string;
}

/** Shapes that are kept of an adapter: those of some hundred specs; the ones found longest ago are forgotten first. */
const MAX_SHAPES = 2000;

/**
 * What the tuner found, kept across visits for one adapter, build and browser. Storage that refuses costs only the memory.
 *
 * In a place of its own, to which a write adds what this page found: what another tab has cleared does not come back with it, and what
 * another tab has found stays. A page itself goes on with what it knows until it is loaded anew.
 */
export class Tunings {
  private readonly ports: TuningsPorts;
  private readonly known = new Map<string, Known>();

  constructor(ports: TuningsPorts) {
    this.ports = ports;
  }

  /** Reads what earlier visits found on this adapter. */
  async load(adapter: AdapterReport): Promise<void> {
    const scope = this.ports.scopeOf(adapter);
    if (this.known.has(scope)) return;
    const { bySignature, tunedAt } = await this.kept(adapter).catch(nothing);
    if (!this.known.has(scope)) this.known.set(scope, { ...nothing(), bySignature, tunedAt });
  }

  report(adapter: AdapterReport): TunedReport {
    const { bySignature, tunedAt } = this.of(adapter);
    return { rows: [...bySignature.values()], tunedAt };
  }

  /** What a run that begins now is planned with. */
  choices(adapter: AdapterReport): Choices {
    return choicesOf(this.of(adapter).bySignature.values());
  }

  /** Takes in what was found of a shape, in the place of what was known of it. Resolves once storage has it, or refused it. */
  add(adapter: AdapterReport, tuned: Tuned): Promise<void> {
    const known = this.of(adapter);
    this.known.set(this.ports.scopeOf(adapter), known);
    for (const rows of [known.bySignature, known.own]) putLast(rows, tuned);
    known.tunedAt = this.ports.wallClock();
    // One write at a time: what is found during one goes into the next together.
    known.waiting ??= known.last.then(() => {
      known.waiting = null;
      return this.keep(adapter, known);
    });
    known.last = known.waiting;
    return known.last;
  }

  /** Resolves once everything that was taken in is in storage, or was refused. */
  async settled(adapter: AdapterReport): Promise<void> {
    await this.of(adapter).last;
  }

  /** Runs that begin from here on use the engine's own first guesses. @throws what storage refuses to forget something with. */
  async clear(adapter: AdapterReport): Promise<void> {
    const { vault, keyOf, scopeOf } = this.ports;
    await this.settled(adapter);
    try {
      await vault.remove(keyOf(adapter));
    } catch (error) {
      // Storage that keeps nothing has nothing to forget.
      if ((await vault.get(keyOf(adapter)).catch(() => null)) !== null) throw error;
    }
    this.known.set(scopeOf(adapter), nothing());
  }

  /** To read only: what is not loaded stays to be loaded. */
  private of(adapter: AdapterReport): Known {
    return this.known.get(this.ports.scopeOf(adapter)) ?? nothing();
  }

  /** What lies in storage. @throws what it refuses to be read with. */
  private async kept(adapter: AdapterReport): Promise<Pick<Known, 'bySignature' | 'tunedAt'>> {
    const { vault, keyOf, scopeOf } = this.ports;
    const kept = await vault.get(keyOf(adapter));
    return kept === null ? nothing() : parse(kept.bytes, scopeOf(adapter));
  }

  private async keep(adapter: AdapterReport, { own, tunedAt }: Known): Promise<void> {
    const { vault, keyOf, scopeOf, wallClock } = this.ports;
    try {
      const scope = scopeOf(adapter);
      await vault.update(keyOf(adapter), null, wallClock(), (kept) => {
        const { bySignature: rows } = kept === null ? nothing() : parse(kept, scope);
        for (const tuned of own.values()) putLast(rows, tuned);
        return new TextEncoder().encode(JSON.stringify({ scope, rows: [...rows.values()], tunedAt })).buffer;
      });
    } catch {
      // The page has it in its memory.
    }
  }
}

function nothing(): Known {
  return { bySignature: new Map(), own: new Map(), tunedAt: null, last: Promise.resolve(), waiting: null };
}

/** Puts a row behind the others, and forgets the first where they are too many. */
function putLast(rows: Map<string, Tuned>, tuned: Tuned): void {
  rows.delete(tuned.signature);
  rows.set(tuned.signature, tuned);
  for (const signature of rows.keys()) {
    if (rows.size <= MAX_SHAPES) break;
    rows.delete(signature);
  }
}

function parse(bytes: ArrayBuffer, scope: string): Pick<Known, 'bySignature' | 'tunedAt'> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return nothing();
  }
  const field = (name: string): unknown => (typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined);
  if (field('scope') !== scope) return nothing();
  const tunedAt = field('tunedAt');
  return { bySignature: readTunings(field('rows')), tunedAt: typeof tunedAt === 'number' ? tunedAt : null };
}
