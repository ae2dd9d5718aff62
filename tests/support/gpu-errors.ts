import { afterEach } from 'vitest';
import { takeGpuErrors } from './gpu.ts';

afterEach(async () => {
  const errors = await takeGpuErrors();
  if (errors.length > 0) {
    throw new Error(`GPU errors that the test did not expect:\n${errors.join('\n')}`);
  }
});
