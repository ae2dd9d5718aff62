import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SpecError } from '../../src/base/errors.ts';
import { sizeOf } from '../../src/base/shape.ts';
import { decodeCheckpoint, decodeWeights, encodeCheckpoint, encodeWeights } from '../../src/train/checkpoint.ts';
import type { Checkpoint } from '../../src/train/checkpoint.ts';
import { initialWeights } from '../../src/train/init.ts';
import { decodeSafetensors, encodeSafetensors } from '../../src/train/safetensors.ts';
import type { Safetensors } from '../../src/train/safetensors.ts';
import { tinySpec } from '../reference/specs.ts';

const words = fc.uint32Array({ minLength: 64, maxLength: 64 });
const files: fc.Arbitrary<Safetensors> = fc
  .record({
    names: fc.uniqueArray(
      fc.string({ minLength: 1, unit: 'grapheme' }).filter((name) => name !== '__metadata__' && name !== '__proto__'),
      { maxLength: 5 },
    ),
    shapes: fc.array(fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }), { minLength: 5, maxLength: 5 }),
    bits: words,
    metadata: fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      fc.string(),
      { maxKeys: 3 },
    ),
  })
  .map(({ names, shapes, bits, metadata }) => ({
    metadata,
    tensors: names.map((name, i) => {
      const shape = shapes[i] ?? [];
      return { name, shape, data: new Float32Array(new Uint32Array(bits).buffer.slice(0, 4 * sizeOf(shape))) };
    }),
  }));

const bitsOf = ({ tensors }: Safetensors): unknown =>
  tensors.map(({ name, shape, data }) => [name, shape, [...new Uint32Array(data.buffer.slice(0))]]);

/** Reads, and lets nothing but a one-line SpecError pass. */
function survives(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(SpecError);
    expect(String(error)).not.toContain('\n');
    return false;
  }
}

const spec = tinySpec({ name: 'tiny' });
const checkpoint: Checkpoint = {
  runId: 'r1',
  specs: [spec, { ...spec, seed: { init: 5, data: 6 } }],
  step: 7,
  targetStep: 20,
  dataHash: 'abc',
  vocab: 11,
  savedAt: 1_700_000_000_000,
  lanes: [1, 2].map((lane) => ({
    weights: initialWeights(spec, 11),
    m: initialWeights(spec, 11),
    v: initialWeights(spec, 11),
    scales: [{ name: 'head.fprop.weight', shape: [1], data: Float32Array.of(2 ** lane) }],
    amaxHistory: [{ name: 'head.fprop.weight', shape: [3], data: Float32Array.of(0, NaN, lane) }],
  })),
  choices: [['matmul(f32[2,3], f32[3,4]) {}', 'plain']],
};

