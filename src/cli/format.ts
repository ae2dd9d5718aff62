const GROUPED = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `1,234,567`; the sign of nothing known is an en dash. */
export function count(value: number): string {
  return Number.isFinite(value) ? GROUPED.format(value) : '–';
}

/** `268,435,456` bytes as `256 MiB`. */
export function bytes(value: number): string {
  if (value < 1024) return `${GROUPED.format(value)} bytes`;
  const power = value < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(value) / 10));
  return `${significant(value / 1024 ** power, 3)} ${UNITS[power] ?? ''}`;
}

/** `digits` significant digits at least, never in powers of ten where it reads without: 0.0123, 1.23, 1234. */
export function significant(value: number, digits: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Inf' : '-Inf';
  if (value === 0) return '0';
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  if (magnitude < -4 || magnitude > 9) return value.toExponential(digits - 1);
  return value.toFixed(Math.max(0, digits - 1 - magnitude));
}

/** `12.3 ms`, `1.23 s`, `4 min 5 s`. */
export function duration(ms: number): string {
  if (!(ms >= 1000)) return `${significant(ms, 3)} ms`;
  if (ms < 60_000) return `${significant(ms / 1000, 3)} s`;
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The shortest decimal that is this f32 again. */
export function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === Math.fround(value)) return candidate;
  }
  return Number(value.toPrecision(9));
}

/**
 * Lines of aligned cells, with a newline after each.
 *
 * @param right columns that are aligned on the right, as numbers are.
 */
export function table(rows: readonly (readonly string[])[], right: (column: number) => boolean = () => false): string {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)));
  const line = (row: readonly string[]): string =>
    widths
      .map((width, i) => (right(i) ? (row[i] ?? '').padStart(width) : (row[i] ?? '').padEnd(width)))
      .join('  ')
      .trimEnd();
  return rows.map((row) => `${line(row)}\n`).join('');
}
