import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vite';
import { corporaPlugin } from './src/data/corpus-plugin.ts';

const ROOT = import.meta.dirname;

/** The lab, and every page of `demos/`. */
const demos = readdirSync(join(ROOT, 'demos')).filter((file) => file.endsWith('.html'));
const pages = ['index.html', ...demos.map((file) => `demos/${file}`)];

/** The version, and the commit where there is one: what remembered facts about kernels are filed under. */
function buildName(): string {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  try {
    const commit = execFileSync('git', ['describe', '--always', '--dirty'], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return `${version} (${commit.trim()})`;
  } catch {
    return version;
  }
}

export default defineConfig({
  define: { 'import.meta.env.VITE_BUILD': JSON.stringify(buildName()) },
  base: './',
  plugins: [corporaPlugin()],
  build: { target: 'es2023', rolldownOptions: { input: pages.map((page) => join(ROOT, page)) } },
  worker: { format: 'es' },
});
