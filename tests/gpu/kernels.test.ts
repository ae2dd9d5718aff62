import { describe, expect, it } from 'vitest';
import { WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import { KernelError } from '../../src/base/errors.ts';
import { kernelSource, packSizes } from '../../src/gpu/kernel.ts';
import { kernelPaths, shaderText } from '../../src/gpu/shaders.ts';

/** Template values that are no numbers: the kernel's text differs with each. */
const FORMS: Readonly<Record<string, readonly string[]>> = {
  OPERANDS: ['f32', 'coded'],
  LOADS: ['f32', 'coded', 'vec4', 'f16'],
  LOGITS: ['apart', 'in-place'],
  MADE: ['none', 'amax', 'cast'],
  STORED: ['none', 'cast', 'amax', 'second-amax'],
  TOLD: ['none', 'amax'],
  FLAT: ['items', 'parts'],
};

/** The template values that a kernel asks for, each 4, for vectors of four and registers for four, or one of {@link FORMS}. */
function templatesOf(path: string): readonly Record<string, number | string>[] {
  const names = [...shaderText(path).matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1] ?? '');
  return names.reduce<readonly Record<string, number | string>[]>(
    (all, name) => all.flatMap((one) => (FORMS[name] ?? [4]).map((value) => ({ ...one, [name]: value }))),
    [{}],
  );
}

const kernels = kernelPaths.flatMap((path) =>
  templatesOf(path).map((template) => ({ path, template, form: Object.values(template).join(' ') })),
);

function headerOf(path: string): string {
  const lines = shaderText(path).split('\n');
  return lines
    .slice(
      0,
      lines.findIndex((line) => !line.startsWith('//')),
    )
    .join('\n');
}

describe.each(kernels)('shaders/$path.wgsl $form', ({ path, template }) => {
  const source = kernelSource(path, template);
  const reflection = new WgslReflect(source.code);
  const header = headerOf(path);

  it('declares what reflection finds: one entry point main, bindings, the fields of Sizes', () => {
    expect(reflection.entry.compute.map(({ name }) => name)).toEqual(['main']);
    const found = reflection.getBindGroups()[0] ?? [];
    expect(source.bindings.map(({ name, index }) => `${index} ${name}`).toSorted()).toEqual(
      found
        .filter(Boolean)
        .map(({ name, binding }) => `${binding} ${name}`)
        .toSorted(),
    );
    const sizes = reflection.structs.find(({ name }) => name === 'Sizes');
    expect(source.sizes.map(({ name }) => name)).toEqual((sizes?.members ?? []).map(({ name }) => name));
  });

  it('has a header that names the kernel, every binding by number, the dispatch and every override', () => {
    expect(header).toContain(`// ${path.split('/').at(-1)}: `);
    for (const { name, index } of source.bindings.filter(({ kind }) => kind !== 'sizes'))
      expect(header).toMatch(new RegExp(`\\b${index} ${name}\\b`));
    expect(header).toContain('// dispatch');
    // Overrides that follow from others are the kernel's own business.
    const own = [...shaderText(path).matchAll(/^override\s+(\w+)\s*:\s*\w+\s*=\s*(?:\d+u?|true|false|[\d.]+)\s*;/gm)].map(
      (match) => match[1] ?? '',
    );
    for (const name of own) expect(header).toContain(name);
  });

  it('keeps to what every adapter has: 8 storage buffers, no float atomics, and no feature that its header does not ask for', () => {
    expect(source.bindings.filter(({ kind }) => kind !== 'sizes').length).toBeLessThanOrEqual(8);
    expect(source.code).not.toMatch(/atomic<f32>/);
    for (const [, feature = ''] of source.code.matchAll(/^enable\s+(\w+)/gm))
      expect(header).toMatch(new RegExp(`^// needs .*\\b${feature}\\b`, 'm'));
  });
});

describe('a kernel declaration', () => {
  it('packs sizes by name, in the order and types of the struct', () => {
    const source = kernelSource('matmul/plain', { OPERANDS: 'f32' });
    const values = Object.fromEntries(source.sizes.map(({ name }, i) => [name, i + 1]));
    const view = new DataView(packSizes(source, values));
    for (const [i, { type }] of source.sizes.entries())
      expect(type === 'f32' ? view.getFloat32(4 * i, true) : view.getUint32(4 * i, true)).toBe(i + 1);
  });

  it('refuses sizes that are missing, unknown or not whole', () => {
    const source = kernelSource('matmul/plain', { OPERANDS: 'f32' });
    const values = Object.fromEntries(source.sizes.map(({ name }) => [name, 1]));
    const { m: _, ...short } = values;
    expect(() => packSizes(source, short)).toThrow('kernel matmul/plain: size m is missing.');
    expect(() => packSizes(source, { ...values, q: 1 })).toThrow('size q is not in the struct Sizes');
    expect(() => packSizes(source, { ...values, k: 0.5 })).toThrow('size k is not whole: got 0.5, expected u32');
  });

  it('refuses a file or a template value that is missing', () => {
    expect(() => kernelSource('matmul/nowhere')).toThrow(KernelError);
    expect(() => kernelSource('norm/norm-forward')).toThrow('template value WIDTH is missing');
  });
});
