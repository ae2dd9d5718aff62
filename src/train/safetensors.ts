import { SpecError } from '../base/errors.ts';
import { sizeOf } from '../base/shape.ts';

/** One tensor of a safetensors file, f32 and row-major. */
export interface NamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

export interface Safetensors {
  readonly tensors: readonly NamedTensor[];
  readonly metadata: Readonly<Record<string, string>>;
}

const LENGTH_BYTES = 8;
/** The format's own limit on its header. */
const MAX_HEADER_BYTES = 100_000_000;

/**
 * Writes tensors in the safetensors format (Hugging Face, 2022): u64 header length, JSON header, data. Tensors are 8-byte aligned by
 * padding the header with spaces.
 */
export function encodeSafetensors({ tensors, metadata }: Safetensors): ArrayBuffer {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, shape, data } of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const json = JSON.stringify(header);
  const text = new TextEncoder().encode(json);
  const headerBytes = Math.ceil(text.length / 8) * 8;
  const file = new ArrayBuffer(LENGTH_BYTES + headerBytes + offset);
  new DataView(file).setBigUint64(0, BigInt(headerBytes), true);
  const head = new Uint8Array(file, LENGTH_BYTES, headerBytes);
  head.fill(0x20);
  head.set(text);
  let at = LENGTH_BYTES + headerBytes;
  for (const { data } of tensors) {
    new Float32Array(file, at, data.length).set(data);
    at += data.byteLength;
  }
  return file;
}

/**
 * Reads a safetensors file. Tensors are copies.
 *
 * @param where what the file is called in errors: `file "w.safetensors"`.
 * @throws SpecError on a truncated or foreign file, a dtype other than F32, or tensors that overlap, leave gaps or miss their shape.
 */
export function decodeSafetensors(file: ArrayBuffer, where: string): Safetensors {
  const fail = (rule: string, got?: string, expected?: string): never => {
    throw new SpecError({
      where,
      rule,
      ...(got === undefined ? {} : { got }),
      ...(expected === undefined ? {} : { expected }),
      cure: 'Choose a whole .safetensors file that Isoflop, or another tool, wrote in f32.',
    });
  };
  if (file.byteLength < LENGTH_BYTES) fail('no safetensors file', `${file.byteLength} bytes`, `at least ${LENGTH_BYTES}`);
  const declared = new DataView(file).getBigUint64(0, true);
  if (declared > BigInt(MAX_HEADER_BYTES))
    fail('no safetensors file', `a header of ${declared} bytes`, `at most ${MAX_HEADER_BYTES}`);
  const headerBytes = Number(declared);
  if (LENGTH_BYTES + headerBytes > file.byteLength) {
    fail('the file is truncated', `${file.byteLength} bytes`, `a header of ${headerBytes} bytes and data`);
  }
  const header = parseHeader(new Uint8Array(file, LENGTH_BYTES, headerBytes)) ?? fail('the header is not a JSON object');
  const dataStart = LENGTH_BYTES + headerBytes;
  const dataBytes = file.byteLength - dataStart;
  const metadata = stringRecord(header['__metadata__'] ?? {}) ?? fail('the metadata is not text by name');
  const entries = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => ({
      name,
      entry: parseEntry(value) ?? fail(`the entry of tensor ${JSON.stringify(name)} is malformed`),
    }));
  let next = 0;
  const placed = new Map<string, NamedTensor>();
  for (const { name, entry } of entries.toSorted((a, b) => a.entry.from - b.entry.from || a.entry.to - b.entry.to)) {
    const { dtype, shape, from, to } = entry;
    if (dtype !== 'F32') fail(`tensor ${JSON.stringify(name)} has another dtype`, dtype, 'F32');
    if (to - from !== 4 * sizeOf(shape)) {
      fail(
        `tensor ${JSON.stringify(name)} does not fill its shape [${shape.join(',')}]`,
        `${to - from} bytes`,
        `${4 * sizeOf(shape)}`,
      );
    }
    if (from !== next) fail(`tensor ${JSON.stringify(name)} leaves a gap or overlaps`, `offset ${from}`, `${next}`);
    if (to > dataBytes) fail('the file is truncated', `${dataBytes} bytes of data`, `at least ${to}`);
    placed.set(name, { name, shape, data: new Float32Array(file.slice(dataStart + from, dataStart + to)) });
    next = to;
  }
  if (next !== dataBytes) fail('bytes follow the last tensor', `${dataBytes} bytes of data`, `${next}`);
  return { tensors: entries.flatMap(({ name }) => placed.get(name) ?? []), metadata };
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly from: number;
  readonly to: number;
}

function parseEntry(value: unknown): Entry | undefined {
  if (!isRecord(value)) return undefined;
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !isCounts(shape) || !isCounts(offsets)) return undefined;
  const [from, to] = offsets;
  if (offsets.length !== 2 || from === undefined || to === undefined || to < from) return undefined;
  return { dtype, shape, from, to };
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'number' && Number.isSafeInteger(item) && item >= 0);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function stringRecord(value: unknown): Record<string, string> | undefined {
  if (!isRecord(value)) return undefined;
  const pairs = Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  return pairs.length === Object.keys(value).length ? Object.fromEntries(pairs) : undefined;
}
