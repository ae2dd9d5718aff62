import { describe, expect, it } from 'vitest';
import { FitClient } from '../../src/lab/index.ts';
import { pointsFile } from '../../src/lab/laws/file-points.ts';
import { PointsSource, type Source } from '../../src/lab/laws/points-source.ts';
import { SideFits } from '../../src/lab/laws/side-fits.ts';
import { COUNT_ALL } from '../../src/spec/index.ts';
import { FakeBrowser } from '../support/fake-browser.ts';
import { FakeFits } from '../support/fake-fits.ts';
import { batchRun } from '../support/made-ladder.ts';

class CrashingFits extends FakeFits {
  override postMessage(): void {
    queueMicrotask(() => this.emit('error', { message: 'gone' }));
  }
}

function stage(crashes: number, points = new PointsSource(null)): { side: SideFits; workers: FakeFits[]; said: string[] } {
  const workers: FakeFits[] = [];
  const said: string[] = [];
  const fits = new FitClient(() => {
    const worker = workers.length < crashes ? new CrashingFits() : new FakeFits();
    workers.push(worker);
    return worker;
  });
  return { side: new SideFits({ fits, report: (error) => void said.push(String(error)) }, points), workers, said };
}

const source = (rows: readonly string[]): Source => ({
  runs: [],
  file: pointsFile('p.csv', rows.join('\n')),
  counting: COUNT_ALL,
  best: false,
  excluded: new Set(),
});
const asked = { bootstrap: 0, signal: new AbortController().signal };

describe('fits beside the chosen one', () => {
  it('that broke are told, and tried again; what points do not give is asked for once', async () => {
    const budgets = [1e15, 1e16, 1e17].flatMap((C) =>
      [0.4, 0.7, 1, 1.5, 2.5].map((share) => `${share * C ** 0.45},${C},${3 - Math.log10(C) / 10 + Math.log(share) ** 2}`),
    );
    const { side, workers, said } = stage(1);
    const good = { ...asked, source: source(['N,C,loss', ...budgets]) };
    expect(await side.frontier('chinchilla-isoflop', good)).toBeNull();
    expect(said.join()).toContain('fit worker: it stopped: gone');
    expect((await side.frontier('chinchilla-isoflop', good))?.optima).toHaveLength(3);

    const poor = { ...asked, source: source(['N,C,loss', '1,2,3', '2,3,4']) };
    expect(await side.frontier('chinchilla-isoflop', poor)).toBeNull();
    const sent = workers[1]?.received.length;
    expect(await side.frontier('chinchilla-isoflop', poor)).toBeNull();
    expect([workers[1]?.received.length, said.length]).toEqual([sent, 1]);
  });

  it('curves that cannot be read cost the critical batch, in words', async () => {
    const store = new FakeBrowser().tab();
    store.curves = () => Promise.reject(new Error('the disk is gone'));
    const { side, said } = stage(0, new PointsSource(store));
    const runs = [2, 4, 8].map((batch) => batchRun(batch).record);
    expect(await side.critical({ ...asked, source: { ...source(['N,loss', '1,2']), file: null, runs } })).toEqual([]);
    expect(said).toEqual(['Error: the disk is gone']);
  });
});
