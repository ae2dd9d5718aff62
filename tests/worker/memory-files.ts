import type { Files } from '../../src/worker/storage.ts';

/** Files that last as long as the object. */
export class MemoryFiles implements Files {
  private readonly held = new Map<string, ArrayBuffer>();
  private last: Promise<unknown> = Promise.resolve();

  read(name: string): Promise<ArrayBuffer | null> {
    return Promise.resolve(this.held.get(name)?.slice(0) ?? null);
  }

  write(name: string, bytes: ArrayBuffer): Promise<void> {
    this.held.set(name, bytes.slice(0));
    return Promise.resolve();
  }

  replace(name: string, bytes: ArrayBuffer): Promise<void> {
    return this.write(name, bytes);
  }

  remove(name: string): Promise<void> {
    this.held.delete(name);
    return Promise.resolve();
  }

  names(): Promise<readonly string[]> {
    return Promise.resolve([...this.held.keys()]);
  }

  exclusive<T>(body: () => Promise<T>): Promise<T> {
    const result = this.last.then(body);
    this.last = result.catch(() => undefined);
    return result;
  }
}
