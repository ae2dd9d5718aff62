import { ROLES } from '../numerics/site.ts';
import type { Role, Site } from '../numerics/site.ts';
import { castsOf } from './precision.ts';
import type { RunSpec } from './run-spec.ts';
import { headSize, parameterShapes } from './shapes.ts';
import type { ShapeSpec } from './shapes.ts';

/** A dimension of a tensor that may be cast, by its letter. */
export interface Dimension {
  readonly name: string;
  readonly size: number;
}

export interface CastSite extends Site {
  /**
   * The tensor as a matrix: the dimension that blocks are laid along, and the other one. An operand's blocks lie along what its matmul
   * sums over, a result's along its last dimension, attention's along either, for the backward pass sums over the other one.
   * `null`: a tensor that has no matmul, or states of many shapes.
   */
  readonly blocked: readonly [along: Dimension, across: Dimension] | null;
}

/** Every tensor of a model that may be cast, layer by layer. Tokens of a matmul are those of one micro-batch, B*T. */
export function castSites(spec: ShapeSpec): readonly CastSite[] {
  const { model, data } = spec;
  const sites: CastSite[] = [];
  const tokens = { name: 'B*T', size: data.batch * data.context };
  const T = { name: 'T', size: data.context };
  const D = { name: 'D', size: headSize(model) };
  const add = (layer: string, blocked: Partial<Record<Role, CastSite['blocked']>>): void => {
    for (const role of ROLES) if (blocked[role] !== undefined) sites.push({ layer, role, blocked: blocked[role] });
  };
  const linear = (layer: string, inputs: number, outputs: number): void => {
    const K = { name: 'K', size: inputs };
    const N = { name: 'N', size: outputs };
    add(layer, {
      'fprop.activation': [K, tokens],
      'fprop.weight': [K, N],
      'fprop.output': [N, tokens],
      'dgrad.gradient': [N, tokens],
      'dgrad.weight': [N, K],
      'dgrad.output': [K, tokens],
      'wgrad.activation': [tokens, K],
      'wgrad.gradient': [tokens, N],
      'wgrad.output': [N, K],
    });
  };

  const shapes = parameterShapes(spec);
  add('', { embedding: null });
  const stream = { residual: null, 'residual.gradient': null };
  // One gradient is that of both, where positions are added.
  add('embed', model.position === 'learned' ? { residual: null } : stream);
  if (model.position === 'learned') add('position', stream);
  for (let i = 0; i < model.layers; i++) {
    const block = `blocks.${i}`;
    add(block, stream);
    for (const part of ['norm1', 'attn', 'norm2', 'mlp'])
      add(`${block}.${part}`, { intermediate: null, 'intermediate.gradient': null });
    add(`${block}.attn`, {
      'attention.q': [D, T],
      'attention.k': [D, T],
      'attention.v': [D, T],
      'attention.probabilities': [T, T],
    });
    for (const { name, role, shape } of shapes)
      if (role === 'linear' && name.startsWith(`${block}.`)) linear(name.replace(/\.weight$/, ''), shape[0] ?? 0, shape[1] ?? 0);
  }
  add('final.norm', { intermediate: null, 'intermediate.gradient': null });
  // A tied head has no weights of its own, and matmuls all the same.
  linear('head', model.width, shapes[0]?.shape[0] ?? 0);
  add('', { 'optimizer.m': null, 'optimizer.v': null, weights: null });
  return sites;
}

/** True where a valid spec casts any tensor. */
export function anyCast(spec: ShapeSpec & Pick<RunSpec, 'precision'>): boolean {
  const cast = castsOf(spec.precision);
  return castSites(spec).some((site) => cast(site) !== null);
}
