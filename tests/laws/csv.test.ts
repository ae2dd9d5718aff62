import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lawNamed, readPoints } from '../../src/laws/index.ts';
import { findColumn } from '../../src/laws/law.ts';

const chinchilla = lawNamed('chinchilla');
const ROWS = [
  ['1e6', '2e7', '3.5'],
  ['1e6', '4e7', '3.25'],
  ['2e6', '4e7', '3.125'],
];
const sheet = (rows: readonly (readonly string[])[], header = ['N', 'D', 'loss'], mark = ','): string =>
  [header, ...rows].map((row) => row.join(mark)).join('\n');

describe('points from a file', () => {
  const expected = {
    N: Float64Array.of(1e6, 1e6, 2e6),
    D: Float64Array.of(2e7, 4e7, 4e7),
    loss: Float64Array.of(3.5, 3.25, 3.125),
  };
  it.each([
    ['commas', sheet(ROWS)],
    ['a byte-order mark and Windows line ends', `\uFEFF${sheet(ROWS).replaceAll('\n', '\r\n')}\r\n`],
    ['semicolons', sheet(ROWS, ['N', 'D', 'loss'], ';')],
    ['semicolons and decimal commas', sheet(ROWS, ['N', 'D', 'loss'], ';').replaceAll('.', ',')],
    ['tabs', sheet(ROWS, ['N', 'D', 'loss'], '\t')],
    ['another case, empty lines and spaces', `\n${sheet(ROWS, ['n', ' d', 'Loss']).replaceAll(',', ' , ')}\n\n`],
    [
      'other columns',
      sheet(
        ROWS.map((row, i) => [`"a, ""b"" ${i}"`, ...row, 'NaN']),
        ['name', 'N', 'D', 'loss', 'note'],
      ),
    ],
  ])('%s', (_, text) => {
    expect(readPoints(text, chinchilla).columns).toEqual(expected);
  });

  it('works out columns from others', () => {
    const points = readPoints(sheet(ROWS), lawNamed('gadre'));
    expect(findColumn(points, 'C')).toEqual(Float64Array.of(1.2e14, 2.4e14, 4.8e14));
    expect(findColumn(points, 'M')).toEqual(Float64Array.of(20, 40, 20));
    const C = sheet(ROWS, ['N', 'C', 'loss']);
    expect(findColumn(readPoints(C, chinchilla), 'D')?.[0]).toBeCloseTo(2e7 / 6e6, 9);
    expect(findColumn(readPoints(C, lawNamed('gadre')), 'M')?.[0]).toBeCloseTo(2e7 / 6e12, 15);
  });

  it('keeps runs, and tells rows apart without them', () => {
    expect(
      readPoints(
        sheet(
          ROWS.map((row, i) => [...row, `r${i % 2}`]),
          ['N', 'D', 'loss', 'run'],
        ),
        chinchilla,
      ).runs,
    ).toEqual(['r0', 'r1', 'r0']);
    expect(readPoints(sheet(ROWS), chinchilla).runs).toEqual(['line 2', 'line 3', 'line 4']);
  });

  it('reads numbers as they are written', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-300, max: 1e300, noNaN: true }), (value) => {
        const columns = readPoints(`N,D,loss\n${value},1,2`, chinchilla).columns;
        expect(columns['N']?.[0]).toBe(value);
      }),
    );
  });

  it('makes curves of learning rates, straight between the steps that are given', () => {
    const text = 'run,step,lr,loss\na,1,0.1,\na,3,0.3,5\na,5,0.1,4\nb,2,0.2,6\n';
    const points = readPoints(text, lawNamed('tissue'));
    expect(points.runs).toEqual(['a', 'a', 'b']);
    expect(Array.from(points.columns['S1'] ?? [])).toEqual([0.6, 0.9, 0.4].map((value) => expect.closeTo(value, 12) as number));
    expect(points.columns['loss']).toEqual(Float64Array.of(5, 4, 6));
  });

  it.each([
    ['nothing', '', 'points: it holds no points: expected a line of column names'],
    ['a header alone', 'N,D,loss\n', 'points: it holds no points'],
    [
      'a missing column',
      'N,tokens,loss\n1,2,3',
      'points: column D is missing: got N, tokens, loss, expected N, D, loss for law chinchilla.',
    ],
    ['missing columns', 'a,b\n1,2', 'points: columns N, D, loss are missing: got a, b'],
    ['a column twice', 'N,D,N,loss\n1,2,3,4', 'points: two columns have the same name: got N.'],
    [
      'NaN',
      'N,D,loss\n1,2,NaN',
      'points line 2, column loss: it is not a number: got NaN, expected a number above 0. Correct the row, or take it out.',
    ],
    ['zero', 'N,D,loss\n1,2,3\n0,2,3', 'points line 3, column N: it is not above 0: got 0'],
    ['a negative number', 'N,D,loss\n\n1,-2,3', 'points line 3, column D: it is not above 0: got -2'],
    ['a gap', 'N,D,loss\n1,,3', 'points line 2, column D: it is empty: expected a number above 0.'],
    ['infinity', 'N,D,loss\n1,1e999,3', 'points line 2, column D: it is not a number: got 1e999'],
    ['a word', `N,D,loss\n1,${'x'.repeat(99)},3`, `got ${'x'.repeat(30)}..., expected`],
    ['thousands', 'N;D;loss\n1.000,5;2;3', 'points line 2, column N: it is not a number: got 1.000,5'],
    ['a short row', 'N,D,loss\n1,2', 'points line 2: it has not as many cells as there are columns: got 2, expected 3.'],
    ['decimal commas between commas', 'N,D,loss\n1,5,2,3', 'got 4, expected 3. Separate by semicolons where commas are decimal.'],
    ['a twin', 'N,D,loss\n1,2,3\n4,5,6\n1,2,3', 'points line 4: it repeats line 2. A measurement counts once'],
  ])('%s is answered with row and column', (_, text, says) => {
    expect(() => readPoints(text, chinchilla)).toThrow(says);
  });

  it('steps that go back are answered', () => {
    expect(() => readPoints('step,lr,loss\n2,1,3\n2,1,4', lawNamed('tissue'))).toThrow(
      'points line 3, column step: steps of a run do not rise in whole numbers: got 2, expected 3 or more.',
    );
    expect(() => readPoints('step,loss\n2,1', lawNamed('multi-power'))).toThrow('points: column lr is missing');
  });
});