describe('safetensors', () => {
  it('come back with names, shapes, metadata and every bit, NaN payloads too', () => {
    fc.assert(
      fc.property(files, (file) => {
        const read = decodeSafetensors(encodeSafetensors(file), 'file');
        expect(read.metadata).toEqual(file.metadata);
        expect(bitsOf(read)).toEqual(bitsOf(file));
      }),
      { numRuns: 300 },
    );
  });

  it('have their data on 8-byte borders, as the format wants', () => {
    const file = encodeSafetensors({ tensors: [{ name: 'a', shape: [1], data: new Float32Array([1]) }], metadata: {} });
    expect(Number(new DataView(file).getBigUint64(0, true)) % 8).toBe(0);
  });

  it('that are cut short anywhere are one clear error', () => {
    const file = encodeSafetensors({ tensors: [{ name: 'w', shape: [2, 3], data: new Float32Array(6) }], metadata: { a: 'b' } });
    for (let length = 0; length < file.byteLength; length++) {
      expect(survives(() => decodeSafetensors(file.slice(0, length), 'file "w.safetensors"'))).toBe(false);
    }
  });

  it('with bytes changed or added never raise anything but one clear error', () => {
    const whole = new Uint8Array(encodeCheckpoint(checkpoint));
    const edits = fc.array(fc.tuple(fc.nat(4000), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(edits, fc.uint8Array({ maxLength: 8 }), (changes, tail) => {
        const bytes = new Uint8Array([...whole, ...tail]);
        for (const [at, value] of changes) bytes[at] = value;
        survives(() => decodeCheckpoint(bytes.buffer, 'file'));
      }),
      { numRuns: 1500 },
    );
  });

  it('of random bytes are one clear error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        survives(() => decodeSafetensors(new Uint8Array(bytes).buffer, 'file'));
      }),
      { numRuns: 2000 },
    );
  });

  it('with overlapping tensors, gaps, other dtypes or wrong sizes are refused by name', () => {
    const made = (entries: Record<string, unknown>, dataBytes: number): ArrayBuffer => {
      const header = new TextEncoder().encode(JSON.stringify(entries));
      const file = new Uint8Array(8 + header.length + dataBytes);
      new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
      file.set(header, 8);
      return file.buffer;
    };
    const f32 = (from: number, to: number, shape: number[]): unknown => ({ dtype: 'F32', shape, data_offsets: [from, to] });
    const read = (entries: Record<string, unknown>, bytes: number) => (): unknown =>
      decodeSafetensors(made(entries, bytes), 'file "x"');
    expect(read({ a: f32(0, 8, [2]), b: f32(4, 12, [2]) }, 12)).toThrow(
      'file "x": tensor "b" leaves a gap or overlaps: got offset 4, expected 8',
    );
    expect(read({ a: f32(4, 8, [1]) }, 8)).toThrow('tensor "a" leaves a gap or overlaps');
    expect(read({ a: { dtype: 'BF16', shape: [2], data_offsets: [0, 4] } }, 4)).toThrow(
      'tensor "a" has another dtype: got BF16, expected F32',
    );
    expect(read({ a: f32(0, 8, [3]) }, 8)).toThrow('tensor "a" does not fill its shape [3]');
    expect(read({ a: f32(0, 4, [1]) }, 8)).toThrow('bytes follow the last tensor');
    expect(read({ a: f32(0, 4, [1]), __metadata__: { n: 1 } }, 4)).toThrow('the metadata is not text by name');
  });
});

describe('a checkpoint', () => {
  it('comes back whole, two lanes and all', () => {
    expect(decodeCheckpoint(encodeCheckpoint(checkpoint), 'file')).toEqual(checkpoint);
  });

  it('is told apart from weights and from foreign files', () => {
    const weights = encodeWeights(initialWeights(spec, 11), spec);
    expect(() => decodeCheckpoint(weights, 'file "w"')).toThrow(
      'file "w": the file is no Isoflop checkpoint: got isoflop-weights',
    );
    expect(() => decodeCheckpoint(encodeSafetensors({ tensors: [], metadata: {} }), 'file "w"')).toThrow(
      'got no format in its metadata',
    );
  });

  it('serves as weights for a new run of its spec, and no other', () => {
    const one: Checkpoint = { ...checkpoint, specs: [spec], lanes: checkpoint.lanes.slice(0, 1) };
    expect(decodeWeights(encodeCheckpoint(one), spec, 11, 'file')).toEqual(initialWeights(spec, 11));
    const wider = tinySpec({ model: { width: 16 } });
    expect(() => decodeWeights(encodeCheckpoint(one), wider, 11, 'file')).toThrow(
      'tensor embed.weight has another shape: got [11,8], expected [11,16]',
    );
    const deeper = tinySpec({ model: { layers: 2 } });
    expect(() => decodeWeights(encodeCheckpoint(one), deeper, 11, 'file')).toThrow('tensor blocks.1.norm1.gain is missing');
    expect(() => decodeWeights(encodeWeights(initialWeights(deeper, 11), deeper), spec, 11, 'file')).toThrow(
      'a tensor is not of this spec',
    );
  });
});
