import { describe, expect, it } from 'vitest';
import { runsFromFolder, type FolderFile } from '../../src/lab/store/folder-runs.ts';
import { runsFromJson, runsJson } from '../../src/lab/store/runs-json.ts';
import { withDefaults } from '../../src/spec/index.ts';

const SPEC = withDefaults({ data: { context: 16, batch: 2 }, budget: { steps: 3 }, schedule: { warmupSteps: 0 } });
const RESULT = {
  version: 1,
  id: '0123456789abcdef',
  status: 'finished',
  name: '',
  values: { 'optimizer.lr': 0.01, fusion: { attention: false } },
  steps: 3,
  tokens: 96,
  epochs: 0.3,
  uniqueTokens: 90,
  loss: null,
  meanLoss: null,
  nonFinite: { loss: 'Infinity', meanLoss: 'Infinity' },
  parameters: 100,
  nonEmbeddingParameters: 80,
  flopsPerToken: 600,
  data: { name: 'sotu', hash: 'abc', vocab: 256, trainTokens: 1000, bytesPerToken: 1, unigramNats: 3, entropyRateNats: null },
  adapter: 'An adapter',
  software: true,
  lanes: 4,
  msPerStep: 2,
  endedAt: 1000,
};
const ADAPTER = {
  vendor: 'v',
  architecture: 'a',
  device: 'd',
  description: 'An adapter',
  software: true,
  features: ['f'],
  limits: {},
};
const METRICS = [
  { step: 1, tokens: 32, loss: 5.5, gradNorm: 1, lr: 0.001, ms: 10, epochs: 0.1 },
  { step: 2, tokens: 64, loss: 4.5, gradNorm: 2, lr: 0.002, ms: 5, epochs: 0.2 },
  {
    step: 3,
    tokens: 96,
    loss: null,
    gradNorm: 3,
    lr: 0.003,
    ms: 5,
    epochs: 0.3,
    validation: 4.25,
    ood: 4.75,
    nonFinite: { loss: 'Infinity' },
  },
];

/** The files of a run's folder, some of them other than they should be. */
function filesOf(run: string, change: { readonly [part: string]: string | null } = {}): FolderFile[] {
  const parts: { readonly [part: string]: string | null } = {
    'spec.json': JSON.stringify(SPEC),
    'environment.json': JSON.stringify({ build: '0.1.0', runtime: 'node 20', adapter: ADAPTER, disabled: ['matmul/fast'] }),
    'metrics.jsonl': METRICS.map((line) => `${JSON.stringify(line)}\n`).join(''),
    'result.json': JSON.stringify({ ...RESULT, id: run }),
    'checkpoint.safetensors': 'of no use here',
    ...change,
  };
  return Object.entries(parts).flatMap(([name, text]) =>
    text === null ? [] : [{ path: `out/${run}/${name}`, text: () => Promise.resolve(text) }],
  );
}

