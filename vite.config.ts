import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { defineConfig } from 'vite';
import { corporaPlugin } from './src/data/corpus-plugin.ts';

/** The lab, and every page of `demos/`. */
const pages = ['index.html', ...(existsSync('demos') ? readdirSync('demos') : []).filter((file) => file.endsWith('.html')).map((file) => `demos/${file}`)];

/** The version, and the commit where there is one: what remembered facts about kernels are filed under. */
function buildName(): string {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  try {
    const commit = execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return `${version} (${commit.trim()})`;
  } catch {
    return version;
  }
}

export default defineConfig({
  define: { 'import.meta.env.VITE_BUILD': JSON.stringify(buildName()) },
  base: './',
  plugins: [corporaPlugin()],
  build: { target: 'es2023', rolldownOptions: { input: pages.filter((page) => existsSync(page)) } },
  worker: { format: 'es' },
});
