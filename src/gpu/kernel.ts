import { KernelError } from '../base/errors.ts';
import { shaderText } from './shaders.ts';

/** A kernel's declarations, read from its WGSL: the shader is their one source. */
export interface KernelSource {
  readonly path: string;
  readonly code: string;
  readonly bindings: readonly Binding[];
  /** Fields of the `Sizes` uniform in order; each is 4 bytes. Empty when the kernel has none. */
  readonly sizes: readonly SizeField[];
  readonly overrides: ReadonlySet<string>;
}

export interface Binding {
  readonly name: string;
  readonly index: number;
  readonly kind: 'read' | 'write' | 'sizes';
}

export interface SizeField {
  readonly name: string;
  readonly type: 'u32' | 'i32' | 'f32';
}

const BINDING = /@group\((\d+)\)\s*@binding\((\d+)\)\s*var<(uniform|storage)(?:\s*,\s*(read|read_write))?>\s+(\w+)\s*:/g;
const SIZES = /struct\s+Sizes\s*\{([^}]*)\}/;
const FIELD = /(\w+)\s*:\s*(u32|i32|f32)/g;
const OVERRIDE = /\boverride\s+(\w+)\s*:/g;
const LIB = /^\/\/\s*uses\s+(.+)$/gm;
const TEMPLATE = /\{\{(\w+)\}\}/g;

/** Values for `{{NAME}}` in a shader: register tile sizes and element types only. */
export type Template = Readonly<Record<string, string | number>>;

const cache = new Map<string, KernelSource>();

/**
 * Reads `shaders/<path>.wgsl`: puts the snippets that a line `// uses lib/a, lib/b` names in front, with those that they use, fills the
 * template, and reads bindings, sizes and overrides from the declarations.
 *
 * @throws KernelError when a file, a snippet or a template value is missing, or a binding lies outside group 0.
 */
export function kernelSource(path: string, template: Template = {}): KernelSource {
  const key = `${path} ${JSON.stringify(template)}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const where = `kernel ${path}`;
  const body = shaderText(path).replace(TEMPLATE, (_, name: string) => {
    const value = template[name];
    if (value === undefined) throw new KernelError({ where, rule: `template value ${name} is missing` });
    return String(value);
  });
  const code = [...[...snippetsOf(body)].map(shaderText), body].join('\n');
  const bindings: Binding[] = [];
  for (const [, group, index, space, access, name = ''] of code.matchAll(BINDING)) {
    if (group !== '0') throw new KernelError({ where, rule: `binding ${name} is outside group 0` });
    const kind = space === 'uniform' ? 'sizes' : access === 'read_write' ? 'write' : 'read';
    bindings.push({ name, index: Number(index), kind });
  }
  const fields = SIZES.exec(code)?.[1] ?? '';
  const sizes = [...fields.matchAll(FIELD)].map(([, name = '', type]): SizeField => ({ name, type: type as SizeField['type'] }));
  const overrides = new Set([...code.matchAll(OVERRIDE)].map((match) => match[1] ?? ''));
  const source: KernelSource = { path, code, bindings, sizes, overrides };
  cache.set(key, source);
  return source;
}

/** The snippets that a shader uses, and those that they use, each once. */
function snippetsOf(text: string, found = new Set<string>()): ReadonlySet<string> {
  for (const [, names = ''] of text.matchAll(LIB)) {
    for (const name of names.split(',').map((part) => part.trim())) {
      if (found.has(name)) continue;
      found.add(name);
      snippetsOf(shaderText(name), found);
    }
  }
  return found;
}

/** The bytes of a kernel's `Sizes` uniform. @throws KernelError when `values` has other names than the struct. */
export function packSizes(source: KernelSource, values: Readonly<Record<string, number>>): ArrayBuffer {
  const where = `kernel ${source.path}`;
  const bytes = new ArrayBuffer(Math.max(16, Math.ceil(source.sizes.length / 4) * 16));
  const view = new DataView(bytes);
  for (const [i, { name, type }] of source.sizes.entries()) {
    const value = values[name];
    if (value === undefined) throw new KernelError({ where, rule: `size ${name} is missing` });
    if (type !== 'f32' && !Number.isInteger(value)) {
      throw new KernelError({ where, rule: `size ${name} is not whole`, got: String(value), expected: type });
    }
    if (type === 'f32') view.setFloat32(4 * i, value, true);
    else if (type === 'i32') view.setInt32(4 * i, value, true);
    else view.setUint32(4 * i, value, true);
  }
  for (const name of Object.keys(values)) {
    if (!source.sizes.some((field) => field.name === name)) {
      throw new KernelError({ where, rule: `size ${name} is not in the struct Sizes` });
    }
  }
  return bytes;
}
