import { readFileSync, readdirSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAX_LINES = 600;
/** Tables and data may be long. */
const TABLES = /(^|\/)(tables?|data)\/|\.(json|table\.ts)$/;

function filesUnder(folder: string, ending: RegExp): string[] {
  const entries = readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .toSorted();
}

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** Code without comments; a comment marker inside a string would cut it, which hides no use of a type. */
const withoutComments = (code: string): string => code.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');

const sources = filesUnder('src', /\.(ts|mjs)$/);
const shaders = filesUnder('shaders', /\.wgsl$/);

describe('the structure of the tree', () => {
  it('is seen by these checks', () => {
    expect(sources).toContain('src/base/errors.ts');
    expect(shaders.length).toBeGreaterThan(0);
  });

  it(`has no file over ${MAX_LINES} lines, tables and data excepted`, () => {
    const files = [...sources, ...shaders, ...filesUnder('tests', /\.ts$/), ...filesUnder('demos', /\.(ts|html)$/)];
    const long = files.filter(
      (path) => !TABLES.test(path.replace(/^src\/data\//, '')) && read(path).split('\n').length > MAX_LINES,
    );
    expect(long).toEqual([]);
  });

  it('names shaders in kebab-case', () => {
    expect(shaders.filter((path) => !/^[a-z0-9]+(-[a-z0-9]+)*\.wgsl$/.test(basename(path)))).toEqual([]);
  });

  it('gives every shader a header that starts with its own name and says what it does', () => {
    const headless = shaders.filter((path) => !new RegExp(`^// ${basename(path, '.wgsl')}: \\S`).test(read(path)));
    expect(headless).toEqual([]);
  });

  it('touches GPUDevice and navigator.gpu only in src/gpu', () => {
    const touching = sources.filter(
      (path) => !path.startsWith('src/gpu/') && /\bGPUDevice\b|\bnavigator\.gpu\b/.test(withoutComments(read(path))),
    );
    expect(touching).toEqual([]);
  });

  it('skips no test and singles none out', () => {
    const marked = filesUnder('tests', /\.test\.ts$/).filter((path) =>
      /\b(it|test|describe)\.(skip|only|todo|skipIf|runIf|fails)\b/.test(withoutComments(read(path))),
    );
    expect(marked).toEqual([]);
  });
});
