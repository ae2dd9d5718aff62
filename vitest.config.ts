import { defineConfig, mergeConfig } from 'vitest/config';
import viteConfig from './vite.config.ts';

export default mergeConfig(
  viteConfig,
  defineConfig({
    test: {
      // Dawn needs a process of its own; more than two contend for the cores of a software adapter.
      pool: 'forks',
      maxWorkers: 2,
      projects: [
        {
          extends: true,
          test: {
            name: 'node',
            include: ['tests/**/*.test.ts'],
            exclude: ['tests/browser/**'],
            globalSetup: 'tests/support/require-adapter.ts',
            setupFiles: 'tests/support/gpu-errors.ts',
            // One process runs many files: its device keeps the pipelines that they share.
            isolate: false,
            testTimeout: 60_000,
            hookTimeout: 30_000,
          },
        },
        {
          extends: true,
          test: {
            name: 'browser',
            include: ['tests/browser/**/*.test.ts'],
            globalSetup: 'tests/support/require-browser.ts',
            testTimeout: 120_000,
            hookTimeout: 120_000,
          },
        },
      ],
    },
  }),
);
