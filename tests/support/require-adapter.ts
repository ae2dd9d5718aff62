import { openNodeGpu } from '../../src/gpu/node-adapter.ts';

/** Before any test: no adapter ends the run with the one line that says how to get one, instead of a failure per GPU test. */
export async function setup(): Promise<void> {
  try {
    await openNodeGpu();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}
