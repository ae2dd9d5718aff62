import { KernelError } from '../base/errors.ts';

const FILES = import.meta.glob<string>('/shaders/**/*.wgsl', { query: '?raw', import: 'default', eager: true });

/** Paths of all kernels below `shaders/`, without `.wgsl`: `norm/norm-forward`. Snippets of `lib/` are not kernels. */
export const kernelPaths: readonly string[] = Object.keys(FILES)
  .map((path) => path.replace(/^\/shaders\//, '').replace(/\.wgsl$/, ''))
  .filter((path) => !path.startsWith('lib/'))
  .toSorted();

/** The text of a shader file as it stands. */
export function shaderText(path: string): string {
  const text = FILES[`/shaders/${path}.wgsl`];
  if (text === undefined) throw new KernelError({ where: `shader ${path}`, rule: 'there is no such file' });
  return text;
}
