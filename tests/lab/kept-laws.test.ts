import { describe, expect, it } from 'vitest';
import { KeptLaws } from '../../src/lab/index.ts';

function items(kept = new Map<string, string>()): NonNullable<ConstructorParameters<typeof KeptLaws>[0]> {
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}

describe('what the Laws page remembers', () => {
  it('is there for the next visit, and what another tab wrote meanwhile of other sources stays', () => {
    const storage = items();
    new KeptLaws(storage).exclude('known', new Set(['at first']));
    const [one, other] = [new KeptLaws(storage), new KeptLaws(storage)];
    one.exclude('a', new Set(['x', 'y']));
    other.exclude('b', new Set(['z']));
    other.exclude('known', new Set(['by the other']));
    other.exclude('a', new Set(['x']));
    one.exclude('c', new Set(['w']));
    one.exclude('c', new Set());
    const next = new KeptLaws(storage);
    for (const kept of [next, one, other])
      expect(['known', 'a', 'b', 'c'].map((source) => [...kept.excluded(source)])).toEqual([['by the other'], ['x'], ['z'], []]);
    expect(one.keepFile({ name: 'p.csv', text: 'N,loss\n' })).toBe(true);
    expect(next.file).toEqual({ name: 'p.csv', text: 'N,loss\n' });
  });

  it('lasts as long as the page where storage is off, full or refuses', () => {
    const refuse = (): never => {
      throw new DOMException('full', 'QuotaExceededError');
    };
    for (const storage of [null, { getItem: refuse, setItem: refuse, removeItem: refuse }]) {
      const kept = new KeptLaws(storage);
      kept.exclude('a', new Set(['x']));
      expect([...kept.excluded('a')]).toEqual(['x']);
      expect(kept.keepFile({ name: 'p.csv', text: '' })).toBe(false);
      expect(kept.file).toBeNull();
    }
  });

  it.each(['', 'no JSON', '{"a":1}', '[1,["a"],["b",[2,"k"]]]'])(
    'promise 6: what this build cannot read is nothing: %j',
    (text) => {
      const map = new Map([
        ['isoflop.laws.excluded', text],
        ['isoflop.laws.file', text],
      ]);
      const kept = new KeptLaws(items(map));
      expect([...kept.excluded('a')]).toEqual([]);
      expect(kept.file).toBeNull();
      if (text.includes('"b"')) expect([...kept.excluded('b')]).toEqual(['k']);
    },
  );
});
