import type { AdapterReport } from '../gpu/index.ts';
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
}

const MAX_RATES = 24;

/** What was measured on each adapter, kept across visits. Storage that refuses costs only the memory. */
export class Figures {
  private readonly vault: Vault;
  private readonly wallClock: () => number;
  private readonly known = new Map<string, Known>();

  constructor(vault: Vault, wallClock: () => number) {
    this.vault = vault;
    this.wallClock = wallClock;
  }

  /** Reads what earlier visits measured on this adapter. */
  async load(adapter: AdapterReport): Promise<void> {
    const key = keyOf(adapter);
    if (this.known.has(key)) return;
    const kept = await this.vault.get(key).catch(() => null);
    if (!this.known.has(key)) this.known.set(key, kept === null ? { peak: null, rates: [] } : parse(kept.bytes));
  }

  peak(adapter: AdapterReport): PeakReport | null {
    return this.known.get(keyOf(adapter))?.peak ?? null;
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
    const known = this.known.get(key) ?? { peak: null, rates: [] };
    this.known.set(key, known);
    return known;
  }

  private async keep(adapter: AdapterReport): Promise<void> {
    const bytes = new TextEncoder().encode(JSON.stringify(this.of(adapter)));
    await this.vault.put(keyOf(adapter), bytes.buffer, null, this.wallClock()).catch(() => undefined);
  }
}

function keyOf({ vendor, architecture, device, description }: AdapterReport): string {
  return `adapter/${vendor}/${architecture}/${device}/${description}`;
}

function parse(bytes: ArrayBuffer): Known {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    value = null;
  }
  if (typeof value !== 'object' || value === null) return { peak: null, rates: [] };
  const peak: unknown = Reflect.get(value, 'peak');
  const rates: unknown = Reflect.get(value, 'rates');
  return { peak: isPeak(peak) ? peak : null, rates: Array.isArray(rates) ? rates.filter(isRate) : [] };
}

function isPeak(value: unknown): value is PeakReport {
  if (typeof value !== 'object' || value === null) return false;
  return Number.isFinite(Reflect.get(value, 'matmulFlopsPerSecond')) && typeof Reflect.get(value, 'kernel') === 'string';
}

function isRate(value: unknown): value is Rate {
  if (typeof value !== 'object' || value === null) return false;
  return Reflect.get(value, 'flopsPerStep') > 0 && Reflect.get(value, 'msPerStep') > 0;
}
