import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Page } from 'puppeteer';
import * as v from 'valibot';

/** What a visit found of the adapter's fast paths, as the lab's storage keeps it. */
export interface KnownPaths {
  readonly entry: v.InferOutput<typeof ENTRY>;
  readonly text: string;
}

const ENTRY = v.looseObject({ key: v.string(), file: v.string() });
const INDEX = v.object({ entries: v.array(ENTRY) });

const KNOWN = v.object({ entry: ENTRY, text: v.string() });

/** What earlier test files have found; null before one has. */
export function loadKnownPaths(file: string): KnownPaths | null {
  return existsSync(file) ? v.parse(KNOWN, JSON.parse(readFileSync(file, 'utf8'))) : null;
}

/** Lets later test files know. Whole at once: another one may be reading. */
export function saveKnownPaths(file: string, known: KnownPaths): void {
  const own = `${file}.${process.pid}`;
  writeFileSync(own, JSON.stringify(known));
  renameSync(own, file);
}

/** Reads what the visits of this page's site have found; null before they have tried a run. */
export async function readKnownPaths(page: Page): Promise<KnownPaths | null> {
  const index = await read(page, 'index.json');
  const entry =
    index === null ? undefined : v.parse(INDEX, JSON.parse(index)).entries.find(({ key }) => key.startsWith('adapter/'));
  const text = entry === undefined ? null : await read(page, entry.file);
  return entry === undefined || text === null ? null : { entry, text };
}

/** Puts into the empty storage of this page's site what earlier visits have found, and nothing else of theirs. */
export async function writeKnownPaths(page: Page, { entry, text }: KnownPaths): Promise<void> {
  await write(page, entry.file, text);
  await write(page, 'index.json', JSON.stringify({ version: 1, entries: [entry] }));
}

function read(page: Page, name: string): Promise<string | null> {
  return page.evaluate(async (file) => {
    try {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('isoflop');
      return await (await (await folder.getFileHandle(file)).getFile()).text();
    } catch {
      return null;
    }
  }, name);
}

async function write(page: Page, name: string, text: string): Promise<void> {
  const put = async (file: string, content: string): Promise<void> => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('isoflop', { create: true });
    const writable = await (await folder.getFileHandle(file, { create: true })).createWritable();
    await writable.write(content);
    await writable.close();
  };
  await page.evaluate(put, name, text);
}
