import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CORPORA, packCorpus } from '../../src/data/index.ts';
import { decodeCheckpoint } from '../../src/train/index.ts';
import { isEvent, isReply } from '../../src/worker/event-check.ts';
import { PROTOCOL_VERSION } from '../../src/worker/protocol.ts';
import { testGpu } from '../support/run-graph.ts';
import { Harness, tinySpec, tinyText } from './harness.ts';
import { MemoryFiles } from './memory-files.ts';

class FullFiles extends MemoryFiles {
  override write(): Promise<void> {
    return Promise.reject(new DOMException('The quota has been exceeded.', 'QuotaExceededError'));
  }
}

/** The browser gives no storage at all. */
class RefusedFiles extends FullFiles {
  override read(): Promise<ArrayBuffer | null> {
    return Promise.reject(new DOMException('Storage is refused.', 'SecurityError'));
  }

  override names(): Promise<readonly string[]> {
    return Promise.reject(new DOMException('Storage is refused.', 'SecurityError'));
  }
}

const COMMANDS = [
  'hello',
  'forecast',
  'planSweep',
  'addFile',
  'files',
  'start',
  'pause',
  'resume',
  'step',
  'stop',
  'extend',
  'sampling',
  'export',
  'inspect',
  'stored',
  'forget',
  'compare',
  'comparePause',
  'compareResume',
  'compareStop',
];

