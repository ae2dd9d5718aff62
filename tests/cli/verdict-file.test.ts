import { expect, it } from 'vitest';
import { cachePath, keepTunings, keepVerdicts, tuningsIn, verdictPath, verdictsIn } from '../../src/cli/verdict-file.ts';
import type { Tuned } from '../../src/engine/index.ts';
import type { AdapterReport } from '../../src/gpu/index.ts';
import { Scratch } from './run-cli.ts';

const ADAPTER: AdapterReport = {
  vendor: 'v',
  architecture: 'a',
  device: 'd',
  description: 'x',
  software: false,
  features: [],
  limits: {},
};

it('promise 4: remembers what passed, tries again what failed, and believes no damaged file', () => {
  const scratch = new Scratch();
  const passed = { key: 'tiled f32[8,8]', path: 'matmul/tiled', ok: true, excess: 0.1, fused: false };
  const failed = { ...passed, key: 'vec4 f32[8,8]', ok: false, excess: Infinity };
  const path = scratch.at('isoflop/verdicts.json');
  keepVerdicts(path, new Map([passed, failed].map((verdict) => [verdict.key, verdict])));
  expect(verdictsIn(path)).toEqual(new Map([[passed.key, passed]]));
  expect(verdictsIn(scratch.at('none.json')).size).toBe(0);
  expect(verdictsIn(scratch.put('torn.json', '[{"key":')).size).toBe(0);
  expect(verdictsIn(scratch.put('odd.json', [null, 3, { key: 'k', ok: true }, { ...passed, ok: false }])).size).toBe(0);
});

it('promise 4: keeps the verdicts of each adapter apart', () => {
  expect(verdictPath(ADAPTER)).toBe(verdictPath({ ...ADAPTER }));
  expect(verdictPath({ ...ADAPTER, description: 'y' })).not.toBe(verdictPath(ADAPTER));
  expect(verdictPath({ ...ADAPTER, features: ['subgroups'] })).not.toBe(verdictPath(ADAPTER));
  expect(verdictPath({ ...ADAPTER, software: true })).not.toBe(verdictPath(ADAPTER));
});

it('adds what the tuner finds to what is kept, the newest of each shape, and believes no damaged file', () => {
  const scratch = new Scratch();
  const path = scratch.at('isoflop/tuned.json');
  const tuned = (signature: string, chosen: string): Tuned => ({
    signature,
    shape: signature,
    candidates: ['a', 'b'].map((variant) => ({ variant, ms: 1, spreadMs: 0.5 })),
    chosen,
    timedBy: 'timestamps',
    software: false,
  });
  keepTunings(path, [tuned('x', 'a'), tuned('y', 'a')]);
  keepTunings(path, [tuned('x', 'b')]);
  expect([...tuningsIn(path).values()]).toEqual([tuned('x', 'b'), tuned('y', 'a')]);
  expect(tuningsIn(scratch.at('none.json')).size).toBe(0);
  expect(tuningsIn(scratch.put('torn.json', '[{"signature":')).size).toBe(0);
  expect(cachePath('tuned', ADAPTER)).not.toBe(verdictPath(ADAPTER));
  expect(cachePath('tuned', ADAPTER)).not.toBe(cachePath('tuned', { ...ADAPTER, description: 'y' }));
});
