import { expect, it } from 'vitest';
import { keepVerdicts, verdictPath, verdictsIn } from '../../src/cli/verdict-file.ts';
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
