import { KernelError } from '../base/errors.ts';
import type { Gpu } from '../gpu/device.ts';
import { kernelSource, packSizes } from '../gpu/kernel.ts';
import type { KernelSource } from '../gpu/kernel.ts';
import { nodeLabel } from '../graph/graph.ts';
import type { Rate } from '../graph/graph.ts';
import type { Phase } from '../graph/types.ts';
import type { Dispatch } from '../ops/op.ts';
import { IDLE_SLOTS, OFFSET_ALIGN } from './plan.ts';
import type { Home, Plan, Ring, Step } from './plan.ts';

/** A dispatch with everything made: nothing is allocated to encode it. */
export interface Ready {
  readonly phase: Phase;
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly grid: readonly [number, number, number];
  /** Bytes from one place to the next of each dynamic binding, and how often the place moves on. */
  readonly strides: readonly { readonly bytes: number; readonly rate: Rate }[];
  readonly offsets: Uint32Array;
}

export interface CreateOptions {
  /** Hears of every pipeline that is compiled. */
  readonly onProgress?: (done: number, total: number) => void;
}

interface Buffers {
  readonly pools: readonly GPUBuffer[];
  readonly arenas: ReadonlyMap<string, GPUBuffer>;
  readonly rings: ReadonlyMap<string, GPUBuffer>;
}

/**
 * Starts to compile the kernels of a plan, all at once, so that who makes programs of it one after the other waits for them once. A
 * kernel that does not compile is refused where a program is made of it.
 */
export function startCompiling(gpu: Gpu, plan: Plan): void {
  const { device } = gpu;
  // What is refused here is no fault of the device's, and refused again where it is used.
  device.pushErrorScope('validation');
  for (const step of plan.steps) {
    for (const dispatch of step.dispatches) {
      try {
        compiling(gpu, plan, step, dispatch);
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
      }
    }
  }
  device.popErrorScope().catch(() => undefined);
}

/** A kernel on its way to be compiled, and where its bindings lie. */
interface Compiling {
  readonly source: KernelSource;
  readonly homes: ReadonlyMap<string, Home | undefined>;
  /** Bindings whose place changes from step to step. */
  readonly dynamic: ReadonlyMap<string, Ring>;
  readonly layout: GPUBindGroupLayout;
  readonly pipeline: Promise<GPUComputePipeline>;
}

function compiling(gpu: Gpu, plan: Plan, step: Step, dispatch: Dispatch): Compiling {
  const source = kernelSource(dispatch.kernel, dispatch.template);
  const homes = homesOf(plan, source, dispatch, labelOf(step, dispatch));
  const dynamic = new Map<string, Ring>();
  for (const [name, home] of homes) {
    const ring = home?.kind === 'ring' ? plan.rings.find((candidate) => candidate.name === home.ring) : undefined;
    if (ring !== undefined && ring.slots > 1) dynamic.set(name, ring);
  }
  const layout = gpu.bindLayout(source, new Set(dynamic.keys()));
  return { source, homes, dynamic, layout, pipeline: gpu.pipeline(source, dispatch.overrides ?? {}, layout) };
}

/** Where each storage binding of the kernel lies; undefined for one that is left idle. */
function homesOf(plan: Plan, source: KernelSource, dispatch: Dispatch, where: string): Compiling['homes'] {
  const homes = new Map<string, Home | undefined>();
  const names = new Set(source.bindings.filter((binding) => binding.kind !== 'sizes').map((binding) => binding.name));
  for (const name of names) {
    if (!Object.hasOwn(dispatch.bind, name) && dispatch.tables?.[name] === undefined) {
      throw new KernelError({ where, rule: `binding ${name} is not given` });
    }
  }
  for (const [name, operand] of Object.entries(dispatch.bind)) {
    if (!names.has(name)) throw new KernelError({ where, rule: `the kernel has no binding ${name}` });
    const home = operand === undefined ? undefined : plan.homes.get(operand);
    if (operand !== undefined && home === undefined)
      throw new KernelError({ where, rule: 'an operand has no place in the plan' });
    homes.set(name, home);
  }
  return homes;
}

function labelOf({ node }: Step, { kernel }: Dispatch): string {
  return `${nodeLabel(node)} kernel ${kernel}`;
}