describe('the host', { timeout: 120_000 }, () => {
  afterEach(() => void vi.restoreAllMocks());

  it('answers any message: with one reply where it has a number, with a fault where it has none', async () => {
    const field = fc.oneof(
      fc.constantFrom('r', '', null, -1, 1, 2.5, true),
      fc.constant([]),
      fc.constant({}),
      fc.constant(undefined),
    );
    const message = fc.oneof(
      fc.anything(),
      fc.record(
        {
          type: fc.oneof(fc.constantFrom(...COMMANDS), fc.string()),
          id: fc.oneof(fc.nat(), fc.constantFrom('1', null, undefined, 1.5)),
          runId: field,
          spec: field,
          specs: fc.oneof(field, fc.array(field, { maxLength: 2 })),
          steps: field,
          bytes: field,
          name: field,
          settings: field,
          version: field,
          checkpoint: field,
          arms: fc.oneof(field, fc.array(fc.record({ name: field, spec: field }), { maxLength: 3 })),
          seeds: field,
          probeEvery: field,
          whatIf: field,
        },
        { requiredKeys: [] },
      ),
    );
    const h = new Harness({ open: () => Promise.reject(new Error('no adapter')) });
    await fc.assert(
      fc.asyncProperty(message, async (value) => {
        h.events.length = 0;
        await h.receive(value);
        const id: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'id') : undefined;
        const numbered = typeof id === 'number' && Number.isSafeInteger(id);
        const [answer, ...more] = h.events.filter(({ type }) => type === (numbered ? 'reply' : 'fault'));
        expect(more).toEqual([]);
        expect(answer).toMatchObject(numbered ? { type: 'reply', id } : { type: 'fault', runId: null, recovering: false });
        for (const event of h.events) expect(isEvent(event)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('refuses a page that speaks another protocol, and messages of an unknown form, in words', async () => {
    const h = new Harness();
    await expect(h.ask({ type: 'hello', version: 99 })).rejects.toThrow(
      `ProtocolError: worker: the page speaks another protocol: got version 99, expected version ${PROTOCOL_VERSION}. Reload the page.`,
    );
    await h.receive({ type: 'extend', id: 5, runId: 'r', steps: 0.5 });
    expect(h.of('reply').at(-1)).toMatchObject({
      ok: false,
      error: {
        message: 'command extend: steps has an unknown form: got 0.5, expected a whole number, 1 or more. Reload the page.',
      },
    });
    await h.receive({ type: 'dance', id: 6 });
    expect(h.of('reply').at(-1)).toMatchObject({ ok: false, error: { name: 'ProtocolError', where: 'worker' } });
  });

  it('answers commands that are illegal in their state with what is legal', async () => {
    const h = new Harness();
    await expect(h.ask({ type: 'pause', runId: 'r' })).rejects.toThrow('run r: the worker has no such run');
    await h.start({ hold: true });
    await expect(h.ask({ type: 'pause', runId: 'r' })).rejects.toThrow(
      'ProtocolError: run r: "pause" is not possible while the run is paused: expected resume, step, stop, extend, sampling, export.',
    );
    await expect(h.ask({ type: 'start', runId: 'q', specs: [tinySpec()] })).rejects.toThrow(
      'run q: "start" is not possible while run r is paused. Stop that run first.',
    );
    await expect(h.ask({ type: 'forget', runId: 'r' })).rejects.toThrow('"forget" is not possible while the run is paused');
    await h.ask({ type: 'resume', runId: 'r' });
    await expect(h.ask({ type: 'measurePeak' })).rejects.toThrow(
      'measurePeak: it is not possible while a run is running. Pause the run first.',
    );
    await h.ask({ type: 'stop', runId: 'r' });
    await expect(h.ask({ type: 'resume', runId: 'r' })).rejects.toThrow('Start it again from its checkpoint.');
    expect(h.of('state').at(-1)?.state).toBe('stopped');
  });

  it('measures the peak once, and says MFU from then on, also to the next page', async () => {
    const files = new MemoryFiles();
    const h = new Harness({ files });
    const peak = await h.ask({ type: 'measurePeak' });
    expect(peak.matmulFlopsPerSecond).toBeGreaterThan(1e6);
    expect(peak.kernel).toMatch(/^matmul .+, 64 x 64 x 64$/);
    const next = new Harness({ files });
    await next.start({ hold: true });
    await next.ask({ type: 'step', runId: 'r' });
    expect(next.of('speed').at(-1)?.mfu).toBeGreaterThan(0);
    await next.ask({ type: 'stop', runId: 'r' });
  });

  it('promise 4: tries every fast path before it is used, once for this adapter and build', async () => {
    const files = new MemoryFiles();
    const checks = async (h: Harness): Promise<number> => {
      await h.start({ hold: true });
      await h.ask({ type: 'stop', runId: 'r' });
      return h.of('progress').filter(({ task }) => task === 'check').length;
    };
    // Believed verdicts take no time, and of such a task the first and the last word are said.
    expect(await checks(new Harness({ files }))).toBeGreaterThan(2);
    expect(await checks(new Harness({ files }))).toBeLessThanOrEqual(2);
    expect(await checks(new Harness({ files, build: 'another' }))).toBeGreaterThan(2);
  });

  it('forecasts what the run then is, and how long from runs measured before', async () => {
    const h = new Harness();
    await h.ask({ type: 'addFile', name: 'letters.txt', bytes: tinyText() });
    const before = await h.ask({ type: 'forecast', spec: tinySpec() });
    expect(before).toMatchObject({ totalSteps: 40, tokensPerStep: 64, vocab: 256, estimatedMs: null, data: null });
    const report = await h.ask({ type: 'start', runId: 'r', specs: [tinySpec()] });
    const { parameters, flopsPerToken, peakBytes, dispatchesPerStep } = before;
    expect(report).toMatchObject({ parameters, flopsPerToken, peakBytes, dispatchesPerStep, data: { name: 'letters.txt' } });
    await h.untilState('finished');
    const after = await h.ask({ type: 'forecast', spec: tinySpec() });
    expect(after.estimatedMs).toBeGreaterThan(0);
    expect(after.data).toEqual(report.data);
    for (const [type, value] of Object.entries({ forecast: after, start: report }))
      expect(isReply(type as 'start', value)).toBe(true);
  });

  it('trains on where storage is full, and says so once', async () => {
    const h = new Harness({ files: new FullFiles() });
    await h.start({ hold: true });
    await h.ask({ type: 'step', runId: 'r' });
    await h.ask({ type: 'step', runId: 'r' });
    await h.ask({ type: 'stop', runId: 'r' });
    const notices = h.of('notice').map(({ text }) => text);
    expect(notices).toHaveLength(2);
    expect(notices[0]).toContain('letters.txt is at hand until the page closes');
    expect(notices[1]).toContain('a reload would lose this run: The quota has been exceeded.');
    expect((await h.ask({ type: 'export', runId: 'r' })).byteLength).toBeGreaterThan(1000);
  });

  it('promise 6: a model that the device cannot hold is refused in words, and the next run starts', async () => {
    const h = new Harness();
    const large = tinySpec({ data: { source: 'file', context: 1024, batch: 64 }, model: { layers: 1, width: 512, heads: 8 } });
    await expect(h.start({ specs: [large] })).rejects.toThrow(
      /^DeviceError: .*larger than this adapter binds.*Choose a smaller batch/,
    );
    expect(h.of('state').at(-1)?.state).toBe('failed');
    await h.start({ hold: true });
    expect(h.of('state').at(-1)?.state).toBe('paused');
    await h.ask({ type: 'stop', runId: 'r' });
  });

  it('promise 7: a start that is refused leaves the run before it as it was', async () => {
    const h = new Harness({ files: new RefusedFiles() });
    await h.start({ runId: 'a', specs: [tinySpec({ budget: { steps: 4 } })] });
    await h.untilState('finished');
    const exported = await h.ask({ type: 'export', runId: 'a' });
    const wider = tinySpec({ model: { layers: 1, width: 32, heads: 2 } });
    const large = tinySpec({ data: { source: 'file', context: 1024, batch: 64 }, model: { layers: 1, width: 512, heads: 8 } });
    const starts = [
      { specs: [tinySpec()], checkpoint: exported.slice(0, 5000) },
      { specs: [wider], checkpoint: exported.slice(0) },
      { specs: [tinySpec(), tinySpec()], checkpoint: exported.slice(0) },
      { specs: [tinySpec()], stored: true },
      { specs: [tinySpec({ data: { source: 'code', context: 16, batch: 4 } })] },
      { specs: [tinySpec(), wider] },
      { specs: [large] },
    ];
    const texts: string[] = [];
    for (const start of starts) {
      const refusal = h.ask({ type: 'start', runId: 'b', ...start });
      texts.push(await refusal.then(String, (error: unknown) => String(error)));
    }
    expect(texts).toEqual([
      expect.stringContaining('SpecError: checkpoint file'),
      expect.stringContaining('it is of another spec: budget.steps differs'),
      expect.stringContaining('it has another number of lanes'),
      expect.stringContaining('Storage is refused'),
      expect.stringContaining('the page has not said where its files are'),
      expect.stringContaining('lanes of one program cannot differ in it'),
      expect.stringContaining('larger than this adapter binds'),
    ]);
    expect(decodeCheckpoint(await h.ask({ type: 'export', runId: 'a' }), 'a').step).toBe(4);
    await h.ask({ type: 'extend', runId: 'a', steps: 2 });
    await h.until(() => h.losses().size === 6);
    await h.untilState('finished');
  });

  it('promise 7: a start that the GPU refuses leaves the last state of the run before it', async () => {
    const h = new Harness({ files: new RefusedFiles() });
    await h.start({ runId: 'a', specs: [tinySpec({ budget: { steps: 4 } })] });
    await h.untilState('finished');
    vi.spyOn(await testGpu(), 'guard').mockRejectedValueOnce(new Error('out of memory'));
    await expect(h.ask({ type: 'start', runId: 'b', specs: [tinySpec()] })).rejects.toThrow('out of memory');
    expect(decodeCheckpoint(await h.ask({ type: 'export', runId: 'a' }), 'a').step).toBe(4);
    await h.ask({ type: 'start', runId: 'b', specs: [tinySpec()], hold: true });
    await h.ask({ type: 'stop', runId: 'b' });
  });

  it('a forecast made while a run prepares the same data does not answer with what becomes of the run', async () => {
    // The forecast waits for the data until that is given up.
    const h = new Harness({ sleepMs: 10_000 });
    const spec = tinySpec({ data: { source: 'file', context: 16, batch: 4, tokenizer: 'bpe', merges: 2000 } });
    // Words that are all different take a tokenizer seconds.
    const words = Array.from({ length: 2 ** 15 }, (_, i) =>
      Math.imul(i + 1, 0x9e3779b1)
        .toString(36)
        .replaceAll(/[^a-z]/g, ''),
    );
    const noise = new TextEncoder().encode(words.join(' '));
    await h.ask({ type: 'addFile', name: 'noise', bytes: noise.buffer });
    const started = h.ask({ type: 'start', runId: 'a', specs: [spec] });
    const refused = started.catch((error: unknown) => String(error));
    await h.until(() => h.of('progress').some(({ task }) => task === 'tokenizer'));
    const forecast = h.ask({ type: 'forecast', spec });
    await h.ask({ type: 'stop', runId: 'a' });
    expect(await refused).toContain('run a: it was stopped before its first step');
    expect(await forecast).toMatchObject({ totalSteps: 40, data: null });
  });

  it('keeps the last four files, refuses one that is too short, and says what file is missing', async () => {
    const files = new MemoryFiles();
    const h = new Harness({ files });
    await expect(h.ask({ type: 'start', runId: 'r', specs: [tinySpec()] })).rejects.toThrow(
      'there is no file of yours to train on',
    );
    for (const bytes of [0, 1]) {
      await expect(h.ask({ type: 'addFile', name: 'short', bytes: new ArrayBuffer(bytes) })).rejects.toThrow(
        'SpecError: data file "short"',
      );
    }
    for (let i = 0; i < 6; i++) await h.ask({ type: 'addFile', name: `file ${i}`, bytes: new Uint8Array(500).fill(i).buffer });
    // The index beside them.
    expect(await files.names()).toHaveLength(5);
    const next = new Harness({ files });
    expect(await next.ask({ type: 'start', runId: 'r', specs: [tinySpec()], hold: true })).toMatchObject({
      data: { name: 'file 5' },
    });
    await next.ask({ type: 'stop', runId: 'r' });
  });

  it('refuses a file that is no checkpoint, and a stored run that is not there', async () => {
    const h = new Harness();
    await expect(h.ask({ type: 'inspect', bytes: new ArrayBuffer(12) })).rejects.toThrow('SpecError: checkpoint file');
    await expect(h.start({ stored: true })).rejects.toThrow(
      "run r: the browser's storage holds no checkpoint of it. Start it anew.",
    );
    await expect(h.start({ checkpoint: new ArrayBuffer(40) })).rejects.toThrow('SpecError: checkpoint file');
  });

  it('promise 8: fetches every corpus when the page says hello, and nothing afterwards; a trained tokenizer is remembered', async () => {
    const urls: string[] = [];
    const text = new Uint8Array(tinyText());
    const fetcher = (url: string): Promise<Response> => {
      urls.push(url);
      const name = CORPORA.find((candidate) => url.includes(candidate)) ?? 'sotu';
      return Promise.resolve(new Response(packCorpus({ name, train: text, validation: text.subarray(0, 4096), ood: null })));
    };
    const files = new MemoryFiles();
    const h = new Harness({ files, fetch: fetcher });
    await h.ask({ type: 'hello', version: PROTOCOL_VERSION, baseUrl: 'https://example.test/lab/' });
    await h.until(() => urls.length > 0);
    const specs = [tinySpec({ data: { source: 'code', context: 16, batch: 4, tokenizer: 'bpe', merges: 8 } })];
    await h.ask({ type: 'start', runId: 'r', specs, hold: true });
    await h.ask({ type: 'stop', runId: 'r' });
    expect(urls).toEqual(CORPORA.map((name) => `https://example.test/lab/corpora/${name}.bin`));
    expect(h.of('progress').some(({ task }) => task === 'tokenizer')).toBe(true);

    const next = new Harness({ files, fetch: fetcher });
    await next.ask({ type: 'hello', version: PROTOCOL_VERSION, baseUrl: 'https://example.test/lab/' });
    expect(await next.ask({ type: 'start', runId: 'q', specs, hold: true })).toMatchObject({
      vocab: 264,
      data: { name: 'code' },
    });
    expect(next.of('progress').some(({ task }) => task === 'tokenizer')).toBe(false);
    await next.ask({ type: 'stop', runId: 'q' });
  });
});
