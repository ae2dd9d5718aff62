import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Vault } from '../../src/worker/storage.ts';
import { MemoryFiles } from './memory-files.ts';

const bytesOf = (...values: number[]): ArrayBuffer => Uint8Array.from(values).buffer;

async function valueOf(vault: Vault, key: string): Promise<number[] | null> {
  const found = await vault.get(key);
  return found === null ? null : [...new Uint8Array(found.bytes)];
}

/** Stops for good after so many writes, the last of them torn, as a crash or a full disk would. */
class CrashingFiles extends MemoryFiles {
  left = Infinity;

  override async write(name: string, bytes: ArrayBuffer): Promise<void> {
    if (this.left-- > 0) return super.write(name, bytes);
    await super.write(name, bytes.slice(0, bytes.byteLength / 2));
    throw new Error('crashed');
  }

  override async replace(name: string, bytes: ArrayBuffer): Promise<void> {
    if (this.left-- > 0) return super.write(name, bytes);
    throw new Error('crashed');
  }

  override async remove(name: string): Promise<void> {
    if (this.left < 0) throw new Error('crashed');
    return super.remove(name);
  }
}

describe('Vault', () => {
  it('keeps bytes by key, newest first, for the next vault on the same files', async () => {
    const files = new MemoryFiles();
    const vault = new Vault(files);
    await vault.put('a/1', bytesOf(1), { note: 'x' }, 10);
    await vault.put('a/2', bytesOf(2, 2), null, 20);
    await vault.put('b/1', bytesOf(3), null, 30);
    await vault.put('a/1', bytesOf(4, 5, 6), { note: 'y' }, 15);
    const next = new Vault(files);
    expect(await valueOf(next, 'a/1')).toEqual([4, 5, 6]);
    expect((await next.list('a/')).map(({ key, sizeBytes, meta }) => [key, sizeBytes, meta])).toEqual([
      ['a/2', 2, null],
      ['a/1', 3, { note: 'y' }],
    ]);
    await next.remove('a/2');
    expect(await valueOf(vault, 'a/2')).toBeNull();
    expect(await files.names()).toHaveLength(3);
  });

  it('promise 7: whenever it crashes, the old value or the new one is there, whole, and rubbish is swept up', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 8 }), async (writes) => {
        const files = new CrashingFiles();
        await new Vault(files).put('run', bytesOf(0, 0), null, 0);
        files.left = writes;
        const vault = new Vault(files);
        let last = 0;
        for (let value = 1; value <= 4; value++) {
          try {
            await vault.put('run', bytesOf(value, value), null, value);
            last = value;
          } catch {
            break;
          }
        }
        files.left = Infinity;
        const later = new Vault(files);
        expect(await valueOf(later, 'run')).toEqual([last, last]);
        await later.put('other', bytesOf(9), null, 9);
        expect(await files.names()).toHaveLength(3);
      }),
      { numRuns: 20 },
    );
  });

  it('takes an index that is damaged for an empty one', async () => {
    const files = new MemoryFiles();
    await files.write('index.json', new TextEncoder().encode('{"version":1,"entries":[{"key":1}, "x"').buffer);
    const vault = new Vault(files);
    expect(await vault.list('')).toEqual([]);
    await vault.put('a', bytesOf(1), null, 1);
    expect(await valueOf(vault, 'a')).toEqual([1]);
  });

  it('lets two vaults write the same files at once', async () => {
    const files = new MemoryFiles();
    const one = new Vault(files);
    const other = new Vault(files);
    await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? one : other).put(`k${i}`, bytesOf(i), null, i)));
    expect(await one.list('k')).toHaveLength(20);
  });
});
