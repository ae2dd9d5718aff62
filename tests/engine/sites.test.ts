import { expect, it } from 'vitest';
import { Sites } from '../../src/engine/sites.ts';
import { siteName } from '../../src/numerics/site.ts';
import { parseSpec } from '../../src/spec/index.ts';
import { PRESETS } from '../../src/spec/presets.ts';
import type { RunSpec } from '../../src/spec/run-spec.ts';
import { castSites } from '../../src/spec/sites.ts';
import { differentiatedGraph } from '../../src/train/graphs.ts';
import { tinySpec, tinySpecs } from '../reference/specs.ts';

/** States, which no pass reads or makes. */
const STATES = new Set(['optimizer.m', 'optimizer.v', 'weights']);

/** What the engine calls the tensors of a pass. */
function engineSites(spec: RunSpec): ReadonlySet<string> {
  const { graph } = differentiatedGraph(spec, 11, 'none');
  const sites = new Sites(graph);
  const named = graph.nodes.flatMap((node) => [
    ...node.inputs.map((input, i) => (input.type.dtype === 'f32' ? sites.operand(node, i) : undefined)),
    ...node.outputs.map((output) => (output.type.dtype === 'f32' ? sites.result(output) : undefined)),
  ]);
  return new Set(named.flatMap((site) => (site === undefined ? [] : siteName(site))));
}

const MODELS: readonly Parameters<typeof tinySpec>[0][] = [
  { model: { width: 16, heads: 4, kvHeads: 2, position: 'rope' } },
  { model: { position: 'none', tied: true } },
  { model: { position: 'learned', tied: true, bias: true, qkNorm: true } },
  { model: { mlp: 'swiglu', bias: true, layers: 3 } },
  { model: { norm: 'rmsnorm', position: 'rope', qkNorm: true, logitSoftcap: 4 }, loss: { zLoss: 1e-3 } },
];

it.each([
  ...PRESETS.map(({ id, spec }) => [`preset ${id}`, parseSpec(spec)] as const),
  ...tinySpecs,
  ...MODELS.map((input) => [JSON.stringify(input), tinySpec(input)] as const),
])('the tensors that may be cast are those that a pass has, by the same names: %s', (_, spec) => {
  const wanted = castSites(spec).filter(({ role }) => !STATES.has(role));
  expect([...engineSites(spec)].toSorted()).toEqual(wanted.map(siteName).toSorted());
});
