import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parseSpec } from '../../src/spec/index.ts';
import { decodeWeights, initialWeights } from '../../src/train/index.ts';
import { isoflop, parseLines, Scratch, TEXT, tinySpec } from './run-cli.ts';

describe('isoflop', () => {
  it('runs from a checkout without a build step, with the same losses as in this process', async () => {
    const scratch = new Scratch();
    const argv = ['train', scratch.put('spec.json', tinySpec), '--data', scratch.put('text.txt', TEXT), '--steps', '3', '--json'];
    const { stdout, stderr } = await promisify(execFile)('npm', ['run', '-s', 'isoflop', '--', ...argv]);
    expect(stderr).not.toContain('isoflop');
    expect(parseLines(stdout).steps).toEqual(parseLines((await isoflop(argv)).out).steps);
  }, 120_000);

  it('names its commands, flags and version', async () => {
    const overview = await isoflop(['--help']);
    expect(overview).toMatchObject({ status: 0, err: '' });
    for (const name of ['device', 'train', 'sweep', 'init', 'fit', 'bench']) {
      expect(overview.out).toContain(`\n  ${name} `);
      expect(await isoflop([name, '--help'])).toMatchObject({
        status: 0,
        err: '',
        out: expect.stringContaining(`usage: isoflop ${name} `) as string,
      });
    }
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await isoflop(['--version'])).toEqual({ status: 0, out: `isoflop ${version}\n`, err: '' });
  });

  it.each<{ words: string; status: number; says: string | RegExp }>([
    { words: '', status: 2, says: 'isoflop: a command is missing, expected device, train, sweep, init' },
    { words: 'fly', status: 2, says: 'isoflop: there is no such command: got fly, expected device' },
    { words: '--fly', status: 2, says: 'isoflop: there is no such command: got --fly' },
    { words: 'device --fast', status: 2, says: 'isoflop device: --fast: there is no such flag: expected --json.' },
    { words: 'device now', status: 2, says: 'isoflop device: "now": one word too many: expected none.' },
    { words: 'device --json=yes', status: 2, says: 'isoflop device: --json: it takes no value: got yes.' },
    { words: 'train', status: 2, says: 'isoflop train: SPEC.json: it is missing.' },
    { words: 'train tiny.json -o x', status: 2, says: 'isoflop train: -o: there is no such flag: expected --data, --init' },
    { words: 'train tiny.json --steps', status: 2, says: 'isoflop train: --steps: its value is missing.' },
    { words: 'train tiny.json --out --json', status: 2, says: 'isoflop train: --out: its value is missing: got --json.' },
    { words: 'train tiny.json --steps 2 --steps 3', status: 2, says: 'isoflop train: --steps: it is given twice.' },
    {
      words: 'train tiny.json --steps 1e3',
      status: 2,
      says: 'isoflop train: --steps: it is not a whole number in bounds: got 1e3',
    },
    { words: 'train tiny.json --steps 0', status: 2, says: 'got 0, expected 1..10000000.' },
    {
      words: 'train tiny.json --init w --resume c',
      status: 2,
      says: 'isoflop train: --init: a run that resumes has its weights.',
    },
    { words: 'bench', status: 2, says: 'isoflop bench: BENCHMARK: it is missing.' },
    {
      words: 'bench speed',
      status: 2,
      says: 'isoflop bench: bench: there is no such benchmark: got speed, expected step, kernels, fusion, lanes, numerics, recipes, fit.',
    },
    { words: 'bench step none.json', status: 1, says: /file "[^"]*none.json": there is no such file/ },
    { words: 'init tiny.json', status: 2, says: 'isoflop init: --out: it is missing: expected a file name.' },
    { words: 'train none.json', status: 1, says: /^isoflop train: file "[^"]*none.json": there is no such file or folder\.\n$/ },
    { words: 'train .', status: 1, says: 'it is a folder, not a file.' },
    { words: 'train text.txt', status: 1, says: /file "[^"]*text.txt": it is not JSON: got Unexpected/ },
    { words: 'train empty.json', status: 1, says: 'it is not JSON: got an empty file' },
    { words: 'train list.json', status: 1, says: 'isoflop train: spec: is not an object' },
    { words: 'train list.json --steps 3', status: 1, says: 'isoflop train: spec: is not an object' },
    { words: 'train heads.json', status: 1, says: 'isoflop train: spec model.heads: heads do not divide width' },
    { words: 'train typo.json', status: 1, says: 'isoflop train: spec model.layres: is not a field of a spec' },
    { words: 'train tiny.json --steps 2', status: 1, says: 'schedule.warmupSteps: the warm-up is not shorter than the run' },
    { words: 'train tiny.json', status: 1, says: 'spec data.source: the run reads a file. Name it with --data FILE.' },
    { words: 'train markov.json --data text.txt', status: 1, says: '--data: the spec reads no file: got data.source "markov"' },
    { words: 'train tiny.json --data none.txt', status: 1, says: /file "[^"]*none.txt": there is no such file/ },
    { words: 'train tiny.json --data byte.txt', status: 1, says: /data file "byte.txt": .*got 1 /u },
    { words: 'train tiny.json --data empty.json', status: 1, says: /data file "empty.json": .*got 0 /u },
    { words: 'train tiny.json --data text.txt --init text.txt', status: 1, says: /file "[^"]*text.txt": / },
    {
      words: 'train tiny.json --data text.txt --out text.txt',
      status: 1,
      says: /"[^"]*text.txt[^"]*": (it is a file, not a folder|a part of its path is a file)/,
    },
    {
      words: 'init tiny.json --out none/w.safetensors',
      status: 1,
      says: /file "[^"]*w.safetensors": there is no such file or folder/,
    },
    { words: 'init tiny.json --out .', status: 1, says: 'it is a folder, not a file' },
  ])('$words: exits with $status and one line', async ({ words, status, says }) => {
    const scratch = new Scratch();
    scratch.put('tiny.json', tinySpec);
    scratch.put('markov.json', { ...tinySpec, data: { ...tinySpec.data, source: 'markov' } });
    scratch.put('text.txt', TEXT);
    scratch.put('byte.txt', 'x');
    scratch.put('empty.json', '');
    scratch.put('list.json', []);
    scratch.put('heads.json', { ...tinySpec, model: { width: 16, heads: 3 } });
    scratch.put('typo.json', { model: { layres: 2 } });
    const paths = words
      .split(' ')
      .filter((word) => word !== '')
      .map((word) => (/\.|^none\//.test(word) ? scratch.at(word) : word));
    const said = await isoflop(paths);
    expect(said.err).toMatch(/^isoflop.*\n$/);
    if (typeof says === 'string') expect(said.err).toContain(says);
    else expect(said.err).toMatch(says);
    expect(said).toMatchObject({ status, out: '' });
  });

  it('shows the stack trace with --debug only', async () => {
    expect((await isoflop(['train', 'none.json'])).err).not.toContain('    at ');
    expect((await isoflop(['train', 'none.json', '--debug'])).err).toContain('    at ');
  });
});

