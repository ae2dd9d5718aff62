import type { Node } from '../graph/types.ts';
import { matmulView } from './matmul-view.ts';
import type { MatmulView } from './matmul-view.ts';
import { outputAt } from './op.ts';
import type { Dispatch, Variant } from './op.ts';
import { sizeOf } from '../base/shape.ts';

const ACTIVATIONS = { none: 0, gelu: 1, relu2: 2 } as const;

/** A kernel that gives each thread a tile of `rows` x `cols` outputs, in workgroups of `x` x `y` threads. */
function tiled(name: string, rows: number, cols: number, x: number, y: number, supports: Variant['supports']): Variant {
  return {
    name,
    supports,
    lower: (node) => {
      const view = matmulView(node);
      const grid = [Math.ceil(view.N / (cols * x)), Math.ceil(view.M / (rows * y)), view.batch] as const;
      return [dispatch(`matmul/${name}`, node, view, { WORKGROUP_X: x, WORKGROUP_Y: y }, grid)];
    },
  };
}

function dispatch(kernel: string, node: Node, view: MatmulView, workgroup: Record<string, number>, grid: Dispatch['grid']): Dispatch {
  const { M, N, K, batch, a, b, bias, residual, activation, alpha, transposeA, transposeB } = view;
  const pre = activation === 'none' ? undefined : outputAt(node, 1);
  return {
    kernel,
    bind: { a, b, bias, residual, y: outputAt(node, 0), pre },
    sizes: {
      m: M,
      n: N,
      k: K,
      batch,
      a_lane: sizeOf(a.type.shape),
      a_batch: sizeOf(a.type.shape) / batch,
      b_lane: sizeOf(b.type.shape),
      b_batch: sizeOf(b.type.shape) / batch,
      alpha,
    },
    overrides: {
      ...workgroup,
      TRANSPOSE_A: transposeA,
      TRANSPOSE_B: transposeB,
      HAS_BIAS: bias !== undefined,
      STORE_PRE: pre !== undefined,
      ACTIVATION: ACTIVATIONS[activation],
      HAS_RESIDUAL: residual !== undefined,
    },
    grid,
  };
}

export const matmulVariants: readonly [Variant, ...Variant[]] = [
  tiled('blocked-8x8', 8, 8, 1, 1, (_, caps) => caps.software),
  tiled('plain', 1, 1, 8, 8, () => true),
];
