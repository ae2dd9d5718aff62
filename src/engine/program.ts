import { DeviceError, KernelError } from '../base/errors.ts';
import type { Gpu } from '../gpu/device.ts';
import type { Rate } from '../graph/graph.ts';
import { wordsOf } from '../graph/types.ts';
import type { Phase } from '../graph/types.ts';
import { Builder } from './builder.ts';
import type { CreateOptions, Ready } from './builder.ts';
import { READBACKS } from './plan.ts';
import type { Plan, Ring } from './plan.ts';
import type { Store } from './store.ts';

interface InputRing {
  readonly buffer: GPUBuffer;
  readonly bytes: ArrayBuffer;
  readonly slots: readonly (Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>)[];
  readonly ring: Ring;
}

interface OutputRing {
  readonly buffer: GPUBuffer;
  readonly ring: Ring;
  readonly offsetBytes: number;
}

/** Where dispatches are encoded, and what submits them and begins anew. */
interface Recording {
  readonly pass: GPUComputePassEncoder;
  readonly cut: () => GPUComputePassEncoder;
  readonly dispatchesPerSubmit: number;
}

/** What one `run` gave. Valid until the {@link READBACKS}rd run after it: copy what is to be kept. */
export interface Reading {
  /** The output `name` at place `slot` (a step, or a micro-batch of one): `[L, ...shape]`; of integers, their bits. */
  get(name: string, slot: number): Float32Array;
}

/** A plan with its pipelines, buffers and bind groups: runs steps. */
export class Program {
  readonly plan: Plan;
  private readonly gpu: Gpu;
  private readonly ready: readonly Ready[];
  private readonly inputs: ReadonlyMap<string, InputRing>;
  private readonly outputs: ReadonlyMap<string, OutputRing>;
  private readonly owned: readonly GPUBuffer[];
  private readonly readbacks: {
    readonly staging: GPUBuffer;
    readonly host: Float32Array<ArrayBuffer>;
    busy: Promise<void> | null;
  }[];
  private nextReadback = 0;

  private constructor(
    gpu: Gpu,
    plan: Plan,
    parts: {
      ready: readonly Ready[];
      inputs: ReadonlyMap<string, InputRing>;
      outputs: ReadonlyMap<string, OutputRing>;
      owned: readonly GPUBuffer[];
    },
  ) {
    this.gpu = gpu;
    this.plan = plan;
    this.ready = parts.ready;
    this.inputs = parts.inputs;
    this.outputs = parts.outputs;
    this.owned = parts.owned;
    const readBytes = [...parts.outputs.values()].reduce((sum, { ring }) => sum + ring.strideBytes * ring.slots, 0);
    this.readbacks = Array.from({ length: READBACKS }, (_, i) => ({
      staging: gpu.buffer(`readback ${i}`, readBytes, 'readback'),
      host: new Float32Array(readBytes / 4),
      busy: null,
    }));
  }

  /**
   * Allocates what the plan says and compiles its kernels.
   *
   * @throws KernelError, DeviceError (out of memory among them); nothing is kept then.
   */
  static async create(store: Store, plan: Plan, options: CreateOptions = {}): Promise<Program> {
    const { gpu } = store;
    const owned: GPUBuffer[] = [];
    const own = (label: string, size: number, usage: 'storage' | 'uniform'): GPUBuffer => {
      const buffer = gpu.buffer(label, size, usage);
      owned.push(buffer);
      return buffer;
    };
    try {
      return await gpu.guard('program', async () => {
        const pools = plan.pools.map((size, i) => own(`pool ${i}`, size, 'storage'));
        const arenas = new Map(plan.arenas.map((arena) => [arena.name, store.arena(arena)]));
        const rings = new Map(
          plan.rings.map((ring) => [ring.name, own(`ring ${ring.name}`, ring.strideBytes * ring.slots, 'storage')]),
        );
        const builder = new Builder(gpu, plan, { pools, arenas, rings }, own);
        const ready = await builder.build(options.onProgress);
        return new Program(gpu, plan, { ready, owned, inputs: inputRings(plan, rings), outputs: outputRings(plan, rings) });
      });
    } catch (error) {
      for (const buffer of owned) buffer.destroy();
      throw error;
    }
  }

