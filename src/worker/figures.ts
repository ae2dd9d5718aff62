import type { AdapterReport } from '../gpu/index.ts';
import { stepsMs, type StepRate } from '../spec/index.ts';
import { adapterKey, passedVerdicts, readVerdicts, type KnownVerdicts } from '../train/index.ts';
import type { PeakReport } from './protocol.ts';
import type { Vault } from './storage.ts';
import { Tunings } from './tunings.ts';

interface Known {
  peak: PeakReport | null;
  rates: StepRate[];
  /** What is known of fast paths, those that failed included. */
  verdicts: KnownVerdicts;
  /** What the verdicts hold for, as {@link adapterKey}. */
  verdictKey: string;
}

/** What figures are measured by. */
export interface Measurer {
  readonly build: string;
  /** Its user agent. */
  readonly browser: string;
}

const MAX_RATES = 24;

/** What was measured on each adapter, kept across visits. Storage that refuses costs only the memory. */
export class Figures {
  /** What the tuner found. */
  readonly tunings: Tunings;
  private readonly vault: Vault;
  private readonly wallClock: () => number;
  /** Verdicts of another build or browser are forgotten. */
  private readonly measurer: Measurer;
  private readonly known = new Map<string, Known>();

  constructor(vault: Vault, wallClock: () => number, measurer: Measurer) {
    this.vault = vault;
    this.wallClock = wallClock;
    this.measurer = measurer;
    const scopeOf = (adapter: AdapterReport): string => this.verdictKey(adapter);
    this.tunings = new Tunings({ vault, wallClock, keyOf: (adapter) => `tuned/${nameOf(adapter)}`, scopeOf });
  }

  /** Reads what earlier visits measured on this adapter. */
  async load(adapter: AdapterReport): Promise<void> {
    await this.tunings.load(adapter);
    const key = keyOf(adapter);
    if (this.known.has(key)) return;
    const kept = await this.vault.get(key).catch(() => null);
    if (!this.known.has(key))
      this.known.set(key, kept === null ? this.nothing(adapter) : parse(kept.bytes, this.verdictKey(adapter)));
  }

  peak(adapter: AdapterReport): PeakReport | null {
    return this.known.get(keyOf(adapter))?.peak ?? null;
  }

  /** A copy of what was found of fast paths here. */
  verdicts(adapter: AdapterReport): KnownVerdicts {
    const known = this.known.get(keyOf(adapter));
    return new Map(known?.verdictKey === this.verdictKey(adapter) ? known.verdicts : []);
  }

  /** A copy of the verdicts that the next run may believe; what failed is tried again. */
  passed(adapter: AdapterReport): KnownVerdicts {
    return readVerdicts(passedVerdicts(this.verdicts(adapter)));
  }

  /** Variants that failed their check on this adapter, as `op/variant`. */
  disabled(adapter: AdapterReport): ReadonlySet<string> {
    return new Set([...this.verdicts(adapter).values()].filter(({ ok }) => !ok).map(({ path }) => path));
  }

  /** Takes in what a run found; only what passed outlives the page. */
  async keepVerdicts(adapter: AdapterReport, found: KnownVerdicts): Promise<void> {
    const known = this.of(adapter);
    const before = this.passed(adapter).size;
    known.verdicts = new Map([...this.verdicts(adapter), ...found]);
    known.verdictKey = this.verdictKey(adapter);
    if (this.passed(adapter).size > before) await this.keep(adapter);
  }

  async keepPeak(adapter: AdapterReport, peak: PeakReport): Promise<void> {
    this.of(adapter).peak = peak;
    await this.keep(adapter);
  }

  async keepRate(adapter: AdapterReport, rate: StepRate): Promise<void> {
    const known = this.of(adapter);
    known.rates = [rate, ...known.rates.filter(({ flopsPerStep }) => flopsPerStep !== rate.flopsPerStep)].slice(0, MAX_RATES);
    await this.keep(adapter);
  }

  /** From the run measured here whose steps are nearest in arithmetic; null before any. */
  estimateMs(adapter: AdapterReport, flopsPerStep: number, steps: number): number | null {
    return stepsMs(this.known.get(keyOf(adapter))?.rates ?? [], flopsPerStep, steps);
  }

  private of(adapter: AdapterReport): Known {
    const key = keyOf(adapter);
    const known = this.known.get(key) ?? this.nothing(adapter);
    this.known.set(key, known);
    return known;
  }

  private async keep(adapter: AdapterReport): Promise<void> {
    const { peak, rates, verdicts, verdictKey } = this.of(adapter);
    const text = JSON.stringify({ peak, rates, verdictKey, verdicts: passedVerdicts(verdicts) });
    const bytes = new TextEncoder().encode(text);
    await this.vault.put(keyOf(adapter), bytes.buffer, null, this.wallClock()).catch(() => undefined);
  }

  private nothing(adapter: AdapterReport): Known {
    return { peak: null, rates: [], verdicts: new Map(), verdictKey: this.verdictKey(adapter) };
  }

  private verdictKey(adapter: AdapterReport): string {
    return adapterKey({ adapter, ...this.measurer });
  }
}

/** Where an adapter's figures are kept; its peak and its rates outlive a build. */
function keyOf(adapter: AdapterReport): string {
  return `adapter/${nameOf(adapter)}`;
}

function nameOf({ vendor, architecture, device, description, software }: AdapterReport): string {
  return [vendor, architecture, device, description, software ? 'software' : 'hardware'].join('/');
}

function parse(bytes: ArrayBuffer, verdictKey: string): Known {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    value = null;
  }
  const field = (name: string): unknown => (typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined);
  const [peak, rates] = [field('peak'), field('rates')];
  return {
    peak: isPeak(peak) ? peak : null,
    rates: Array.isArray(rates) ? rates.filter(isRate) : [],
    verdicts: readVerdicts(field('verdictKey') === verdictKey ? field('verdicts') : []),
    verdictKey,
  };
}

function isPeak(value: unknown): value is PeakReport {
  if (typeof value !== 'object' || value === null) return false;
  return Number.isFinite(Reflect.get(value, 'matmulFlopsPerSecond')) && typeof Reflect.get(value, 'kernel') === 'string';
}

function isRate(value: unknown): value is StepRate {
  if (typeof value !== 'object' || value === null) return false;
  return Reflect.get(value, 'flopsPerStep') > 0 && Reflect.get(value, 'msPerStep') > 0;
}
