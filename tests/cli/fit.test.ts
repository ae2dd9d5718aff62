import { afterAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { countedParameters, type ParametersCounted, runIdOf, withDefaults } from '../../src/spec/index.ts';
import { isoflop, Scratch } from './run-cli.ts';

const ROWS = [1e5, 1e6, 1e7, 1e8].flatMap((N, i) =>
  [1e7, 1e8, 1e9, 1e10].map((D, j) => `${N},${D},${(1.7 + 400 / N ** 0.35 + 600 / D ** 0.3) * (1 + 1e-3 * Math.sin(i * 4 + j))}`),
);
const POINTS = ['N,D,loss', ...ROWS, ''].join('\n');

const RESULT = {
  version: 1,
  id: '',
  status: 'finished',
  name: '',
  values: {},
  steps: 1,
  tokens: 1,
  epochs: 1,
  uniqueTokens: 1,
  parameters: 0,
  nonEmbeddingParameters: 0,
  flopsPerToken: 0,
  loss: 9,
  meanLoss: 9,
  adapter: '',
  software: true,
  lanes: 1,
  msPerStep: 1,
  endedAt: 0,
  data: { name: '', hash: '', vocab: 256, trainTokens: 1, bytesPerToken: 1, unigramNats: 1, entropyRateNats: null },
};

const resultText = (changes: object): string => JSON.stringify({ ...RESULT, ...changes });

describe('isoflop fit', () => {
  it('prints one JSON object', async () => {
    const scratch = new Scratch();
    const words = ['fit', 'chinchilla', scratch.put('points.csv', POINTS), '--loss', 'ls-log', '--json'];
    const { status, out, err } = await isoflop([...words, '--starts', '20', '--bootstrap', '50', '--seed', '7']);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out.trimEnd().split('\n').length).toBe(1);
    const report = JSON.parse(out) as Record<string, Record<string, unknown>>;
    expect(Object.keys(report)).toEqual(['law', 'loss', 'objective', 'params', 'intervals', 'starts', 'points', 'warnings']);
    expect(report).toMatchObject({ law: 'chinchilla', loss: 'ls-log', points: 16, starts: { total: 20 } });
    expect(report['params']?.['E']).toBeCloseTo(1.7, 1);
    for (const name of ['E', 'A', 'alpha', 'B', 'beta']) {
      const [lo, hi] = (report['intervals'] as Record<string, [number, number]>)[name] ?? [NaN, NaN];
      expect(lo).toBeLessThanOrEqual(report['params']?.[name] as number);
      expect(hi).toBeGreaterThanOrEqual(report['params']?.[name] as number);
    }
    expect((await isoflop([...words, '--starts', '20', '--bootstrap', '50', '--seed', '7'])).out).toBe(out);
  });

  it('prints a table without --json, with the allocation that follows', async () => {
    const path = new Scratch().put('points.csv', POINTS);
    const { status, out } = await isoflop(['fit', 'chinchilla', path, '--starts', '20', '--tied']);
    expect(status).toBe(0);
    expect(out).toContain('Chinchilla, approach 3: parametric in N and D: L = E + A / N^alpha + B / D^beta\n');
    expect(out).toMatch(/^alpha +0\.\d+ +0\.\d+ +0\.\d+ +fall with size$/m);
    expect(out).toMatch(/^objective +\S+ \(huber:1e-3, summed over 16 points\)$/m);
    expect(out).toMatch(/^starts +\d+ of 20 agree$/m);
    expect(out).toMatch(/^compute-optimal +N = \S+ \(C\/6\)\^0\.5000, D = \S+ \(C\/6\)\^0\.5000$/m);
  });

  it('writes an end that nothing bounds as null, and says so', async () => {
    const path = new Scratch().put('points.csv', ['N,D,loss', ...ROWS.slice(0, 8)].join('\n'));
    const { out } = await isoflop(['fit', 'chinchilla', path, '--json', '--starts', '10', '--loss', 'ls-log']);
    const { intervals, warnings } = JSON.parse(out) as { intervals: Record<string, unknown[]>; warnings: string[] };
    expect(intervals['alpha']).toContain(null);
    expect(warnings.join('\n')).toContain('alpha is not identified: ');
    const { out: text } = await isoflop(['fit', 'chinchilla', path, '--starts', '10', '--loss', 'ls-log']);
    expect(text).toContain(' Inf ');
    expect(text).toContain('\nThe fit is not identified as a whole: ');
  });

  it('fits approaches 1 and 2, and curves under their schedule', async () => {
    const scratch = new Scratch();
    const isoflops = [1e15, 1e16, 1e17].flatMap((C) =>
      [0.3, 0.5, 1, 2, 3].map((times) => `${C},${times * Math.sqrt(C) * 0.1},${2 + Math.log(times) ** 2 / 50 + 1e3 / C ** 0.2}`),
    );
    const { out } = await isoflop([
      'fit',
      'chinchilla-isoflop',
      scratch.put('c.csv', ['C,N,loss', ...isoflops].join('\n')),
      '--json',
    ]);
    expect(JSON.parse(out)).toMatchObject({ law: 'chinchilla-isoflop', points: 15, starts: { total: 1, agree: 1 } });
    expect((JSON.parse(out) as { params: { a: number } }).params.a).toBeCloseTo(0.5, 6);
    expect((await isoflop(['fit', 'chinchilla-isoflop', scratch.at('c.csv')])).out).toMatch(
      /^k_N +0\.1\S* +not computed +not computed/m,
    );
    const curve = Array.from({ length: 40 }, (_, i) => {
      const lr = i < 20 ? 1 : 1 - (i - 19) / 21;
      return `${i + 1},${lr},${2 + (i + 1) ** -0.5 - (i < 20 ? 0 : ((i - 19) * (i - 18)) / 42 / 20)}`;
    });
    const curves = await isoflop([
      'fit',
      'tissue',
      scratch.put('t.csv', ['step,lr,loss', ...curve].join('\n')),
      '--json',
      '--starts',
      '10',
    ]);
    expect(JSON.parse(curves.out)).toMatchObject({ law: 'tissue', points: 40 });
  });

  it('keeps parameters that are fixed', async () => {
    const path = new Scratch().put('points.csv', POINTS);
    const { out } = await isoflop(['fit', 'chinchilla', path, '--fix', 'E=1.7,alpha=0.35', '--tied', '--json', '--starts', '10']);
    const { params, intervals } = JSON.parse(out) as { params: Record<string, number>; intervals: Record<string, number[]> };
    expect(params).toMatchObject({ alpha: 0.35, beta: 0.35 });
    expect(params['E']).toBeCloseTo(1.7, 12);
    expect(intervals['beta']).toEqual([0.35, 0.35]);
  });

  it('fits points up to a limit of compute too, and tells how far off it is above it, as the Laws page does', async () => {
    const path = new Scratch().put('points.csv', POINTS);
    const words = ['fit', 'chinchilla', path, '--starts', '10', '--holdout', '1e17'];
    const report = JSON.parse((await isoflop([...words, '--json'])).out) as { points: number; heldOut: Record<string, unknown> };
    const above = ROWS.map((row) => row.split(',').map(Number)).filter(([N = 0, D = 0]) => 6 * N * D > 1e17);
    expect(report).toMatchObject({ points: 16, heldOut: { column: 'C', limit: 1e17, fitted: 16 - above.length } });
    const held = report.heldOut['held'] as { row: number; measured: number; predicted: number; relative: number }[];
    expect(held.map(({ measured }) => measured)).toEqual(above.map(([, , loss]) => loss));
    for (const { measured, predicted, relative } of held) expect(relative).toBeCloseTo(predicted / measured - 1, 12);
    const rms = Math.sqrt(held.reduce((sum, { relative }) => sum + relative ** 2, 0) / held.length);
    expect(report.heldOut['error']).toBeCloseTo(rms, 12);
    expect(rms).toBeLessThan(0.02);
    expect((await isoflop(words)).out).toMatch(
      /^held-out error +[\d.]+ % over \d+ points above 1\.00e\+17 FLOPs, fitted on \d+ below with an R2 of [01]\.\d+$/m,
    );
  });

  it('holds out by the C of the file where it has one, also for a law that does not read it', async () => {
    const rows = [1e5, 1e6, 1e7, 1e8, 1e9, 1e10].map((N, i) => `${N},${i + 1},${2 + 400 / N ** 0.35}`);
    const path = new Scratch().put('n.csv', ['N,C,loss', ...rows].join('\n'));
    const { out } = await isoflop(['fit', 'power-n', path, '--starts', '5', '--holdout', '4', '--json']);
    expect(JSON.parse(out)).toMatchObject({ points: 6, heldOut: { fitted: 4, held: [{ row: 4 }, { row: 5 }] } });
  });

  it('stops when asked, with nothing printed', async () => {
    const path = new Scratch().put('points.csv', POINTS);
    let said = '';
    const status = await main(['fit', 'chinchilla', path, '--bootstrap', '1000000'], {
      out: (text) => void (said += text),
      err: (text) => void (said += text),
      stdin: () => Promise.resolve(''),
      now: () => 0,
      wait: () => Promise.resolve(),
      interruptible: (body) => {
        const asked = new AbortController();
        setTimeout(() => asked.abort(130), 20);
        return body(asked.signal);
      },
    });
    expect({ status, said }).toEqual({ status: 130, said: '' });
  });

  it.each<[string, number, string]>([
    ['fit', 2, 'isoflop fit: LAW: it is missing.'],
    ['fit chinchilla', 2, 'isoflop fit: POINTS.csv: it is missing.'],
    ['fit chinchila points.csv', 1, 'isoflop fit: law: there is no such law: got chinchila, expected power-n, '],
    ['fit bjorck points.csv', 1, 'isoflop fit: law: it is calculated, not fitted: got bjorck, expected power-n, '],
    ['fit chinchilla none.csv', 1, 'none.csv": there is no such file or folder.'],
    [
      'fit chinchilla points.csv --loss l1',
      1,
      'isoflop fit: loss: there is no such loss: got l1, expected huber:DELTA as in huber:1e-3, lad, ls, ls-log.',
    ],
    ['fit chinchilla points.csv --bootstrap -1', 2, 'isoflop fit: --bootstrap: its value is missing: got -1.'],
    ['fit chinchilla points.csv --starts 0', 2, '--starts: it is not a whole number in bounds: got 0, expected 1..1000000.'],
    [
      'fit chinchilla-isoflop points.csv --tied',
      1,
      'isoflop fit: --tied: law chinchilla-isoflop is fitted without it. Leave it out.',
    ],
    ['fit chinchilla points.csv --holdout much', 2, '--holdout: it is no number of FLOPs: got much, expected a number above 0'],
    ['fit chinchilla points.csv --holdout 0', 2, '--holdout: it is no number of FLOPs: got 0'],
    ['fit chinchilla points.csv --starts 1 --holdout 1e30', 1, 'column C: no point lies above the limit: got 1e+30.'],
    ['fit chinchilla points.csv --starts 1 --holdout 7e12', 1, '5 free parameters: got 1 point, expected 6 or more.'],
    ['fit power-n n.csv --holdout 1', 1, 'isoflop fit: n.csv: column C is missing: got N, loss, expected N, C, loss'],
    ['fit chinchilla-isoflop points.csv --holdout 1', 1, '--holdout: law chinchilla-isoflop is fitted without it. Leave it out.'],
    ['fit chinchilla points.csv --fix E', 2, '--fix: it gives no parameter a value: got E, expected NAME=VALUE'],
    ['fit chinchilla points.csv --fix F=1', 1, 'there is no such parameter: got F, expected E, A, alpha, B, beta.'],
    ['fit chinchilla points.csv --fix E=-1', 1, 'law chinchilla: E is out of bounds: got -1, expected 1e-30..1e+30.'],
    ['fit power-n points.csv --fix A=1,alpha=1', 1, 'law power-n: nothing is left to fit'],
    ['fit power-n points.csv --tied', 1, 'isoflop fit: law power-n: it has no exponents to tie'],
    [
      'fit data-constrained points.csv',
      1,
      'isoflop fit: points.csv: column U is missing: got N, D, loss, expected N, D, U, loss for law data-constrained.',
    ],
    [
      'fit chinchilla nan.csv',
      1,
      'isoflop fit: nan.csv line 3, column loss: it is not a number: got NaN, expected a number above 0.',
    ],
    [
      'fit chinchilla three.csv',
      1,
      'isoflop fit: points: law chinchilla has 5 free parameters: got 3 points, expected 6 or more.',
    ],
    ['fit chinchilla one.csv', 1, 'isoflop fit: points, column N: all points have the same value'],
    ['fit chinchilla twice.csv', 1, 'isoflop fit: twice.csv line 18: it repeats line 2.'],
  ])('%s exits with %i and says why', async (words, status, says) => {
    const scratch = new Scratch();
    scratch.put('points.csv', POINTS);
    scratch.put('n.csv', 'N,loss\n1,2\n2,3\n3,4\n');
    scratch.put('nan.csv', 'N,D,loss\n1,2,3\n1,3,NaN\n');
    scratch.put('three.csv', ['N,D,loss', ...ROWS.slice(2, 5)].join('\n'));
    scratch.put('one.csv', ['N,D,loss', ...Array.from({ length: 8 }, (_, i) => `1e6,${i + 1}e7,${5 - i / 10}`)].join('\n'));
    scratch.put('twice.csv', `${POINTS}${ROWS[0]}\n`);
    const said = await isoflop(words.split(' ').map((word) => (word.endsWith('.csv') ? scratch.at(word) : word)));
    expect(said).toMatchObject({ status, out: '' });
    expect(said.err.trimEnd().split('\n').length).toBe(1);
    expect(said.err).toContain(says);
  });
});

