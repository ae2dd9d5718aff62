/** WebGPU in Node, on Dawn: the machine's own GPU where it has a driver, else the software adapter that ships with Chrome. */
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { create, globals } from 'webgpu';
import { DeviceError } from '../base/errors.ts';
import { isSoftware } from './device.ts';
import { INSTALL_CHROME, SOFTWARE_DAWN_FLAG, swiftShaderFolders } from './node-chrome.ts';

// dlopen's RTLD_LAZY and glibc's RTLD_NODELETE, which Node's constants lack: the library stays although it is no addon.
const LOAD_AND_KEEP = 0x1 | 0x1000;

/**
 * Loads a shared library into this process, so that Dawn's later dlopen of the same soname finds it. That spares a
 * restart with LD_LIBRARY_PATH, which the dynamic linker reads only when a process starts.
 */
function loadLibrary(path: string): boolean {
  try {
    process.dlopen({ exports: {} }, path, LOAD_AND_KEEP);
    return true;
  } catch (error) {
    // Node loads the library before it finds that this is no addon.
    return error instanceof Error && error.message.includes('self-register');
  }
}

/** Whether the Vulkan loader has a driver to find: one named by environment, or one in its search path. */
function hasVulkanDriver(): boolean {
  const { env } = process;
  if (['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'VK_ADD_DRIVER_FILES'].some((name) => (env[name] ?? '') !== '')) {
    return true;
  }
  const home = env['XDG_DATA_HOME'] ?? join(homedir(), '.local', 'share');
  const shared = (env['XDG_DATA_DIRS'] ?? '/usr/local/share:/usr/share').split(':');
  return ['/etc', '/usr/local/etc', home, ...shared].some((root) => {
    const folder = join(root, 'vulkan', 'icd.d');
    return existsSync(folder) && readdirSync(folder).some((file) => file.endsWith('.json'));
  });
}

/** Takes Chrome's Vulkan loader if the system has none, and its software driver if `software`. */
function setUpVulkan(software: boolean): void {
  const folder = swiftShaderFolders()[0];
  if (!loadLibrary('libvulkan.so.1') && folder !== undefined) {
    loadLibrary(join(folder, 'libvulkan.so.1'));
  }
  if (software && folder !== undefined) {
    process.env['VK_DRIVER_FILES'] = join(folder, 'vk_swiftshader_icd.json');
  }
}

/** Turns of the event loop that go by at full speed before a wait counts as a long one. */
const EAGER_TURNS = 20;
const NAP_MS = 1;

/**
 * Dawn asks for events in every turn of the event loop until what it waits for has come, and so keeps a core busy, which a software adapter
 * needs itself. It looks `setImmediate` up by name for each turn; from here on, its turns nap once a wait is long.
 */
function napWhileWaiting(): void {
  const { setImmediate: soon } = globalThis;
  let turns = 0;
  let inTurn = false;
  const patient = (turn: (...args: unknown[]) => void, ...args: unknown[]): unknown => {
    // Dawn's turns are the only ones made of native code.
    if (!/\[native code\]/.test(Function.prototype.toString.call(turn))) return soon(turn, ...args);
    turns = inTurn ? turns + 1 : 0;
    const run = (): void => {
      inTurn = true;
      try {
        turn(...args);
      } finally {
        inTurn = false;
      }
    };
    return turns < EAGER_TURNS ? soon(run) : setTimeout(run, NAP_MS);
  };
  Object.assign(globalThis, { setImmediate: Object.assign(patient, soon) });
}

/** Dawn drops its devices when the instance is collected. */
let opened: Promise<GPU> | undefined;

/** What the driver that is set up gives; null without an adapter. */
async function created(): Promise<GPU | null> {
  const gpu = create([]);
  const adapter = await gpu.requestAdapter();
  if (adapter === null || !isSoftware(adapter.info)) return adapter === null ? null : gpu;
  napWhileWaiting();
  return create([SOFTWARE_DAWN_FLAG]);
}

async function open(): Promise<GPU> {
  Object.assign(globalThis, globals);
  // Asked only where a driver exists: Dawn writes a warning to stderr for each search in vain.
  if (process.platform !== 'linux' || hasVulkanDriver()) {
    if (process.platform === 'linux') {
      setUpVulkan(false);
    }
    const gpu = await created();
    if (gpu !== null) return gpu;
  }
  if (process.platform === 'linux' && swiftShaderFolders().length > 0) {
    setUpVulkan(true);
    const gpu = await created();
    if (gpu !== null) return gpu;
  }
  throw new DeviceError({
    where: 'webgpu in node',
    rule: 'no adapter: this machine has neither a working GPU driver nor a software adapter',
    cure: INSTALL_CHROME,
  });
}

/**
 * The process's one WebGPU entry point, with an adapter behind it; the WebGPU constants (`GPUBufferUsage`, ...) become globals.
 * A driver of the system, or one named by VK_DRIVER_FILES, wins over the software adapter.
 * End a script that used it with `process.exit`: Dawn's threads keep a process alive.
 * @throws DeviceError with the cure when there is no adapter at all.
 */
export function openNodeGpu(): Promise<GPU> {
  opened ??= open();
  return opened;
}
