import { openNodeGpu } from '../../src/gpu/node-adapter.ts';

const FILTERS: readonly GPUErrorFilter[] = ['validation', 'out-of-memory', 'internal'];

/** Errors that no scope caught since the last test. */
const uncaptured: string[] = [];
let shared: Promise<GPUDevice> | undefined;

async function requestAdapter(): Promise<GPUAdapter> {
  const adapter = await (await openNodeGpu()).requestAdapter();
  if (adapter === null) {
    throw new Error('the adapter is gone');
  }
  return adapter;
}

/** Errors of the shared device fall into these scopes, one of each kind around every test. */
function pushScopes(device: GPUDevice): void {
  for (const filter of FILTERS) {
    device.pushErrorScope(filter);
  }
}

async function popScopes(device: GPUDevice): Promise<string[]> {
  const errors = await Promise.all(FILTERS.map(() => device.popErrorScope()));
  return errors.flatMap((error) => (error === null ? [] : [`${error.constructor.name}: ${error.message}`]));
}

async function openShared(): Promise<GPUDevice> {
  const device = await requestLoneDevice();
  device.addEventListener('uncapturederror', ({ error }) => uncaptured.push(error.message));
  void device.lost.then(({ reason, message }) => {
    shared = undefined;
    uncaptured.push(`the shared device was lost (${reason}): ${message}. A test that breaks a device uses requestLoneDevice.`);
  });
  pushScopes(device);
  return device;
}

/**
 * The device that all tests of a process share: default limits and no features (promise 5). A GPU error that a test
 * leaves behind fails that test.
 */
export function requestTestDevice(): Promise<GPUDevice> {
  shared ??= openShared();
  return shared;
}

/** A device of the test's own, which it may break and has to destroy; its errors are the test's own business too. */
export async function requestLoneDevice(descriptor?: GPUDeviceDescriptor): Promise<GPUDevice> {
  return (await requestAdapter()).requestDevice(descriptor);
}

/** The GPU errors since the last call, and new scopes for the next ones. */
export async function takeGpuErrors(): Promise<string[]> {
  if (shared === undefined) {
    return uncaptured.splice(0);
  }
  const device = await shared;
  await device.queue.onSubmittedWorkDone();
  const scoped = await popScopes(device);
  pushScopes(device);
  return [...scoped, ...uncaptured.splice(0)];
}
