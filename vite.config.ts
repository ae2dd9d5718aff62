import { existsSync, readdirSync } from 'node:fs';
import { defineConfig } from 'vite';
import { corporaPlugin } from './src/data/corpus-plugin.ts';

/** The lab, and every page of `demos/`. */
const pages = ['index.html', ...(existsSync('demos') ? readdirSync('demos') : []).filter((file) => file.endsWith('.html')).map((file) => `demos/${file}`)];

export default defineConfig({
  base: './',
  plugins: [corporaPlugin()],
  build: { target: 'es2023', rolldownOptions: { input: pages.filter((page) => existsSync(page)) } },
  worker: { format: 'es' },
});