/** Makes pipelines and bind groups for the dispatches of a plan. */
export class Builder {
  private readonly gpu: Gpu;
  private readonly plan: Plan;
  private readonly buffers: Buffers;
  private readonly own: (label: string, size: number, usage: 'storage' | 'uniform') => GPUBuffer;
  private readonly sizes: GPUBuffer;
  /** What unused bindings are bound to: one for reading, one with a place of its own for each binding that is written. */
  private readonly idleRead: GPUBuffer;
  private readonly idleWrite: GPUBuffer;
  private readonly tables = new Map<string, GPUBuffer>();

  constructor(gpu: Gpu, plan: Plan, buffers: Buffers, own: Builder['own']) {
    this.gpu = gpu;
    this.plan = plan;
    this.buffers = buffers;
    this.own = own;
    const count = plan.steps.reduce((sum, step) => sum + step.dispatches.length, 0);
    this.sizes = own('sizes', OFFSET_ALIGN * Math.max(1, count), 'uniform');
    this.idleRead = own('idle read', OFFSET_ALIGN, 'storage');
    this.idleWrite = own('idle write', (IDLE_SLOTS - 1) * OFFSET_ALIGN, 'storage');
  }

  async build(onProgress: CreateOptions['onProgress']): Promise<readonly Ready[]> {
    const all = this.plan.steps.flatMap((step) => step.dispatches.map((dispatch) => ({ step, dispatch })));
    let done = 0;
    return Promise.all(
      all.map(async ({ step, dispatch }, index) => {
        const ready = await this.prepare(step, dispatch, index);
        done += 1;
        onProgress?.(done, all.length);
        return ready;
      }),
    );
  }

  private async prepare(step: Step, dispatch: Dispatch, index: number): Promise<Ready> {
    const where = labelOf(step, dispatch);
    const { source, homes, dynamic, layout, pipeline } = compiling(this.gpu, this.plan, step, dispatch);
    if (source.sizes.length > 0) this.gpu.write(this.sizes, index * OFFSET_ALIGN, packSizes(source, dispatch.sizes));
    const entries = source.bindings.map((binding): GPUBindGroupEntry => {
      const { name } = binding;
      if (binding.kind === 'sizes') {
        return { binding: binding.index, resource: { buffer: this.sizes, offset: index * OFFSET_ALIGN, size: OFFSET_ALIGN } };
      }
      const table = dispatch.tables?.[name];
      if (table !== undefined)
        return { binding: binding.index, resource: { buffer: this.table(`${dispatch.kernel} ${name}`, table(this.plan.lanes)) } };
      const home = homes.get(name);
      if (home === undefined) {
        const idle =
          binding.kind === 'read'
            ? { buffer: this.idleRead }
            : { buffer: this.idleWrite, offset: binding.index * OFFSET_ALIGN, size: OFFSET_ALIGN };
        return { binding: binding.index, resource: idle };
      }
      return {
        binding: binding.index,
        resource: { buffer: this.bufferOf(home), offset: home.offset, size: Math.ceil(home.size / 16) * 16 },
      };
    });
    const grid = [dispatch.grid[0], dispatch.grid[1], dispatch.grid[2] * this.plan.lanes] as const;
    return {
      phase: step.node.phase,
      pipeline: await pipeline,
      group: this.gpu.device.createBindGroup({ label: where, layout, entries }),
      grid,
      strides: source.bindings.flatMap(({ name }) => {
        const ring = dynamic.get(name);
        return ring === undefined ? [] : [{ bytes: ring.strideBytes, rate: ring.rate }];
      }),
      offsets: new Uint32Array(dynamic.size),
    };
  }

  private bufferOf(home: Home): GPUBuffer {
    const buffer =
      home.kind === 'pool'
        ? this.buffers.pools[home.pool]
        : home.kind === 'arena'
          ? this.buffers.arenas.get(home.arena)
          : this.buffers.rings.get(home.ring);
    if (buffer === undefined) throw new KernelError({ where: 'program', rule: `a ${home.kind} buffer is missing` });
    return buffer;
  }

  private table(label: string, words: Uint32Array): GPUBuffer {
    const key = `${label} ${words.join()}`;
    let buffer = this.tables.get(key);
    if (buffer === undefined) {
      buffer = this.own(`table ${label}`, words.byteLength, 'storage');
      this.gpu.write(buffer, 0, words.slice());
      this.tables.set(key, buffer);
    }
    return buffer;
  }
}
