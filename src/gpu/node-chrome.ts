/** Finds an installed Chrome or Chromium: the tests drive it, and its folder holds the software Vulkan driver. Node only. */
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** What to tell a user who has no browser to fall back on. */
export const INSTALL_CHROME =
  'Install Chrome or Chromium (Debian, Ubuntu: apt-get install chromium), or set CHROME_PATH to the executable.';

const EXECUTABLES: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  linux: [
    '/usr/lib/chromium/chromium',
    '/usr/lib/chromium-browser/chromium-browser',
    '/opt/google/chrome/chrome',
    '/opt/google/chrome-beta/chrome',
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
  ],
  darwin: ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium'],
  win32: [
    'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
    'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
    'C:\\Program Files\\Chromium\\Application\\chrome.exe',
  ],
};

/** Browsers that `npx puppeteer browsers install chrome` left behind, newest first. */
function puppeteerExecutables(): string[] {
  const cache = join(process.env['PUPPETEER_CACHE_DIR'] ?? join(homedir(), '.cache', 'puppeteer'), 'chrome');
  if (!existsSync(cache)) {
    return [];
  }
  const versions = readdirSync(cache).sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  return versions.map((version) => join(cache, version, 'chrome-linux64', 'chrome'));
}

/** Executables of installed browsers, the user's own choice (CHROME_PATH, PUPPETEER_EXECUTABLE_PATH) first. */
export function chromeExecutables(): string[] {
  const chosen = [process.env['CHROME_PATH'], process.env['PUPPETEER_EXECUTABLE_PATH']];
  const known = [...chosen, ...(EXECUTABLES[process.platform] ?? []), ...puppeteerExecutables()];
  return known.filter((path): path is string => path !== undefined && existsSync(path) && statSync(path).isFile());
}

/** Folders that hold a Vulkan loader with the SwiftShader driver beside it, as Chrome ships them on Linux. */
export function swiftShaderFolders(): string[] {
  // CHROME_PATH may name a wrapper script, /usr/bin/chromium on Debian is one; then the known folders serve.
  const folders = [...chromeExecutables().map((path) => dirname(realpathSync(path))), '/usr/lib/chromium', '/opt/google/chrome'];
  return [...new Set(folders)].filter(
    (folder) => existsSync(join(folder, 'libvulkan.so.1')) && existsSync(join(folder, 'vk_swiftshader_icd.json')),
  );
}

/**
 * For SwiftShader, in Dawn's terms: workgroup memory is zeroed by a loop in the shader. SwiftShader itself writes one store an
 * element, and compiles tiled kernels several times longer for it.
 */
export const SOFTWARE_DAWN_FLAG = 'disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension';

/** `software`: SwiftShader, the same everywhere; `default`: what Chrome would choose; `none`: a browser that has none. */
export type BrowserAdapter = 'software' | 'default' | 'none';

const ADAPTER_FLAGS: Readonly<Record<BrowserAdapter, readonly string[]>> = {
  software: ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', `--${SOFTWARE_DAWN_FLAG}`],
  default: ['--enable-unsafe-webgpu', '--enable-features=Vulkan'],
  none: ['--disable-gpu'],
};

/** Quiet and offline: none of these changes what a page sees. */
const QUIET_FLAGS = [
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
  // A software adapter needs the cores that painting would take.
  '--disable-gpu-compositing',
];

/** How a headless Chrome is started for tests and benchmarks. */
export function chromeFlags(adapter: BrowserAdapter): string[] {
  // Chrome's sandbox does not start for root.
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return [...QUIET_FLAGS, ...ADAPTER_FLAGS[adapter], ...sandbox];
}
