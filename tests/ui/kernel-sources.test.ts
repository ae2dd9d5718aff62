import { describe, expect, it } from 'vitest';
import { otherKernelWords, overrideWords, sourceChoices, sourceText } from '../../src/ui/kernel-sources.ts';
import { fakeKernels } from '../support/fake-measuring.ts';

const { rows, sources } = fakeKernels();
const [row] = rows;
if (row === undefined) throw new Error('no row');
const choices = sourceChoices(row);

describe('the WGSL of a kernel', () => {
  it('can be chosen from every kernel of every variant, its own first', () => {
    expect(choices.map(({ label, used }) => [label, used])).toEqual([
      ['8x8', true],
      ['split: split', false],
      ['split: split-sum', false],
    ]);
    const twice = { variant: 'split', kernels: [0, 1].map((i) => ({ kernel: 'matmul/split', source: `${i}`, overrides: {} })) };
    expect(sourceChoices({ variants: [twice] }).map(({ label }) => label)).toEqual(['split: split', 'split: split 2']);
    expect(sourceChoices({ variants: [{ variant: '', kernels: [] }] })).toEqual([
      { label: 'plain', variant: '', compiled: null, used: true },
    ]);
  });

  it('says whose figures are shown where it is of another kernel, also of one of the same variant and of one without variants', () => {
    expect(choices.map((choice) => otherKernelWords(row, choice))).toEqual([
      null,
      'The figures above are of matmul/tiled, variant 8x8; the WGSL below is of matmul/split, variant split.',
      'The figures above are of matmul/tiled, variant 8x8; the WGSL below is of matmul/split-sum, variant split.',
    ]);
    const one = (kernel: string) => ({ kernel, source: kernel, overrides: null });
    const [own, second] = sourceChoices({ variants: [{ variant: '', kernels: [one('norm/a'), one('norm/b')] }] });
    if (own === undefined || second === undefined) throw new Error('no choices');
    expect([own.used, second.used]).toEqual([true, false]);
    expect(otherKernelWords({ kernel: 'norm/a', variant: '' }, second)).toBe(
      'The figures above are of norm/a; the WGSL below is of norm/b.',
    );
    expect(otherKernelWords(row, { ...second, compiled: null })).toBeNull();
    expect(overrideWords(one('norm/a'))).toBeNull();
    expect(sourceText(own, { 'norm/a': 'x' })).toBe('// shaders/norm/a.wgsl\n// overrides: not recorded\nx');
  });

  it('is copied with what its pipeline sets above it', () => {
    const texts = choices.map((choice) => sourceText(choice, sources).split('\n').slice(0, 3));
    expect(texts).toEqual([
      ['// shaders/matmul/tiled.wgsl, variant 8x8', '// overrides: TILE = 8, EDGES = false', '// matmul/tiled: made up'],
      ['// shaders/matmul/split.wgsl, variant split', '// overrides: WORKGROUP = 64', '// matmul/split: made up'],
      ['// shaders/matmul/split-sum.wgsl, variant split', '// overrides: none', '// matmul/split-sum: made up'],
    ]);
    expect(choices.map(({ compiled }) => (compiled === null ? null : overrideWords(compiled)))).toEqual([
      'TILE = 8 · EDGES = false',
      'WORKGROUP = 64',
      '',
    ]);
    expect(sourceText({ label: 'old', variant: 'old', compiled: null, used: false }, sources)).toBe('');
  });
});
