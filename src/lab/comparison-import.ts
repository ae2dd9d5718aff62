import { parseSpec } from '../spec/index.ts';
import { isProbe, isReply } from '../worker/client.ts';
import type { ComparisonState } from '../worker/protocol.ts';
import { COMPARISON_FORMAT, COMPARISON_VERSION } from './comparison-export.ts';
import { armSpecs, comparisonFromText, comparisonToText, type ComparisonSetup } from './comparison-setup.ts';
import { Comparison } from './comparison.ts';
import { failureOf, get, readJsonFile, real } from './json-file.ts';

const ENDS: readonly ComparisonState[] = ['finished', 'stopped', 'failed'];
/** Keys whose values are text, whatever it says. */
const TEXTS = new Set(['name', 'site', 'layer', 'role', 'format', 'scaling', 'message', 'where', 'stack', 'text']);

/**
 * The comparison of a file that `comparisonJson` wrote, as it was measured there.
 *
 * @param fileName named in errors.
 * @throws SpecError for any other file.
 */
export function comparisonFromJson(text: string, fileName: string): Comparison {
  const form = { format: COMPARISON_FORMAT, version: COMPARISON_VERSION, holds: 'comparison' };
  return readJsonFile(text, fileName, { ...form, read: (content) => read(content, fileName) });
}

function read(value: unknown, fileName: string): Comparison {
  const base = parseSpec(get(value, 'base'));
  const setup = setupOf(get(value, 'setup'));
  // What an arm trained on stands in its spec; what its changes come to in this build may be something else.
  const written = arrayOf(get(value, 'arms'), 'arms');
  const arms = armSpecs(base, setup).map(({ name }, i) => ({ name, spec: parseSpec(get(written[i], 'spec')) }));
  const comparison = new Comparison(String(get(value, 'runId')), base, setup, arms);
  comparison.file = fileName;
  const device = get(value, 'device') ?? null;
  if (isReply('hello', device)) comparison.device = device;
  else if (device !== null) throw new TypeError('its device is mangled');
  const report = real(get(value, 'report'), TEXTS);
  if (isReply('compare', report)) comparison.started(report);
  else if (report !== null) throw new TypeError('its report is mangled');
  for (const [i, arm] of comparison.arms.entries()) readArm(comparison, i, written[i], arm.seeds.length);
  const state = ENDS.find((end) => end === get(value, 'state')) ?? 'stopped';
  const totalSteps = Number(get(value, 'totalSteps'));
  if (!Number.isSafeInteger(totalSteps) || totalSteps < 0) throw new TypeError('its totalSteps is mangled');
  const failure = get(value, 'failure') ?? null;
  if (failure !== null) comparison.failure = failureOf(failure);
  comparison.apply({ type: 'comparisonState', runId: comparison.runId, state, step: comparison.step, totalSteps });
  return comparison;
}

/** Gives a comparison what was measured of an arm, as the worker would. */
function readArm(comparison: Comparison, arm: number, value: unknown, lanes: number): void {
  const { runId } = comparison;
  const seeds = arrayOf(get(value, 'seeds'), 'seeds');
  const columns = (name: string): number[][] => seeds.map((seed) => numbersOf(get(seed, name), name));
  const loss = columns('lossNats');
  const steps = loss[0]?.length ?? 0;
  const woven = (name: string): Float32Array => {
    const own = columns(name);
    if (own.length !== lanes || own.some((column) => column.length !== steps)) throw new TypeError(`${name} has other lengths`);
    return Float32Array.from({ length: steps * lanes }, (_, i) => own[i % lanes]?.[Math.floor(i / lanes)] ?? Number.NaN);
  };
  comparison.apply({
    type: 'armMetrics',
    runId,
    arm,
    firstStep: 1,
    lanes,
    lossNats: woven('lossNats'),
    gradNorm: woven('gradNorm'),
    learningRate: woven('learningRate'),
    epochs: new Float32Array(steps),
  });
  const probes = arrayOf(real(get(value, 'probes'), TEXTS), 'probes');
  if (!probes.every(isProbe)) throw new TypeError('a probe is mangled');
  comparison.apply({ type: 'armProbe', runId, arm, probes });
  for (const split of ['validation', 'ood'] as const) {
    const held = get(get(value, 'heldOut'), split);
    if (held === null || held === undefined) continue;
    const lossNats = Float64Array.from(numbersOf(held, split));
    comparison.apply({ type: 'armEval', runId, arm, step: steps, split, lossNats });
  }
  const cost = get(value, 'cost');
  const [msPerStep, lowMs, highMs, submits] = ['msPerStep', 'lowMs', 'highMs', 'submits'].map((name) => Number(get(cost, name)));
  if (msPerStep !== undefined && msPerStep > 0 && lowMs !== undefined && highMs !== undefined && submits !== undefined)
    comparison.apply({ type: 'armCost', runId, arm, msPerStep, lowMs, highMs, submits });
  const state = (['waiting', 'ready', 'done', 'diverged'] as const).find((word) => word === get(value, 'state')) ?? 'ready';
  const diverged = arrayOf(get(value, 'diverged'), 'diverged').map((end) => ({
    lane: Number(get(end, 'lane')),
    step: Number(get(end, 'step')),
    origin: textOrNull(get(end, 'origin')),
  }));
  comparison.apply({ type: 'armState', runId, arm, state, step: steps, diverged });
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** A setup of unknown form, by way of the text of links: one reader checks both. */
function setupOf(value: unknown): ComparisonSetup {
  const arms = arrayOf(get(value, 'arms'), 'setup.arms').map((arm) => {
    const changes = get(arm, 'changes');
    if (typeof changes !== 'object' || changes === null) throw new TypeError('the changes of an arm are mangled');
    return { name: String(get(arm, 'name')), changes };
  });
  const number = (name: string): number => Number(get(value, name));
  const whatIf = arrayOf(get(value, 'whatIf'), 'setup.whatIf').map(String);
  const seeds = number('seeds');
  const setup = { arms, seeds, probeEvery: number('probeEvery'), baseline: number('baseline'), whatIf };
  return comparisonFromText(comparisonToText(setup));
}

function numbersOf(value: unknown, name: string): number[] {
  return arrayOf(real(value, TEXTS), name).map((item) => {
    if (typeof item !== 'number') throw new TypeError(`${name} holds what is no number`);
    return item;
  });
}

function arrayOf(value: unknown, name: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new TypeError(`${name} is no list`);
}
