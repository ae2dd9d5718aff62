// Serves the page of the benchmark and this checkout's TypeScript through one Vite server, then hands over to the launcher.
import { fileURLToPath } from 'node:url';
import { createServer } from 'vite';

process.setSourceMapsEnabled(true);

const server = await createServer({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  appType: 'mpa',
  logLevel: 'error',
  clearScreen: false,
  // A cache of its own: the lab's server must not see what only this page needs.
  cacheDir: 'node_modules/.vite-peers',
  server: { host: '127.0.0.1', port: 0, watch: null },
  optimizeDeps: {
    noDiscovery: true,
    include: [
      '@jax-js/jax',
      '@tensorflow/tfjs-core',
      '@tensorflow/tfjs-core/dist/register_all_gradients',
      '@tensorflow/tfjs-backend-webgpu',
    ],
  },
});
await server.listen();
const { main } = await server.environments.ssr.runner.import('/src/bench/peers/launch.ts');
const address = server.httpServer.address();
process.exitCode = await main(process.argv.slice(2), `http://127.0.0.1:${address.port}/src/bench/peers/index.html`);
await server.close();
process.exit();
