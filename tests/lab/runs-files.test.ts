import * as fc from 'fast-check';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import { runsCsv, runsFromJson, runsJson, runsMarkdown, stepsCsv, stepsParquet, type KeptRun } from '../../src/lab/index.ts';
import { summaryOf } from '../../src/lab/store/append.ts';
import { foldEvals, foldTrain, NO_SUMMARY } from '../../src/lab/store/summary.ts';
import { cutTrain } from '../../src/lab/store/curves.ts';
import { newRecord } from '../../src/lab/store/record.ts';
import { defaultSpec } from '../../src/spec/index.ts';
import { keptRuns } from '../support/arbitrary-runs.ts';
import { FakeBrowser } from '../support/fake-browser.ts';
import { evaluated, steps } from '../support/made-curves.ts';

const RUN = {
  record: {
    ...newRecord({ id: 'a', spec: defaultSpec, name: 'first, of "two"' }, 0),
    step: 3,
    summary: summaryOf(steps(1, 3, 2)),
  },
  curves: { ...steps(1, 3, 2), validation: evaluated(0, 3).validation },
};
const text = [...runsJson([RUN])].join('');

describe('runs as JSON', () => {
  it('come back without loss, bit for bit', () => {
    fc.assert(
      fc.property(keptRuns, (runs) => {
        expect(runsFromJson([...runsJson(runs)].join(''), 'runs.json')).toEqual(runs);
      }),
      { numRuns: 60 },
    );
  });

  it('go from one browser to another without loss; what is there already is left, what is another run gets a name of its own', async () => {
    const run = (id: string, last: number): KeptRun => ({
      record: { ...RUN.record, id, state: 'finished', step: last, summary: summaryOf(steps(1, last)) },
      curves: { ...RUN.curves, train: steps(1, last).train },
    });
    const store = new FakeBrowser().tab();
    expect(await store.import([run('a', 10), run('b', 20)])).toEqual({ added: ['a', 'b'], same: [], renamed: [] });
    const runs = [run('a', 10), run('b', 25), { ...run('c', 30), record: { ...run('c', 30).record, state: 'running' as const } }];
    const again = runsFromJson([...runsJson(runs)].join(''), 'runs.json');
    await store.edit(['a'], { name: 'renamed here' });
    await store.remove(['a']);
    const done = await store.import(again);
    expect(done).toEqual({ added: ['c'], same: ['a'], renamed: [['b', expect.stringMatching(/^b-/)]] });
    const [id = ''] = done.renamed.map(([, renamed]) => renamed);
    expect(await store.import(again)).toEqual({ added: [], same: ['a', id, 'c'], renamed: [] });
    const states = new Map((await store.list()).map((record) => [record.id, record.state]));
    expect(states).toEqual(
      new Map([
        ['a', 'finished'],
        ['b', 'finished'],
        [id, 'finished'],
        ['c', 'interrupted'],
      ]),
    );
    expect((await store.get('a'))?.name).toBe('renamed here');
    const [b, other] = await store.kept(['b', id]);
    expect(b).toEqual(run('b', 20));
    expect(other?.curves).toEqual(run('b', 25).curves);
  });

  it.each([
    ['it is not JSON', text.slice(0, -20)],
    ['it holds no runs', text.replace('isoflop-runs', 'something-else')],
    [
      'it was written by a later build: got version 2, expected version 1 at most. Reload',
      text.replace('"version":1', '"version":2'),
    ],
    ['it is of a version that this build does not read', text.replace('"version":1', '"version":"one"')],
    ['it has no list of runs', '{"format":"isoflop-runs","version":1}'],
    ['run 1 is mangled: state is not what it must be', text.replace('"state":"preparing"', '"state":"sleeping"')],
    ['run 1 (a): spec model.width: is out of bounds', text.replace(/"width":\d+/, '"width":-4')],
    ['run 1 (a): its steps do not rise', text.replace('"steps":[0,3]', '"steps":[3,0]')],
    ['run 1 (a): its steps are mangled', text.replace('"steps":[[1,3]]', '"steps":[[1,1e99]]')],
    ['run 1 (a): columns of train have other lengths', text.replace('"steps":[[1,3]]', '"steps":[[1,4]]')],
    ['run 1 (a): its columns are mangled', text.replace(/"lossNats":"[^"]*"/, '"lossNats":"###"')],
    ['run 1 (a): column lossNats of train is missing', text.replace(/"lossNats":"[^"]*"/, '"lossNats":7')],
  ])('promise 6: say what is wrong with another file: %s', (rule, other) => {
    expect(() => runsFromJson(other, 'runs.json')).toThrow(`runs.json: ${rule}`);
  });
});

describe('summaries', () => {
  it('fold in pieces to the same bits as whole', () => {
    fc.assert(
      fc.property(keptRuns, fc.nat(40), (runs, cut) => {
        for (const { curves } of runs) {
          const { train } = curves;
          let folded = foldTrain(NO_SUMMARY, cutTrain(train, 0, cut));
          folded = foldTrain(folded, cutTrain(train, cut, Math.max(cut, train.steps.length)));
          folded = foldEvals(foldEvals(folded, 'ood', curves.ood), 'validation', curves.validation);
          expect(folded).toEqual(summaryOf(curves));
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('runs as tables', () => {
  it('CSV has a row a run, with every field of its spec, and a row a run and step', () => {
    const [head = '', row = ''] = runsCsv([RUN.record]).trim().split('\n');
    expect(row).toMatch(/^a,"first, of ""two""",preparing,/);
    const cells = row.replace('"first, of ""two"""', 'x').split(',');
    expect(cells[head.split(',').indexOf('model.width')]).toBe(String(defaultSpec.model.width));
    expect([...stepsCsv([RUN])].join('')).toBe(
      [
        'run,name,step,tokens,flops,seconds,epochs,learningRate,gradNorm,trainNats,validationNats,oodNats',
        'a,"first, of ""two""",0,,,,,,,,5.1,',
        `a,"first, of ""two""",1,,,0.0064,${Math.fround(1 / 900)},${Math.fround(3e-3)},1,5,,`,
        `a,"first, of ""two""",2,,,0.0128,${Math.fround(2 / 900)},${Math.fround(3e-3)},0.5,nan,,`,
        `a,"first, of ""two""",3,,,${(3 * 6.4) / 1000},${Math.fround(3 / 900)},${Math.fround(3e-3)},${Math.fround(1 / 3)},${Math.fround(1 + 4 / Math.sqrt(3))},3.1,`,
        '',
      ].join('\n'),
    );
  });

  it('Parquet keeps every value as it is, and the runs themselves beside them', async () => {
    const file = await stepsParquet([RUN]);
    const rows: readonly { readonly [column: string]: unknown }[] = await parquetReadObjects({ file });
    expect(rows.map((row) => [row['step'], row['trainNats'], row['validationNats']])).toEqual([
      [0, null, 5.1],
      [1, 5, null],
      [2, Number.NaN, null],
      [3, Math.fround(1 + 4 / Math.sqrt(3)), 3.1],
    ]);
    const kept = parquetMetadata(file).key_value_metadata?.find(({ key }) => key === 'isoflop-runs')?.value ?? '';
    expect(runsFromJson(kept, 'metadata')[0]?.record).toEqual(RUN.record);
    expect((await stepsParquet([])).byteLength).toBeGreaterThan(0);
  });

  it('Markdown aligns figures and lets no name break the table', () => {
    const runs = [
      { ...RUN.record, name: 'a|b\nc' },
      { ...RUN.record, summary: { ...RUN.record.summary, lossNats: Infinity } },
    ];
    expect(runsMarkdown(runs, ['name', 'trainNats', 'model.width'])).toBe(
      `| Name | Train loss | Width |\n| --- | ---: | ---: |\n| a\\|b c | 3.3094 | ${defaultSpec.model.width} |\n| first, of "two" | ∞ | ${defaultSpec.model.width} |\n`,
    );
  });
});
