import { GraphError } from '../base/errors.ts';
import { planProgram, Program, Store } from '../engine/index.ts';
import type { Gpu } from '../gpu/device.ts';
import { Graph } from '../graph/index.ts';
import { matmul } from '../ops/matmul.ts';

export interface Peak {
  readonly matmulFlopsPerSecond: number;
  /** The kernel and the shape that reached it. */
  readonly kernel: string;
}

export interface PeakOptions {
  /** Sides N of the N x N matrices; default 512 on a software adapter, 1024 and 2048 on a GPU. */
  readonly sizes?: readonly number[];
  /** Variants that failed their check on this device, as `op/variant`. */
  readonly disabled?: ReadonlySet<string>;
  /** Milliseconds since any fixed time. */
  readonly now?: () => number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Products of one step, each fed the one before. */
const CHAIN = 4;
const REPEATS = 5;
/** A timed submit lasts at least this long, so that what surrounds the products does not count. */
const SUBMIT_MS = 60;

/**
 * The fastest f32 matmul of this adapter as the engine runs it: the best of several submits of chained square products. It is the
 * denominator of MFU, so it is a measured peak and not the maker's figure.
 *
 * @throws DeviceError, KernelError
 */
export async function measurePeak(gpu: Gpu, options: PeakOptions = {}): Promise<Peak> {
  const {
    sizes = gpu.caps.software ? [512] : [1024, 2048],
    now = () => performance.now(),
    disabled = new Set(),
    onProgress,
  } = options;
  let best: Peak = { matmulFlopsPerSecond: 0, kernel: '' };
  for (const [i, size] of sizes.entries()) {
    onProgress?.(i, sizes.length);
    const peak = await peakOf(gpu, size, now, disabled);
    if (peak.matmulFlopsPerSecond > best.matmulFlopsPerSecond) best = peak;
  }
  onProgress?.(sizes.length, sizes.length);
  return best;
}

async function peakOf(gpu: Gpu, size: number, now: () => number, disabled: ReadonlySet<string>): Promise<Peak> {
  const plan = planProgram(chain(size), { caps: gpu.caps, disabled, slots: 64 });
  const store = new Store(gpu, 1);
  try {
    const program = await Program.create(store, plan);
    try {
      for (const name of ['a', 'b']) store.write('matrices', name, 0, matrix(size, name === 'a' ? 1 : 2));
      const timeMs = async (steps: number): Promise<number> => {
        const start = now();
        await program.run(steps);
        return now() - start;
      };
      await timeMs(1);
      const onceMs = Math.max(await timeMs(1), 0.01);
      const steps = Math.max(1, Math.min(plan.slots, Math.ceil(SUBMIT_MS / onceMs)));
      let bestMs = Infinity;
      for (let i = 0; i < REPEATS; i++) bestMs = Math.min(bestMs, await timeMs(steps));
      const variant = plan.steps.find(({ node }) => node.op === 'matmul')?.variant ?? '';
      return {
        matmulFlopsPerSecond: (steps * CHAIN * 2 * size ** 3) / (bestMs / 1000),
        kernel: `matmul ${variant}, ${size} x ${size} x ${size}`,
      };
    } finally {
      program.destroy();
    }
  } finally {
    store.destroy();
  }
}

/** Chained products, and then one number of the last, so that little is read back. */
function chain(size: number): Graph {
  const g = new Graph();
  const matrices = ['a', 'b'].map((name) => ({ name, shape: [size, size] }));
  const { tensors } = g.state('matrices', [...matrices, { name: 'row', shape: [1, size] }, { name: 'column', shape: [size, 1] }]);
  const [a, b, row, column] = tensors.values();
  if (a === undefined || b === undefined || row === undefined || column === undefined) {
    throw new GraphError({ where: 'graph "peak"', rule: 'a matrix is missing' });
  }
  let product = a;
  for (let i = 0; i < CHAIN; i++) product = matmul(g, product, b);
  g.output('number', matmul(g, matmul(g, row, product), column), 'step');
  return g;
}

/** Varied values of a size that keeps chained products near 1; zeros would let a GPU clock higher than it can with real data. */
function matrix(size: number, seed: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(size * size);
  const scale = Math.sqrt(12 / size) / 2 ** 31;
  for (let i = 0; i < values.length; i++)
    values[i] = (Math.imul((i + 1) * 2654435761 + seed, 2246822519) ^ (i << 7)) * scale * 0.5;
  return values;
}
