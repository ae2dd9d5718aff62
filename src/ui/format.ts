import { format } from 'd3-format';

const grouped = format(',');
const si3 = format('.3~s');

/** A whole number with every digit. NaN is a dash. */
export function whole(value: number): string {
  return Number.isFinite(value) ? grouped(Math.round(value)) : '—';
}

/** `1,234` below a million, `1.23 M` above. NaN is a dash. */
export function count(value: number): string {
  if (!Number.isFinite(value)) return '—';
  return Math.abs(value) < 1e6 ? grouped(Math.round(value)) : si(value, '');
}

/** Three digits with an SI prefix: `5.9 GFLOP/s`. */
export function si(value: number, unit: string): string {
  if (!Number.isFinite(value)) return '—';
  const [, digits = '0', prefix = ''] = /^(.*?)([a-zA-Zµ]?)$/.exec(si3(value)) ?? [];
  return `${digits} ${prefix}${unit}`.trim();
}

/** Binary bytes: `12.3 MiB`. */
export function bytes(value: number): string {
  if (!Number.isFinite(value)) return '—';
  let scaled = value;
  for (const unit of ['B', 'KiB', 'MiB']) {
    if (scaled < 1024) return `${scaled < 10 && unit !== 'B' ? scaled.toFixed(1) : Math.round(scaled)} ${unit}`;
    scaled /= 1024;
  }
  return `${scaled.toFixed(2)} GiB`;
}

/** `8 s`, `2 min 5 s`, `1 h 12 min`. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return '—';
  const seconds = Math.round(ms / 1000);
  if (seconds < 1) return 'under 1 s';
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

/** `25:53`, `1:02:07`: a duration where there is little room. */
export function clock(ms: number): string {
  if (!Number.isFinite(ms)) return '—';
  const seconds = Math.max(0, Math.round(ms / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** A loss in nats with four decimals; NaN and infinities in words. */
export function nats(value: number): string {
  if (Number.isFinite(value)) return value.toFixed(4);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '−Inf';
}

/** Three digits, zeros kept, so that a figure that changes does not jump. */
export function figure(value: number): string {
  const size = Math.abs(value);
  return size >= 1e-3 && size < 1000 ? format('.3r')(value) : short(value);
}

/** Short number for an axis. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return nats(value);
  const size = Math.abs(value);
  if (size !== 0 && size < 1e-3) return format('.2~e')(value);
  return size < 1000 ? format('.3~r')(value) : si3(value);
}

export function percent(ratio: number): string {
  return `${(ratio * 100).toFixed(ratio < 0.1 ? 1 : 0)} %`;
}
