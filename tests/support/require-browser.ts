import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { INSTALL_CHROME, chromeExecutables } from '../../src/gpu/node-chrome.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A file that holds what earlier test files have found of fast paths, once one has. */
    knownPaths: string;
  }
}

/** Before any browser test: what they all need, else one line that says how to get it. @returns what clears up after the last. */
export function setup({ provide }: Pick<TestProject, 'provide'>): () => void {
  const missing: string[] = [];
  if (chromeExecutables().length === 0) {
    missing.push(`browser tests: no Chrome or Chromium found. ${INSTALL_CHROME}`);
  }
  if (!existsSync('dist/index.html')) {
    missing.push('browser tests: dist/index.html is missing. Run `npm run build` first.');
  }
  if (missing.length > 0) {
    process.stderr.write(`${missing.join('\n')}\n`);
    process.exit(1);
  }
  const folder = mkdtempSync(join(tmpdir(), 'isoflop-browser-tests-'));
  provide('knownPaths', join(folder, 'known.json'));
  return () => rmSync(folder, { recursive: true, force: true });
}
