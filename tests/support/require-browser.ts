import { existsSync } from 'node:fs';
import { INSTALL_CHROME, chromeExecutables } from '../../src/gpu/node-chrome.ts';

/** Before any browser test: what they all need, else one line that says how to get it. */
export function setup(): void {
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
}