describe('the folder of a sweep', () => {
  it('opens as runs with everything that was measured, and goes on as a file without loss', async () => {
    const { runs, unended } = await runsFromFolder([
      { path: 'out/index.json', text: () => Promise.resolve('{}') },
      ...filesOf('b'),
      ...filesOf('a'),
      ...filesOf('c', { 'result.json': null }),
    ]);
    expect(unended).toBe(1);
    expect(runs.map(({ record }) => record.id)).toEqual(['a', 'b']);
    const [first] = runs;
    expect(first?.record).toMatchObject({
      spec: SPEC,
      sweep: { axes: { 'optimizer.lr': 0.01, fusion: '{"attention":false}' } },
      state: 'finished',
      step: 3,
      counts: { parameters: 100, nonEmbeddingParameters: 80, flopsPerToken: 600, tokensPerStep: 32 },
      data: { contentHash: 'abc', vocab: 256 },
      environment: {
        adapter: 'An adapter',
        software: true,
        build: '0.1.0',
        userAgent: 'node 20',
        disabledVariants: ['matmul/fast'],
      },
      summary: { validationNats: 4.25, oodNats: 4.75, divergedStep: 3, trainedMs: 20 },
    });
    expect(first?.curves.train).toEqual({
      steps: Float64Array.of(1, 2, 3),
      lossNats: Float32Array.of(5.5, 4.5, Infinity),
      gradNorm: Float32Array.of(1, 2, 3),
      learningRate: Float32Array.of(0.001, 0.002, 0.003),
      epochs: Float32Array.of(0.1, 0.2, 0.3),
      timeMs: Float64Array.of(10, 15, 20),
    });
    expect(first?.curves.validation).toEqual({ steps: Float64Array.of(3), lossNats: Float64Array.of(4.25) });
    expect(runsFromJson([...runsJson(runs)].join(''), 'runs.json')).toEqual(runs);
  });

  it('tells which file of the user’s a run was trained on, where that was written down', async () => {
    const of = async (data: object): Promise<unknown> => {
      const files = filesOf('a', { 'result.json': JSON.stringify({ ...RESULT, data: { ...RESULT.data, ...data } }) });
      return (await runsFromFolder(files)).runs[0]?.record.data;
    };
    expect(await of({ fileHash: 'of the file' })).toMatchObject({ contentHash: 'abc', fileHash: 'of the file' });
    expect(await of({})).not.toHaveProperty('fileHash');
  });

  it('tells how many lanes the time of a step is of, so that speeds count them all', async () => {
    const { runs } = await runsFromFolder(filesOf('a'));
    expect(runs[0]?.record).toMatchObject({ msPerStep: 2, program: { id: 'a', lane: 0, lanes: 4 } });
  });

  it('is another sweep than one of the same name with other axes, and the same each time', async () => {
    const idOf = async (values: object): Promise<string | undefined> => {
      const files = filesOf('a', { 'result.json': JSON.stringify({ ...RESULT, values }) });
      return (await runsFromFolder(files)).runs[0]?.record.sweep?.id;
    };
    const id = await idOf({ 'optimizer.lr': 0.01, 'model.width': 32 });
    expect(await idOf({ 'model.width': 64, 'optimizer.lr': 0.02 })).toBe(id);
    expect(await idOf({ 'optimizer.lr': 0.01 })).not.toBe(id);
  });

  it.each([
    ['holds no runs', [], 'there are no runs in it'],
    ['holds runs that have not ended', filesOf('a', { 'result.json': null }), 'no run in it has ended'],
    ['lacks a file', filesOf('a', { 'metrics.jsonl': null }), 'out/a/metrics.jsonl: it is missing'],
    [
      'has half a line of metrics',
      filesOf('a', { 'metrics.jsonl': '{"step":1}\n{"step":2,"lo' }),
      'out/a/metrics.jsonl: its line 2 is not whole.',
    ],
    ['has steps twice', filesOf('a', { 'metrics.jsonl': '{"step":1}\n{"step":1}\n' }), 'its steps do not rise'],
    ['has a spec of another build', filesOf('a', { 'spec.json': '{"model":{"colour":1}}' }), 'out/a/spec.json'],
    [
      'has a result of a later version',
      filesOf('a', { 'result.json': '{"version":2}' }),
      'out/a/result.json: it is of a version',
    ],
    [
      'has a result without counts',
      filesOf('a', { 'result.json': JSON.stringify({ ...RESULT, parameters: null }) }),
      'out/a/result.json: its parameters is not a number.',
    ],
    [
      'has a result that does not tell its lanes',
      filesOf('a', { 'result.json': JSON.stringify({ ...RESULT, lanes: undefined }) }),
      'out/a/result.json: its lanes is not a number.',
    ],
  ])('gives one clear error where it %s', async (_, files, words) => {
    await expect(runsFromFolder([{ path: 'out/notes.txt', text: () => Promise.resolve('') }, ...files])).rejects.toThrow(words);
  });
});
