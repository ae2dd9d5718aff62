import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonLine, readMetrics, readResult } from '../../src/spec/run-files.ts';

const number = fc
  .oneof(fc.double(), fc.constantFrom(NaN, Infinity, -Infinity))
  .map((value) => (Object.is(value, -0) ? 0 : value));
const line = fc.record(
  {
    step: fc.nat(),
    tokens: fc.nat(),
    loss: number,
    gradNorm: number,
    lr: number,
    ms: number,
    epochs: number,
    validation: number,
    ood: number,
  },
  { requiredKeys: ['step', 'tokens', 'loss', 'gradNorm', 'lr', 'ms', 'epochs'] },
);

const RESULT = {
  version: 1,
  id: '0123456789abcdef',
  status: 'finished',
  name: 'a run',
  values: { 'optimizer.lr': 0.01 },
  steps: 3,
  tokens: 96,
  epochs: 0.3,
  uniqueTokens: 90,
  parameters: 100,
  nonEmbeddingParameters: 80,
  flopsPerToken: 600,
  loss: 2,
  meanLoss: NaN,
  validation: Infinity,
  adapter: 'An adapter',
  software: true,
  lanes: 4,
  msPerStep: 2,
  endedAt: 1000,
  data: { name: 'sotu', hash: 'abc', vocab: 256, trainTokens: 1000, bytesPerToken: 1, unigramNats: 3, entropyRateNats: null },
};

describe('the files of a run', () => {
  it('are read as they were written, numbers that JSON has not among them', () => {
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const text = lines.map((each) => `${jsonLine(each)}\n`).join('');
        expect(readMetrics(text)).toEqual({ lines, tornAt: null });
      }),
    );
    expect(readResult(jsonLine(RESULT))).toEqual({ result: RESULT, fault: null });
    const ofFile = { ...RESULT, data: { ...RESULT.data, fileHash: 'f' } };
    expect(readResult(jsonLine(ofFile)).result?.data.fileHash).toBe('f');
  });

  it('lose nothing but a line that a crash has torn, and say which', () => {
    const text = `${jsonLine({ step: 1, loss: 2 })}\n${jsonLine({ step: 2, loss: 3 })}\n`;
    for (let end = 0; end <= text.length; end++) {
      const { lines, tornAt } = readMetrics(text.slice(0, end));
      const whole = text.slice(0, end).split('\n');
      expect(lines.length).toBe(whole.filter((each) => each.endsWith('}')).length);
      expect(tornAt).toBe(lines.length === whole.filter((each) => each !== '').length ? null : lines.length + 1);
    }
    expect(readMetrics('\n{"step":1}\n')).toMatchObject({ lines: [], tornAt: 1 });
  });

  it.each<[string, unknown, string, boolean]>([
    ['no JSON', undefined, 'it is no JSON object', false],
    ['of a later version', { ...RESULT, version: 2 }, 'it is of a version that this build does not read', true],
    ['without a version', {}, 'it is of a version that this build does not read', false],
    ['without its lanes', { ...RESULT, lanes: undefined }, 'its lanes is not a number', false],
    ['with a state that is none', { ...RESULT, status: 'done' }, 'its status is not finished or diverged', false],
    ['with a text for a number', { ...RESULT, data: { ...RESULT.data, vocab: '256' } }, 'its data.vocab is not a number', false],
    ['with a number for a hash', { ...RESULT, data: { ...RESULT.data, fileHash: 5 } }, 'its data.fileHash is not a text', false],
  ])('%s are told apart in words', (_, value, fault, later) => {
    expect(readResult(typeof value === 'object' && value !== null ? jsonLine(value) : 'torn')).toEqual({
      result: null,
      fault,
      later,
    });
  });
});
