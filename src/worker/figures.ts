import type { AdapterReport } from '../gpu/index.ts';
import type { KnownVerdicts } from '../train/index.ts';
import type { PeakReport } from './protocol.ts';
import type { Vault } from './storage.ts';

/** How long a step took that does so much arithmetic. */
export interface Rate {
  readonly flopsPerStep: number;
  readonly msPerStep: number;
}

interface Known {
  peak: PeakReport | null;
  rates: Rate[];
  /** What is known of fast paths; holds for one build and browser only. */
  verdicts: KnownVerdicts;
}

type Verdict = KnownVerdicts extends Map<string, infer V> ? V : never;

const MAX_RATES = 24;

/** What was measured on each adapter, kept across visits. Storage that refuses costs only the memory. */
export class Figures {
  private readonly vault: Vault;
  private readonly wallClock: () => number;
  /** Names this build and browser; verdicts of another one are forgotten. */
  private readonly build: string;
  private readonly known = new Map<string, Known>();

  constructor(vault: Vault, wallClock: () => number, build: string) {
    this.vault = vault;
    this.wallClock = wallClock;
    this.build = build;
  }

  /** Reads what earlier visits measured on this adapter. */
  async load(adapter: AdapterReport): Promise<void> {
    const key = keyOf(adapter);
    if (this.known.has(key)) return;
    const kept = await this.vault.get(key).catch(() => null);
    if (!this.known.has(key)) this.known.set(key, kept === null ? nothing() : parse(kept.bytes, this.build));
  }

  peak(adapter: AdapterReport): PeakReport | null {
    return this.known.get(keyOf(adapter))?.peak ?? null;
  }

  /** A copy of what is known of fast paths here. */
  verdicts(adapter: AdapterReport): KnownVerdicts {
    return new Map(this.known.get(keyOf(adapter))?.verdicts);
  }

  /** Variants that failed their check on this adapter, as `op/variant`. */
  disabled(adapter: AdapterReport): ReadonlySet<string> {
    return new Set([...this.verdicts(adapter).values()].filter(({ ok }) => !ok).map(({ path }) => path));
  }

  async keepVerdicts(adapter: AdapterReport, verdicts: KnownVerdicts): Promise<void> {
    const known = this.of(adapter);
    const before = known.verdicts.size;
    for (const [key, verdict] of verdicts) known.verdicts.set(key, verdict);
    if (known.verdicts.size > before) await this.keep(adapter);
  }

  async keepPeak(adapter: AdapterReport, peak: PeakReport): Promise<void> {
    this.of(adapter).peak = peak;
    await this.keep(adapter);
  }

  async keepRate(adapter: AdapterReport, rate: Rate): Promise<void> {
    const known = this.of(adapter);
    known.rates = [rate, ...known.rates.filter(({ flopsPerStep }) => flopsPerStep !== rate.flopsPerStep)].slice(0, MAX_RATES);
    await this.keep(adapter);
  }

  /** From the run measured here whose steps are nearest in arithmetic; null before any. */
  estimateMs(adapter: AdapterReport, flopsPerStep: number, steps: number): number | null {
    const distance = (rate: Rate): number => Math.abs(Math.log(rate.flopsPerStep / flopsPerStep));
    const [nearest] = (this.known.get(keyOf(adapter))?.rates ?? []).toSorted((a, b) => distance(a) - distance(b));
    return nearest === undefined ? null : (steps * nearest.msPerStep * flopsPerStep) / nearest.flopsPerStep;
  }

  private of(adapter: AdapterReport): Known {
    const key = keyOf(adapter);
    const known = this.known.get(key) ?? nothing();
    this.known.set(key, known);
    return known;
  }

  private async keep(adapter: AdapterReport): Promise<void> {
    const { peak, rates, verdicts } = this.of(adapter);
    const text = JSON.stringify({ peak, rates, build: this.build, verdicts: [...verdicts.values()].map(storable) });
    const bytes = new TextEncoder().encode(text);
    await this.vault.put(keyOf(adapter), bytes.buffer, null, this.wallClock()).catch(() => undefined);
  }
}

function keyOf({ vendor, architecture, device, description }: AdapterReport): string {
  return `adapter/${vendor}/${architecture}/${device}/${description}`;
}

function nothing(): Known {
  return { peak: null, rates: [], verdicts: new Map() };
}

function parse(bytes: ArrayBuffer, build: string): Known {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    value = null;
  }
  if (typeof value !== 'object' || value === null) return nothing();
  const peak: unknown = Reflect.get(value, 'peak');
  const rates: unknown = Reflect.get(value, 'rates');
  const verdicts: unknown = Reflect.get(value, 'build') === build ? Reflect.get(value, 'verdicts') : [];
  return {
    peak: isPeak(peak) ? peak : null,
    rates: Array.isArray(rates) ? rates.filter(isRate) : [],
    verdicts: new Map((Array.isArray(verdicts) ? verdicts.filter(isVerdict) : []).map((verdict) => [verdict.key, verdict])),
  };
}

function isPeak(value: unknown): value is PeakReport {
  if (typeof value !== 'object' || value === null) return false;
  return Number.isFinite(Reflect.get(value, 'matmulFlopsPerSecond')) && typeof Reflect.get(value, 'kernel') === 'string';
}

function isRate(value: unknown): value is Rate {
  if (typeof value !== 'object' || value === null) return false;
  return Reflect.get(value, 'flopsPerStep') > 0 && Reflect.get(value, 'msPerStep') > 0;
}

/** JSON has no infinity. */
function storable(verdict: Verdict): Verdict {
  return { ...verdict, excess: Math.min(verdict.excess, Number.MAX_VALUE) };
}

function isVerdict(value: unknown): value is Verdict {
  if (typeof value !== 'object' || value === null) return false;
  const strings = ['key', 'path'].every((name) => typeof Reflect.get(value, name) === 'string');
  return (
    strings &&
    Number.isFinite(Reflect.get(value, 'excess')) &&
    ['ok', 'fused'].every((name) => typeof Reflect.get(value, name) === 'boolean')
  );
}
