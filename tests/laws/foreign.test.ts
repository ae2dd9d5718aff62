import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pointsFromCsv } from '../../src/laws/index.ts';

describe('points of any origin as CSV', () => {
  it('are read by column name, whatever a file calls them', () => {
    const points = pointsFromCsv(
      'Model size,n_tokens,Val Loss,family,lr,run\n1e6,2e7,3.5,gpt,0.1,x\n2e6,2e7,3.25,gpt,,y\n',
      'p.csv',
    );
    expect(points.columns).toEqual({
      N: Float64Array.of(1e6, 2e6),
      D: Float64Array.of(2e7, 2e7),
      loss: Float64Array.of(3.5, 3.25),
      lr: Float64Array.of(0.1, Number.NaN),
    });
    expect(points).toMatchObject({
      runs: ['x', 'y'],
      rowNames: ['p.csv line 2', 'p.csv line 3'],
      faults: [],
      ignored: ['family'],
    });
  });

  it('may begin with a byte-order mark, be separated by semicolons or tabs, and have decimal commas', () => {
    const semicolons = pointsFromCsv('\uFEFF# from a spreadsheet\r\nN;"loss"\r\n1000000;3,5\r\n"2000000";3,25\r\n', 'p.csv');
    expect(semicolons.columns).toEqual({ N: Float64Array.of(1e6, 2e6), loss: Float64Array.of(3.5, 3.25) });
    expect(pointsFromCsv('N\tloss\n10\t3.5', 'p.csv').columns).toEqual({ N: Float64Array.of(10), loss: Float64Array.of(3.5) });
    expect(pointsFromCsv('loss\n3.5\n', 'p.csv').columns['loss']).toEqual(Float64Array.of(3.5));
  });

  it('a name that a law has wins over one that means the same', () => {
    const { columns } = pointsFromCsv('parameters,N,loss,trainLoss\n5,6,1,2\n', 'p.csv');
    expect(columns).toEqual({
      N: Float64Array.of(6),
      loss: Float64Array.of(1),
      parameters: Float64Array.of(5),
      trainLoss: Float64Array.of(2),
    });
  });

  it('promise 6: every row with a bad cell is left out and named by line and column', () => {
    const text = 'N,D,loss,note\n1,2,3,"two\nlines"\n1,2,NaN,\n,,,\n0,2,3,\n1,2,-3,\n1,2,inf,\n1,2,"3,5",\n1,2\n\n7,8,9,ok\n';
    const points = pointsFromCsv(text, 'p.csv');
    expect(points.columns['N']).toEqual(Float64Array.of(1, 7));
    expect(points.rowNames).toEqual(['p.csv line 2', 'p.csv line 12']);
    expect(points.faults).toEqual([
      'p.csv line 4, column loss: it is not a number: got NaN.',
      'p.csv line 5, column N: it is empty.',
      'p.csv line 6, column N: it is not above 0: got 0.',
      'p.csv line 7, column loss: it is not above 0: got -3.',
      'p.csv line 8, column loss: it is not a number: got inf.',
      'p.csv line 9, column loss: it is not a number: got 3,5.',
      'p.csv line 10: it has not as many cells as there are columns: got 2.',
    ]);
  });

  it('an empty cell is no number in any column, and its row stays for laws that do not read it', () => {
    const points = pointsFromCsv('N,D,C,loss,S\n1,2,,3,\n4,,5,6,\n', 'p.csv');
    expect(points.columns).toEqual({
      N: Float64Array.of(1, 4),
      D: Float64Array.of(2, Number.NaN),
      C: Float64Array.of(Number.NaN, 5),
      loss: Float64Array.of(3, 6),
    });
    expect(points).toMatchObject({ faults: [], ignored: ['S'] });
  });

  it('promise 6: a row that repeats another is one measurement: it is left out and named, and rows of other runs stay', () => {
    const twice = pointsFromCsv('N,D,loss\n1,2,3\n4,5,6\n1, 2,3\n', 'p.csv');
    expect(twice.columns['N']).toEqual(Float64Array.of(1, 4));
    expect(twice.faults).toEqual(['p.csv line 4: it repeats line 2.']);
    expect(pointsFromCsv('run,N,loss\na,1,3\nb,1,3\n', 'p.csv')).toMatchObject({ runs: ['a', 'b'], faults: [] });
  });

  it('promise 6: a point with three digits beside decimal commas could be a thousand: it is not guessed', () => {
    expect(pointsFromCsv('N;loss\n1.500;3,5\n1500;3,5\n', 'p.csv').faults).toEqual([
      'p.csv line 2, column N: it is not a number: got 1.500.',
    ]);
  });

  it('promise 6: a comma beside numbers with a point is not taken for one: such a cell is named, and no 1,000 becomes 1', () => {
    for (const mark of ['\t', ';']) {
      const points = pointsFromCsv(`N${mark}loss\n1,000${mark}3.21\n2000${mark}3.1\n`, 'p.csv');
      expect(points.columns['N']).toEqual(Float64Array.of(2000));
      expect(points.faults).toEqual(['p.csv line 2, column N: it is not a number: got 1,000.']);
    }
  });

  it.each([
    ['it holds no points', ''],
    ['it holds no points', 'N,D,loss\n'],
    ['no column is one that a law reads: got x, y', 'x,y\n1,2\n'],
    ['two columns have the same name: got N', 'N,N\n1,2\n'],
    ['none of its 1 rows is a point: expected numbers above 0. The first: p.csv line 2, column N', 'N\nx\n'],
  ])('promise 6: another file is refused in words: %s', (rule, text) => {
    expect(() => pointsFromCsv(text, 'p.csv')).toThrow(`p.csv: ${rule}`);
  });

  it('never throws anything but words, and reads back every number that is written', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          pointsFromCsv(`N,loss\n${text}`, 'p.csv');
        } catch (error) {
          expect(error).toMatchObject({ name: 'SpecError' });
        }
      }),
    );
    const positive = fc.double({ min: Number.MIN_VALUE, max: 1e300, noNaN: true });
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(positive, positive), { minLength: 1, selector: String }),
        fc.constantFrom(',', ';', '\t'),
        (rows, mark) => {
          const { columns } = pointsFromCsv([`N${mark}loss`, ...rows.map((row) => row.join(mark))].join('\r\n'), 'p.csv');
          expect(columns).toEqual({ N: Float64Array.from(rows, ([n]) => n), loss: Float64Array.from(rows, ([, loss]) => loss) });
        },
      ),
    );
  });
});