  /** Where the host puts input `name` for place `slot`: `[L, ...shape]`, packed codes as words, uploaded by the next {@link run}. */
  slot(name: string, slot: number): Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> {
    const view = this.inputs.get(name)?.slots[slot];
    if (view === undefined) throw new KernelError({ where: `input "${name}"`, rule: `there is no place ${slot}` });
    return view;
  }

  /** {@link slot} of an input of u32. */
  words(name: string, slot: number): Uint32Array<ArrayBuffer> {
    const view = this.slot(name, slot);
    if (!(view instanceof Uint32Array)) throw new KernelError({ where: `input "${name}"`, rule: 'it holds f32, not u32' });
    return view;
  }

  /** {@link slot} of an input of f32. */
  floats(name: string, slot: number): Float32Array<ArrayBuffer> {
    const view = this.slot(name, slot);
    if (!(view instanceof Float32Array)) throw new KernelError({ where: `input "${name}"`, rule: 'it holds u32, not f32' });
    return view;
  }

  /** Resolves when the next {@link run} may be prepared and called: at most {@link READBACKS} are under way. */
  async free(): Promise<void> {
    await this.readbacks[this.nextReadback]?.busy;
  }

  /**
   * Runs `k` whole steps in one submit, with what lies in the first places of the input rings. Resolves with the outputs. Several
   * runs may be under way; await {@link free} before filling the rings for the next.
   *
   * @param microPerSubmit cuts a step of many micro-batches into several submits, so that none keeps the GPU busy for long.
   * @param dispatchesPerSubmit cuts a micro-batch of many dispatches too.
   * @throws DeviceError when the device is lost.
   */
  run(k = 1, microPerSubmit = Infinity, dispatchesPerSubmit = Infinity): Promise<Reading> {
    const { plan } = this;
    if (!Number.isInteger(k) || k < 1 || k > plan.slots) {
      throw new KernelError({ where: 'program', rule: 'steps of one submit', got: String(k), expected: `1..${plan.slots}` });
    }
    const readback = this.readbacks[this.nextReadback];
    if (readback === undefined) throw new DeviceError({ where: 'program', rule: 'it was destroyed' });
    if (readback.busy !== null)
      throw new KernelError({ where: 'program', rule: 'too many runs are under way', cure: 'Await free() first.' });
    this.nextReadback = (this.nextReadback + 1) % this.readbacks.length;
    const reading = this.submit(k, readback, microPerSubmit, dispatchesPerSubmit);
    const settled = (): void => void (readback.busy = null);
    readback.busy = reading.then(settled, settled);
    return reading;
  }

  private async submit(
    k: number,
    readback: Program['readbacks'][number],
    microPerSubmit: number,
    dispatchesPerSubmit: number,
  ): Promise<Reading> {
    const places = (rate: Rate): number => k * (rate === 'micro' ? this.plan.microBatches : 1);
    for (const { buffer, bytes, ring } of this.inputs.values()) {
      this.gpu.device.queue.writeBuffer(buffer, 0, bytes, 0, places(ring.rate) * ring.strideBytes);
    }
    const { device } = this.gpu;
    let encoder = device.createCommandEncoder({ label: 'run' });
    let pass = encoder.beginComputePass({ label: 'run' });
    const cut = (): GPUComputePassEncoder => {
      pass.end();
      device.queue.submit([encoder.finish()]);
      encoder = device.createCommandEncoder({ label: 'run' });
      pass = encoder.beginComputePass({ label: 'run' });
      return pass;
    };
    let encoded = 0;
    for (let step = 0; step < k; step++) {
      for (let micro = 0; micro < this.plan.microBatches; micro++) {
        if (encoded >= microPerSubmit) {
          cut();
          encoded = 0;
        }
        this.encode({ pass, cut, dispatchesPerSubmit }, 'micro', step, step * this.plan.microBatches + micro);
        encoded += 1;
      }
      this.encode({ pass, cut, dispatchesPerSubmit }, 'update', step, step * this.plan.microBatches);
    }
    pass.end();
    for (const { buffer, ring, offsetBytes } of this.outputs.values()) {
      encoder.copyBufferToBuffer(buffer, 0, readback.staging, offsetBytes, places(ring.rate) * ring.strideBytes);
    }
    device.queue.submit([encoder.finish()]);
    await this.gpu.map(readback.staging);
    readback.host.set(new Float32Array(readback.staging.getMappedRange(), 0, readback.host.length));
    readback.staging.unmap();
    return { get: (name, slot) => this.outputView(readback.host, name, slot) };
  }

