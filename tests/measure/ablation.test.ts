import { describe, expect, it } from 'vitest';
import { ablate, ablationForms, formWords, fullAt, laneThroughput } from '../../src/measure/index.ts';
import type { AblationRow } from '../../src/measure/index.ts';
import { FUSION_RULE_NAMES } from '../../src/spec/index.ts';
import { tinySpec } from '../reference/specs.ts';
import { testGpu } from '../support/run-graph.ts';
import { testDataset } from '../support/train.ts';

const spec = tinySpec({ model: { layers: 1, bias: true, mlp: 'gelu', norm: 'layernorm', position: 'learned' } });
const quick = { rounds: 3, windowMs: 1, lossSteps: 3 };

describe('an ablation', () => {
  it('has all, each rule that matters alone and taken away, and says which rules change nothing in this model', async () => {
    const { forms, idle } = ablationForms(spec, 11, await testGpu());
    expect(idle).toContain('cast-store');
    expect(forms[0]).toEqual({ kind: 'all', rule: '' });
    const named = (kind: string): string[] => forms.filter((form) => form.kind === kind).map(({ rule }) => rule);
    expect(named('only')).toContain('attention');
    expect(named('without')).toContain('attention');
    for (const rule of FUSION_RULE_NAMES)
      expect(idle.includes(rule)).toBe(!named('only').includes(rule) && !named('without').includes(rule));
    const cast = ablationForms({ ...spec, precision: { ...spec.precision, recipe: 'fp8-current' } }, 11, await testGpu());
    expect(cast.idle).not.toContain('cast-store');
  });

  it('times every form against its reference, with what it moves and how far its loss is', async () => {
    const gpu = await testGpu();
    const seen: AblationRow[] = [];
    const ablation = await ablate({ gpu, spec, dataset: await testDataset(spec), ...quick, onRow: (row) => seen.push(row) });
    expect(ablation.rows).toEqual(seen);
    const { forms } = ablationForms(spec, (await testDataset(spec)).vocab, gpu);
    expect(seen.map(({ form }) => formWords(form))).toEqual(forms.map(formWords));
    const [all] = seen;
    for (const { form, reference, ms, referenceMs, ratio, dispatches, boundBytes, peakBytes, lossDifference } of seen) {
      expect(reference).toBe(form.kind === 'without' ? 'all' : 'none');
      for (const figure of [ms, referenceMs, ratio?.ratio, dispatches, boundBytes, peakBytes]) expect(figure).toBeGreaterThan(0);
      expect(ratio?.rounds).toBe(3);
      expect(lossDifference).toBeLessThan(1e-5);
      expect(dispatches).toBeGreaterThanOrEqual(all?.dispatches ?? Infinity);
    }
  });

  it('stops where it is asked to, with the rows that it has', async () => {
    const stop = new AbortController();
    const rows: AblationRow[] = [];
    const { rows: kept } = await ablate({
      gpu: await testGpu(),
      spec,
      dataset: await testDataset(spec),
      ...quick,
      signal: stop.signal,
      onRow: (row) => {
        rows.push(row);
        if (rows.length === 2) stop.abort();
      },
    });
    expect(kept).toEqual(rows);
    expect(kept).toHaveLength(2);
  });
});

describe('throughput against lanes', () => {
  it('has a row for every number of lanes', async () => {
    const report = await laneThroughput({
      gpu: await testGpu(),
      spec,
      dataset: await testDataset(spec),
      lanes: [1, 2, 3],
      windows: 3,
      windowMs: 1,
    });
    expect(report.rows.map(({ lanes }) => lanes)).toEqual([1, 2, 3]);
    for (const { ms, quartilesMs, tokensPerSecond, peakBytes } of report.rows) {
      for (const figure of [ms, ...quartilesMs, tokensPerSecond, peakBytes]) expect(figure).toBeGreaterThan(0);
    }
    expect(report.stoppedBy).toBeNull();
  });

  it('says where the adapter is full: the fewest lanes with nine tenths of the highest throughput', () => {
    const rows = [100, 190, 350, 390, 400, 380].map((tokensPerSecond, i) => ({ lanes: 2 ** i, tokensPerSecond }));
    expect(fullAt(rows)).toBe(8);
    expect(fullAt(rows.slice(0, 1))).toBe(1);
  });
});
