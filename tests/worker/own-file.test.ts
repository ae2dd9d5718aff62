import { createHash } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { runIdOf } from '../../src/spec/index.ts';
import { isReply } from '../../src/worker/event-check.ts';
import { Library } from '../../src/worker/library.ts';
import { storedReport } from '../../src/worker/reports.ts';
import { Vault } from '../../src/worker/storage.ts';
import { Harness, tinySpec, tinyText } from './harness.ts';
import { MemoryFiles } from './memory-files.ts';

const hashOf = (bytes: ArrayBuffer): string => createHash('sha256').update(new Uint8Array(bytes)).digest('hex');
const otherText = (): ArrayBuffer => new Uint8Array(tinyText()).toReversed().buffer;
const [LETTERS, OTHER] = [hashOf(tinyText()), hashOf(otherText())];

describe('the user’s files in the worker', { timeout: 120_000 }, () => {
  it('are named by the hash of their bytes, in reports of data and in the list, which outlives the page', async () => {
    const files = new MemoryFiles();
    const h = new Harness({ files });
    expect(await h.ask({ type: 'files' })).toEqual([]);
    const added = await h.ask({ type: 'addFile', name: 'letters.txt', bytes: tinyText() });
    expect(added.fileHash).toBe(LETTERS);
    await h.ask({ type: 'addFile', name: 'other.txt', bytes: otherText() });
    const listed = [
      { name: 'other.txt', hash: OTHER },
      { name: 'letters.txt', hash: LETTERS },
    ];
    expect(await h.ask({ type: 'files' })).toEqual(listed);
    expect(await new Harness({ files }).ask({ type: 'files' })).toEqual(listed);
    expect(isReply('files', listed)).toBe(true);
    expect(isReply('files', [{ name: 'a' }])).toBe(false);
    expect(isReply('addFile', { ...added, fileHash: 5 })).toBe(false);
  });

  it('a run is trained on the very file that it asks for, or refused', async () => {
    const files = new MemoryFiles();
    const h = new Harness({ files });
    await h.ask({ type: 'addFile', name: 'letters.txt', bytes: tinyText() });
    await h.ask({ type: 'addFile', name: 'other.txt', bytes: otherText() });
    const start = { type: 'start', runId: 'r', specs: [tinySpec()], hold: true } as const;
    expect((await h.ask({ ...start, fileHash: LETTERS })).data).toMatchObject({ name: 'letters.txt', fileHash: LETTERS });
    await h.ask({ type: 'stop', runId: 'r' });
    expect((await h.ask(start)).data).toMatchObject({ name: 'other.txt', fileHash: OTHER });
    await h.ask({ type: 'stop', runId: 'r' });
    await expect(h.ask({ ...start, fileHash: 'f00' })).rejects.toThrow(
      'The file that the run is to be trained on is no longer kept: add that file again.',
    );
  });

  it('bytes of no file are read but of the one that is asked for', async () => {
    const files = new MemoryFiles();
    let ms = 0;
    const open = (): Library => new Library({ vault: new Vault(files), wallClock: () => ++ms, notice: () => {} });
    const first = open();
    await first.addFile('letters.txt', new Uint8Array(tinyText()));
    await first.addFile('other.txt', new Uint8Array(otherText()));
    const read = vi.spyOn(files, 'read');
    const { dataset } = await open().open(tinySpec().data, { fileHash: LETTERS });
    expect(dataset).toMatchObject({ name: 'letters.txt', fileHash: LETTERS });
    expect(read.mock.calls.filter(([name]) => name.endsWith('.bin'))).toHaveLength(1);
  });

  it('a checkpoint does not go on with another file than the one that is asked for: one sentence says so', async () => {
    const files = new MemoryFiles();
    const h = new Harness({ files });
    await h.start({ specs: [tinySpec({ budget: { steps: 4 } })], fileHash: LETTERS });
    await h.untilState('finished');
    await h.ask({ type: 'stop', runId: 'r' });
    const [stored] = await h.ask({ type: 'stored' });
    expect(stored?.lanes).toEqual([runIdOf(tinySpec({ budget: { steps: 4 } }))]);
    await h.ask({ type: 'addFile', name: 'other.txt', bytes: otherText() });
    const specs = [tinySpec({ budget: { steps: 4 } })];
    await expect(h.ask({ type: 'start', runId: 'r', specs, stored: true, fileHash: OTHER })).rejects.toThrow(
      'SpecError: checkpoint: it was trained on another file than the one at hand: got "other.txt". Add the file that the run was started on.',
    );
    expect((await h.ask({ type: 'start', runId: 'r', specs, stored: true, fileHash: LETTERS })).data.name).toBe('letters.txt');
    await h.untilState('finished');
  });
});

describe('a stored checkpoint', () => {
  it('of an earlier build, which did not name its lanes, is listed without them', () => {
    const meta = { spec: tinySpec(), step: 4, totalSteps: 40, fileKey: null };
    const entry = { key: 'checkpoint/r', file: 'x.bin', sizeBytes: 1, savedAt: 1, meta };
    expect(storedReport(entry)).toMatchObject({ runId: 'r', step: 4 });
    expect(storedReport(entry)).not.toHaveProperty('lanes');
    expect(storedReport({ ...entry, meta: { ...meta, lanes: ['a', 'b'] } })?.lanes).toEqual(['a', 'b']);
    expect(storedReport({ ...entry, meta: { ...meta, lanes: [1] } })).toBeNull();
  });
});