describe('isoflop device', () => {
  it('names adapter, features and limits in words and as JSON', async () => {
    const json = JSON.parse((await isoflop(['device', '--json'])).out) as {
      adapter: string;
      software: boolean;
      limits: Record<string, number>;
    };
    expect(json).toMatchObject({ adapter: expect.stringMatching(/./) as string, features: expect.any(Array) as string[] });
    expect(json.limits['maxBufferSize']).toBeGreaterThanOrEqual(256 * 2 ** 20);
    const { out } = await isoflop(['device']);
    expect(out).toContain(json.adapter);
    expect(out).toContain(json.software ? 'software: it computes on the CPU' : 'hardware');
    expect(out).toMatch(/\n {2}maxBufferSize +[\d.]+ [MG]iB\n/);
  });
});

describe('isoflop init', () => {
  it('writes the weights that the spec starts from', async () => {
    const scratch = new Scratch();
    const said = await isoflop(['init', scratch.put('spec.json', tinySpec), '--out', scratch.at('w.safetensors')]);
    expect(said).toMatchObject({ status: 0, err: '' });
    const spec = parseSpec(tinySpec);
    expect(decodeWeights(scratch.bytes('w.safetensors').buffer, spec, 256, 'w')).toEqual(initialWeights(spec, 256));
  });
});