interface FolderReport {
  readonly points: number;
  readonly params: { readonly E: number; readonly alpha: number; readonly beta: number };
  readonly warnings: readonly string[];
}

describe('isoflop fit on the folder of a sweep', () => {
  const scratch = new Scratch('suite');
  afterAll(() => scratch.remove());

  /** Runs of four sizes and four horizons whose loss follows a law in N counted without embeddings, one that diverged, and one that has not ended. */
  function folder(name: string, validation: boolean): string {
    const path = scratch.at(name);
    for (const [i, width] of [16, 32, 64, 128, 256].entries()) {
      for (const steps of [100, 400, 1600, 6400]) {
        const spec = withDefaults({ model: { width }, schedule: { warmupSteps: 10 }, budget: { steps } });
        const id = runIdOf(spec);
        const N = countedParameters(spec, 256, 'non-embedding');
        const tokens = 1000 * steps;
        const loss = 1.5 + 40 / N ** 0.3 + 90 / tokens ** 0.35;
        mkdirSync(join(path, id), { recursive: true });
        writeFileSync(join(path, id, 'spec.json'), JSON.stringify(spec));
        if (i === 4 && steps > 400) continue;
        const status = i === 4 && steps === 400 ? 'diverged' : 'finished';
        const losses = { loss: 9, meanLoss: loss, ...(validation ? { validation: loss } : {}) };
        const counts = { steps, tokens, epochs: 1, uniqueTokens: tokens, parameters: 0, nonEmbeddingParameters: 0 };
        writeFileSync(join(path, id, 'result.json'), resultText({ id, status, ...losses, ...counts }));
      }
    }
    return path;
  }

  it.each([
    [true, 'the loss is the validation loss at the end'],
    [false, 'the loss is the mean training loss of the last tenth of the steps'],
  ])('takes its runs that have finished as points, and says what they are made of (held out: %s)', async (validation, words) => {
    const path = folder(`runs-${validation}`, validation);
    const told = async (counted: ParametersCounted): Promise<FolderReport> => {
      const said = await isoflop(['fit', 'chinchilla', path, '--loss', 'ls', '--starts', '20', '--json', '--count', counted]);
      expect(said.err).toBe('');
      return JSON.parse(said.out) as FolderReport;
    };
    const report = await told('non-embedding');
    expect(report.points).toBe(17);
    expect(report.params.E).toBeCloseTo(1.5, 4);
    expect(report.params.alpha).toBeCloseTo(0.3, 3);
    expect(report.params.beta).toBeCloseTo(0.35, 3);
    expect(report.warnings.slice(0, 2)).toEqual([
      `N counts parameters without embeddings; ${words}.`,
      '1 run that diverged is left out.',
    ]);
    expect(Math.abs((await told('all')).params.E - 1.5)).toBeGreaterThan(1e-3);
  });

  it('fits approach 2 to budgets that every matmul counts for, and D with what they count', async () => {
    const path = scratch.at('isoflop');
    const widths = [32, 48, 64, 96, 128];
    for (const [i, C] of [1e12, 2e12, 4e12].entries())
      for (const width of widths) {
        const spec = withDefaults({ model: { width }, budget: { flops: C } });
        const id = runIdOf(spec);
        const perToken = 7 * countedParameters(spec, 256, 'all');
        const validation = 3 - i + 0.1 * Math.log(width / 64) ** 2;
        mkdirSync(join(path, id), { recursive: true });
        writeFileSync(join(path, id, 'spec.json'), JSON.stringify(spec));
        const counts = {
          steps: 10,
          tokens: C / perToken,
          uniqueTokens: 1,
          flopsPerToken: perToken,
          data: { ...RESULT.data, hash: `${i % 2}` },
        };
        writeFileSync(join(path, id, 'result.json'), resultText({ id, validation, ...counts }));
      }
    const { out, err } = await isoflop(['fit', 'chinchilla-isoflop', path, '--json']);
    expect(err).toBe('');
    const report = JSON.parse(out) as { points: number; params: { k_N: number; k_D: number }; warnings: readonly string[] };
    expect(report.points).toBe(15);
    expect(report.params.k_N * report.params.k_D).toBeCloseTo(1 / 7, 9);
    expect(report.warnings.slice(0, 2)).toEqual([
      'N counts all parameters, C every matmul; the loss is the validation loss at the end.',
      'These are runs on 2 different sets of data, and a law is of one.',
    ]);
  });

  it('is refused where nothing has finished, and where N is not counted so', async () => {
    const empty = scratch.at('empty');
    mkdirSync(empty);
    expect((await isoflop(['fit', 'chinchilla', empty])).err).toContain('no run in it has finished');
    expect(await isoflop(['fit', 'chinchilla', empty, '--count', 'some'])).toMatchObject({ status: 2 });
  });
});
