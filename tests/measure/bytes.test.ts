import { describe, expect, it } from 'vitest';
import { benchmarkSpecs } from '../../src/bench/models.ts';
import { planProgram } from '../../src/engine/index.ts';
import { boundBytes } from '../../src/engine/profile.ts';
import { Graph } from '../../src/graph/graph.ts';
import { f32, u32 } from '../../src/graph/types.ts';
import type { Node } from '../../src/graph/types.ts';
import { boundBytesOf } from '../../src/measure/bytes.ts';
import { headLoss } from '../../src/ops/head-loss.ts';
import { HYPER_SIZE } from '../../src/ops/hyper.ts';
import { matmulVariants } from '../../src/ops/matmul-kernels.ts';
import { matmulView } from '../../src/ops/matmul-view.ts';
import { matmul } from '../../src/ops/matmul.ts';
import type { Dispatch, Operand } from '../../src/ops/op.ts';
import { trainingGraph } from '../../src/train/graphs.ts';
import { testGpu } from '../support/run-graph.ts';

/** Bytes of the two matrices of a product and of its result, once each. */
const productBytes = (M: number, N: number, K: number): number => 4 * (M * K + K * N + M * N);

/** Of every product that a matmul is made of. */
function matmulBytes(node: Node): number {
  const { M, N, K, batch, transposeB, parts } = matmulView(node);
  if (parts.length === 0) return batch * productBytes(M, N, K);
  return parts.reduce((sum, count) => sum + (transposeB ? productBytes(M, N, count) : productBytes(M, count, K)), 0);
}

const isNoScratch = ([, operand]: readonly [string, Operand]): boolean => operand !== undefined && !('scratch' in operand);
const isProduct = ({ kernel }: Dispatch): boolean => kernel.startsWith('matmul/');

describe('bytes moved', () => {
  it('of S with nothing fused are those that its products and its other ops read and write', async () => {
    const [S] = benchmarkSpecs();
    if (S === undefined) throw new RangeError('no S');
    const { caps } = await testGpu();
    const plan = planProgram(trainingGraph({ ...S, fusion: 'none' }, 256), { caps, lanes: 2, variants: { matmul: 'plain' } });
    const products = plan.steps.filter(({ node }) => node.op === 'matmul');
    expect(products.some(({ node }) => matmulView(node).parts.length > 0)).toBe(true);
    const wanted = products.reduce((sum, { node }) => sum + 2 * matmulBytes(node), 0);
    expect(boundBytesOf({ ...plan, steps: products })).toBe(wanted);
    const others = plan.steps.filter((step) => !products.includes(step));
    expect(boundBytesOf(plan)).toBe(wanted + boundBytesOf({ ...plan, steps: others }));
  });

  it.each([
    {
      name: 'of N',
      shapes: [
        [20, 1030],
        [1030, 24],
      ],
      transposeB: false,
    },
    {
      name: 'of K',
      shapes: [
        [20, 2072],
        [24, 2072],
      ],
      transposeB: true,
    },
  ] as const)('of parts $name are those of their operands in every variant', async ({ shapes, transposeB }) => {
    const g = new Graph();
    const [a, b] = shapes.map((shape, i) => g.input(`in${i}`, f32(...shape), 'step'));
    if (a === undefined || b === undefined) throw new RangeError('a matmul has two operands');
    const parts = transposeB ? [1036, 1036] : [8, 16];
    const { node } = matmul(g, a, b, { transposeB, parts });
    const { caps } = await testGpu();
    const lowered = matmulVariants.flatMap((variant) => {
      const kind = [true, false].map((software) => ({ ...caps, software })).find((one) => variant.supports(node, one));
      return kind === undefined ? [] : [{ name: variant.name, dispatches: variant.lower(node, kind) }];
    });
    expect(lowered.map(({ name }) => name)).toContain('tiled-split-k');
    for (const { name, dispatches } of lowered) {
      // What is in scratch memory is the variant's own.
      const shared = dispatches.map(({ bind, ...rest }) => ({
        ...rest,
        bind: Object.fromEntries(Object.entries(bind).filter(isNoScratch)),
      }));
      const bytes = shared.reduce((sum, dispatch) => sum + boundBytes(dispatch, 1), 0);
      expect(bytes, name).toBe(matmulBytes(node));
    }
  });

  it('of a head in chunks are those of the rows of each chunk', async () => {
    const g = new Graph();
    const [N, C, V, chunk] = [150, 16, 24, 64];
    const inputs = [
      g.input('x', f32(N, C), 'step'),
      g.input('weight', f32(C, V), 'step'),
      g.input('targets', u32(N), 'step'),
      g.input('hyper', f32(HYPER_SIZE), 'step'),
    ] as const;
    const { losses } = headLoss(g, inputs, { tied: false, gradient: true, scale: 1, chunk });
    g.output('losses', losses, 'step');
    const { caps } = await testGpu();
    const { steps } = planProgram(g, { caps, variants: { head_loss: 'plain' } });
    const dispatches = steps.flatMap((step) => step.dispatches);
    const bytesOf = (some: readonly Dispatch[]): number => some.reduce((sum, one) => sum + boundBytes(one, 1), 0);
    // Logits, and the gradients of x and of the weight.
    const products = [64, 64, 22].flatMap((rows) => [
      productBytes(rows, V, C),
      productBytes(rows, C, V),
      productBytes(C, V, rows),
    ]);
    expect(bytesOf(dispatches.filter(isProduct))).toBe(products.reduce((sum, one) => sum + one, 0));
    // Logits in place, targets and three results a row, and the scalars of the step for each of three chunks.
    const isLoss = ({ kernel }: Dispatch): boolean => kernel === 'loss/cross-entropy-forward';
    expect(bytesOf(dispatches.filter(isLoss))).toBe(4 * (N * V + 4 * N + 3 * HYPER_SIZE));
  });
});
