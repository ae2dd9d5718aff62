import { describe, expect, it } from 'vitest';
import { FitClient, fitMarkdown, hasInterval, qualityOf, type FitStep } from '../../src/lab/index.ts';
import { finish, fitting, lawNamed, type Points } from '../../src/laws/index.ts';
import { FakeFits } from '../support/fake-fits.ts';

/** Chinchilla's printed constants at 5 sizes x 4 amounts of data, to 1e-3. */
function made(): Points {
  const law = lawNamed('chinchilla');
  const params = { E: 1.69, A: 406.4, alpha: 0.34, B: 410.7, beta: 0.28 };
  const at = [1, 2, 4, 8, 16].flatMap((size) => [1, 3, 9, 27].map((tokens) => ({ N: size * 1e6, D: tokens * 2e7 })));
  const column = (of: (row: (typeof at)[number], i: number) => number): Float64Array => Float64Array.from(at, of);
  return {
    columns: {
      N: column(({ N }) => N),
      D: column(({ D }) => D),
      C: column(({ N, D }) => 6 * N * D),
      loss: column((row, i) => law.predict(params, row) * (1 + 1e-3 * Math.sin(7 * i))),
    },
  };
}

function connect(): { client: FitClient; workers: FakeFits[] } {
  const workers: FakeFits[] = [];
  const client = new FitClient(() => {
    const worker = new FakeFits();
    workers.push(worker);
    return worker;
  });
  return { client, workers };
}

describe('fits in a worker', () => {
  it('are the fits of the room of laws to the last digit, with progress', async () => {
    const { client, workers } = connect();
    const points = made();
    const options = { starts: 30, bootstrap: 20, seed: 3 };
    const steps: FitStep[] = [];
    const outcome = await client.fit({ law: 'chinchilla', points, options }, { onProgress: (step) => steps.push(step) });
    const { law, ...direct } = finish(fitting(lawNamed('chinchilla'), points, options));
    expect(outcome).toEqual({ ...direct, lawId: law.id });
    expect(steps.every(({ done, total }) => done <= total)).toBe(true);
    await client.fit({ law: 'power-n', points, options });
    expect(workers).toHaveLength(1);
  });

  it('say how well what lies above a limit is foretold, by the rows of the request', async () => {
    const { client } = connect();
    const points = made();
    const largest = Math.max(...(points.columns['C'] ?? []));
    const request = { law: 'chinchilla', points, options: { starts: 20, excluded: [0] } };
    const { heldOut, warnings } = await client.fit({ ...request, holdOut: { column: 'C', limit: largest / 2 } });
    expect(heldOut?.held.map(({ row }) => row)).toEqual([19]);
    expect(heldOut).toMatchObject({ fitted: 18, held: [{ measured: points.columns['loss']?.[19] }] });
    expect(heldOut?.error).toBeLessThan(0.01);
    expect(warnings).toContain('1 point is left out by hand.');
    const refused = await client.fit({ ...request, holdOut: { column: 'C', limit: 1 } });
    expect(refused.heldOutReason).toContain('0 points');
  });

  it('fit the power law through isoFLOP minima, and leave out what the user has left out', async () => {
    const { client } = connect();
    const law = lawNamed('chinchilla');
    const params = { E: 1.69, A: 406.4, alpha: 0.34, B: 410.7, beta: 0.28 };
    const rows = [1e15, 1e16, 1e17].flatMap((C) => {
      const best = 0.6 * C ** 0.45;
      return [0.4, 0.7, 1, 1.5, 2.5].map((share) => ({ C, N: best * share, D: C / (6 * best * share) }));
    });
    const columns = {
      N: Float64Array.from(rows, ({ N }) => N),
      C: Float64Array.from(rows, ({ C }) => C),
      loss: Float64Array.from(rows, (row) => law.predict(params, row)),
    };
    const outcome = await client.fit({
      law: 'chinchilla-isoflop',
      points: { columns },
      options: { bootstrap: 10, excluded: [0] },
    });
    expect(outcome.optima).toHaveLength(3);
    expect(outcome.replicates.length).toBeGreaterThan(0);
    expect(outcome.r2).toBeGreaterThan(0.99);
    expect(outcome.warnings[0]).toBe('1 point is left out by hand.');
    expect(outcome.points).toBe(14);
  });

  it('an interval that was not computed is not said to have no ends, and an R2 that is none is not printed', async () => {
    const { client } = connect();
    const [law, isoflop] = [lawNamed('chinchilla'), lawNamed('chinchilla-isoflop')];
    const rows = [1e15, 1e16].flatMap((C) => [0.4, 0.7, 1, 1.5, 2.5].map((share) => ({ C, N: 1e6 * share })));
    const columns = {
      N: Float64Array.from(rows, ({ N }) => N),
      C: Float64Array.from(rows, ({ C }) => C),
      loss: Float64Array.from(rows, ({ N, C }) => Math.log(N / 1e6) ** 2 + 1e15 / C),
    };
    const outcome = await client.fit({ law: isoflop.id, points: { columns } });
    expect(outcome.intervals['a']).toEqual([null, null]);
    expect(fitMarkdown({ law: isoflop, outcome })).toMatch(/\| a \| \S+ \| not computed \| not computed \|/);
    expect(hasInterval({ lawId: law.id, intervals: { E: [null, null] } }, 'E')).toBe(true);
    expect(qualityOf({ ...outcome, r2: Number.NaN }).map(([name]) => name)).not.toContain('R²');
    expect(qualityOf({ ...outcome, r2: 0.5 })).toContainEqual(['R²', '0.5']);
  });

  it('what cannot be fitted is refused in the words of the room of laws', async () => {
    const { client } = connect();
    const points = { columns: { N: Float64Array.of(1, 2, 3), D: Float64Array.of(1, 2, 3), loss: Float64Array.of(3, 2, 1) } };
    await expect(client.fit({ law: 'chinchilla', points })).rejects.toThrow(
      'points: law chinchilla has 5 free parameters: got 3 points, expected 6 or more.',
    );
    await expect(client.fit({ law: 'astrology', points })).rejects.toThrow('law: there is no such law');
  });

  it('end when they are aborted, and others go on', async () => {
    const { client, workers } = connect();
    const controller = new AbortController();
    const long = client.fit(
      { law: 'chinchilla', points: made(), options: { bootstrap: 100_000 } },
      { signal: controller.signal },
    );
    const short = client.fit({ law: 'power-n', points: made(), options: { starts: 4 } });
    setTimeout(() => controller.abort(new Error('enough')), 20);
    await expect(long).rejects.toThrow('enough');
    await expect(short).resolves.toMatchObject({ lawId: 'power-n' });
    expect(workers[0]?.received.at(-1)).toMatchObject({ type: 'abort' });
    await expect(
      client.fit({ law: 'power-n', points: made() }, { signal: AbortSignal.abort(new Error('early')) }),
    ).rejects.toThrow('early');
  });

  it('promise 6: a crash is one error for what was under way, and the next fit starts a new worker', async () => {
    const { client, workers } = connect();
    const pending = client.fit({ law: 'chinchilla', points: made() });
    workers[0]?.emit('error', { message: 'out of memory' });
    await expect(pending).rejects.toThrow('fit worker: it stopped: out of memory. Fit again: that starts a new one.');
    expect(workers[0]?.terminated).toBe(true);
    await expect(client.fit({ law: 'power-n', points: made(), options: { starts: 4 } })).resolves.toMatchObject({ points: 20 });
    expect(workers).toHaveLength(2);
  });
});
