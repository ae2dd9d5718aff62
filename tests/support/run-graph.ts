import { planProgram, Program, Store } from '../../src/engine/index.ts';
import type { PlanOptions } from '../../src/engine/index.ts';
import { Gpu } from '../../src/gpu/device.ts';
import { checkGraph } from '../../src/graph/index.ts';
import type { Graph } from '../../src/graph/index.ts';
import { opRules } from '../../src/ops/table.ts';
import { requestTestDevice } from './gpu.ts';

/** What one lane is fed: inputs by name, and the tensors of each arena by name. Left out: zeros. */
export interface LaneFeeds {
  readonly inputs?: Readonly<Record<string, ArrayLike<number>>>;
  readonly states?: Readonly<Record<string, Readonly<Record<string, ArrayLike<number>>>>>;
}

export interface LaneResult {
  readonly outputs: Readonly<Record<string, Float32Array>>;
  /** The tensors of each arena after the step. */
  readonly states: Readonly<Record<string, ReadonlyMap<string, Float32Array>>>;
}

let shared: { device: GPUDevice; gpu: Gpu } | undefined;

/** The device that the tests of a file share, with default limits (promise 5). */
export async function testGpu(): Promise<Gpu> {
  const device = await requestTestDevice();
  if (shared?.device !== device) shared = { device, gpu: Gpu.adopt(device) };
  return shared.gpu;
}

/**
 * Checks, plans and runs one step of a graph on the GPU, one entry of `feeds` a lane; gives what each lane put out.
 * `variants` forces kernels by op name, so that every variant of an op can be held against its reference; `gpu` is the device that tests
 * share when left out.
 */
export async function runGraph(
  graph: Graph,
  feeds: readonly LaneFeeds[],
  options: Pick<PlanOptions, 'variants' | 'disabled' | 'microBatches'> & {
    readonly caps?: PlanOptions['caps'];
    readonly gpu?: Gpu;
  } = {},
): Promise<readonly LaneResult[]> {
  const gpu = options.gpu ?? (await testGpu());
  const lanes = feeds.length;
  checkGraph(graph, opRules);
  const plan = planProgram(graph, { caps: gpu.caps, ...options, lanes, slots: 1 });
  const store = new Store(gpu, lanes);
  const program = await Program.create(store, plan);
  try {
    for (const [lane, { inputs = {}, states = {} }] of feeds.entries()) {
      for (const [name, data] of Object.entries(inputs)) {
        const view = program.slot(name, 0);
        const size = view.length / lanes;
        if (data.length !== size) throw new RangeError(`input ${name}: ${data.length} values for ${size}`);
        view.set(data, lane * size);
      }
      for (const [arena, tensors] of Object.entries(states)) {
        const dtype = plan.arenas.find(({ name }) => name === arena)?.type.dtype;
        for (const [name, data] of Object.entries(tensors)) {
          store.write(arena, name, lane, dtype === 'u32' ? Uint32Array.from(data) : Float32Array.from(data));
        }
      }
    }
    const reading = await program.run(1);
    const arenas = await Promise.all(plan.arenas.map(async ({ name }) => [name, await store.read(name)] as const));
    return feeds.map((_, lane): LaneResult => {
      const outputs = plan.graph.outputs.map(({ name }): [string, Float32Array] => {
        const all = reading.get(name, 0);
        return [name, all.slice((lane * all.length) / lanes, ((lane + 1) * all.length) / lanes)];
      });
      const states = arenas.map(([name, tensors]): [string, ReadonlyMap<string, Float32Array>] => [
        name,
        new Map([...tensors].map(([tensor, copies]) => [tensor, copies[lane] ?? new Float32Array(0)])),
      ]);
      return { outputs: Object.fromEntries(outputs), states: Object.fromEntries(states) };
    });
  } finally {
    program.destroy();
    store.destroy();
  }
}