  private encode({ pass: from, cut, dispatchesPerSubmit }: Recording, phase: Phase, step: number, micro: number): void {
    let pass = from;
    let count = 0;
    for (const { phase: when, pipeline, group, grid, strides, offsets } of this.ready) {
      if (when !== phase) continue;
      for (let i = 0; i < strides.length; i++) {
        const stride = strides[i];
        if (stride !== undefined) offsets[i] = stride.bytes * (stride.rate === 'micro' ? micro : step);
      }
      if (count > 0 && count % dispatchesPerSubmit === 0) pass = cut();
      count += 1;
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group, offsets, 0, offsets.length);
      pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
    }
  }

  /**
   * Encodes `times` times the dispatch that is the `index`th of all steps of the plan, at the first places of the rings: what a
   * profile measures. The state of the run is of no use afterwards.
   */
  encodeAlone(pass: GPUComputePassEncoder, index: number, times: number): void {
    const dispatch = this.ready[index];
    if (dispatch === undefined) throw new KernelError({ where: 'program', rule: `it has no dispatch ${index}` });
    const { pipeline, group, grid, offsets } = dispatch;
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group, offsets.fill(0), 0, offsets.length);
    for (let i = 0; i < times; i++) pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
  }

  private outputView(host: Float32Array<ArrayBuffer>, name: string, slot: number): Float32Array {
    const output = this.outputs.get(name);
    if (output === undefined) throw new KernelError({ where: `output "${name}"`, rule: 'the program has none of this name' });
    const { ring, offsetBytes } = output;
    return new Float32Array(host.buffer, offsetBytes + slot * ring.strideBytes, this.plan.lanes * wordsOf(ring.type));
  }

  /** Frees the program's buffers; the store's stay. */
  destroy(): void {
    for (const buffer of this.owned) buffer.destroy();
    for (const { staging } of this.readbacks) staging.destroy();
    this.readbacks.length = 0;
  }
}

function inputRings(plan: Plan, rings: ReadonlyMap<string, GPUBuffer>): ReadonlyMap<string, InputRing> {
  const inputs = new Map<string, InputRing>();
  for (const ring of plan.rings) {
    const buffer = rings.get(ring.name);
    if (ring.direction !== 'input' || buffer === undefined) continue;
    const bytes = new ArrayBuffer(ring.strideBytes * ring.slots);
    const elements = plan.lanes * wordsOf(ring.type);
    const View = ring.type.dtype === 'f32' ? Float32Array : Uint32Array;
    const slots = Array.from({ length: ring.slots }, (_, slot) => new View(bytes, slot * ring.strideBytes, elements));
    inputs.set(ring.name, { buffer, bytes, slots, ring });
  }
  return inputs;
}

function outputRings(plan: Plan, rings: ReadonlyMap<string, GPUBuffer>): ReadonlyMap<string, OutputRing> {
  const outputs = new Map<string, OutputRing>();
  let offsetBytes = 0;
  for (const ring of plan.rings) {
    const buffer = rings.get(ring.name);
    if (ring.direction !== 'output' || buffer === undefined) continue;
    outputs.set(ring.name, { buffer, ring, offsetBytes });
    offsetBytes += ring.strideBytes * ring.slots;
  }
  return outputs;
}
