// Starts `isoflop` from a checkout without a build step: Vite turns the TypeScript and the WGSL imports into modules on demand.
import { fileURLToPath } from 'node:url';
import { createServer } from 'vite';

process.setSourceMapsEnabled(true);

const server = await createServer({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  appType: 'custom',
  logLevel: 'silent',
  clearScreen: false,
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  optimizeDeps: { noDiscovery: true },
});
const { main } = await server.environments.ssr.runner.import('/src/cli/main.ts');
// The status is set before the exit, so that what is still in the pipes of stdout and stderr is written.
process.exitCode = await main(process.argv.slice(2));
await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write('', done))));
process.exit();
