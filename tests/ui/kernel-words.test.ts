import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dateWords, lossWords, megabytes, nodesWords, rate, spreadMs, stopWords, timeWords } from '../../src/ui/kernel-words.ts';
import { parseSpec } from '../../src/spec/index.ts';
import { wgslParts } from '../../src/ui/wgsl-words.ts';

describe('words of figures', () => {
  it('keep three digits over nine orders of magnitude', () => {
    expect([1234.4, 4.2119, 0.08449, 0.000123].map(timeWords)).toEqual(['1,234 ms', '4.21 ms', '84.5 µs', '0.123 µs']);
    expect([4120.2, 13, 0.25, null].map(rate)).toEqual(['4,120', '13.0', '0.250', '—']);
    expect([214e6, 21.4e6, 0.66e6].map(megabytes)).toEqual(['214 MB', '21.4 MB', '0.66 MB']);
  });

  it('give a spread in the digits of its time', () => {
    expect(spreadMs({ ms: 0.199, rangeMs: [0.193, 0.205] })).toBe('0.006');
    expect(spreadMs({ ms: 12.31, rangeMs: [12, 12.6] })).toBe('0.3');
  });

  it('say of a loss that is the same that there is no difference', () => {
    expect([0, 2.1e-7, Number.NaN].map(lossWords)).toEqual(['none', '2.1e−7', 'not finite']);
  });

  it('say when, of what was found on several days when the last of it was, and of what has no date that it was earlier', () => {
    const date = (spec: ReturnType<typeof parseSpec> | null, measuredAt: string | null): string =>
      dateWords({ spec, measuredAt });
    expect(date(parseSpec({}), '2026-11-22T05:51:00Z')).toMatch(/^2[123] Nov 2026, \d\d:51$/);
    expect(date(null, '2026-11-22T05:51:00Z')).toMatch(/^the last of it 2[123] Nov 2026, \d\d:51$/);
    expect(date(null, null)).toBe('earlier');
  });

  it('say of a button that stops one thing or everything what it does', () => {
    const queue = { kinds: [], spec: parseSpec({}) };
    expect([null, queue].map((each) => stopWords({ measuring: null, queue: each }))).toEqual(['Stop', 'Stop everything']);
  });

  it('name the first node of a kernel by its own name', () => {
    expect(nodesWords(['node 14 matmul "mlp.up"', 'node 34 matmul "b"'])).toBe('mlp.up and 1 more');
    expect(nodesWords(['node 3 add'])).toBe('node 3 add');
    expect(nodesWords([])).toBe('');
  });
});

describe('parts of a line of WGSL', () => {
  it('are keywords, types, numbers, attributes and comments', () => {
    const kinds = wgslParts('@compute fn main() { var x: vec4<f32> = 1.5e-3f; } // a fn').flatMap(({ text, kind }) =>
      kind === 'plain' ? [] : [[text, kind]],
    );
    expect(kinds).toEqual([
      ['@compute', 'attribute'],
      ['fn', 'keyword'],
      ['var', 'keyword'],
      ['vec4', 'type'],
      ['f32', 'type'],
      ['1.5e-3f', 'number'],
      ['// a fn', 'comment'],
    ]);
  });

  it('are together the line, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.string(),
        (line) =>
          wgslParts(line)
            .map(({ text }) => text)
            .join('') === line,
      ),
    );
  });
});
