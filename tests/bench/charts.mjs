// Runs the benchmark of the Runs page against dist/, through Vite, so that it needs no build step of its own.
import { fileURLToPath } from 'node:url';
import { createServer } from 'vite';

process.setSourceMapsEnabled(true);

const server = await createServer({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  appType: 'custom',
  logLevel: 'error',
  clearScreen: false,
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  optimizeDeps: { noDiscovery: true },
});
const { main } = await server.environments.ssr.runner.import('/tests/bench/charts/launch.ts');
process.exitCode = await main(process.argv.slice(2));
await server.close();
process.exit();
