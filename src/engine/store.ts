import { DeviceError } from '../base/errors.ts';
import { sizeOf } from '../base/shape.ts';
import type { Gpu } from '../gpu/device.ts';
import { packLayout } from '../graph/pack.ts';
import { printType, sameType } from '../graph/types.ts';
import type { Arena } from './plan.ts';

interface Held {
  readonly arena: Arena;
  readonly buffer: GPUBuffer;
}

/**
 * The state that outlives a program: weights, optimizer moments, sampled text. Programs of one store with arenas of the same
 * name share them, which is how evaluation and sampling read what training writes.
 */
export class Store {
  readonly gpu: Gpu;
  readonly lanes: number;
  private readonly held = new Map<string, Held>();

  constructor(gpu: Gpu, lanes: number) {
    this.gpu = gpu;
    this.lanes = lanes;
  }

  /** The buffer of an arena, made (all zeros) when it is new. @throws DeviceError when it is there with another layout. */
  arena(arena: Arena): GPUBuffer {
    const held = this.held.get(arena.name);
    if (held === undefined) {
      const buffer = this.gpu.buffer(arena.name, arena.sizeBytes, 'storage');
      this.held.set(arena.name, { arena, buffer });
      return buffer;
    }
    if (!sameType(held.arena.type, arena.type)) {
      throw new DeviceError({
        where: `arena ${arena.name}`,
        rule: 'two programs disagree about its layout',
        got: printType(arena.type),
        expected: printType(held.arena.type),
      });
    }
    return held.buffer;
  }

  /** Tensor names of an arena, in order. */
  names(arena: string): readonly string[] {
    return this.require(arena).arena.names;
  }

  shapeOf(arena: string, tensor: string): readonly number[] {
    return this.place(arena, tensor).shape;
  }

  /** Puts one tensor of one lane; `data` is row-major. Takes effect before whatever is submitted next. */
  write(arena: string, tensor: string, lane: number, data: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): void {
    const { buffer, offset, size } = this.place(arena, tensor);
    if (data.length !== size) {
      throw new DeviceError({
        where: `arena ${arena} tensor ${tensor}`,
        rule: 'wrong number of elements',
        got: `${data.length}`,
        expected: `${size}`,
      });
    }
    this.gpu.write(buffer, 4 * (offset + lane * size), data);
  }

  /** Every tensor of an arena by name, one copy a lane, after everything submitted so far. */
  async read(arena: string): Promise<Map<string, readonly Float32Array<ArrayBuffer>[]>> {
    const { buffer, arena: held } = this.require(arena);
    const bytes = await this.gpu.read(buffer, 0, held.sizeBytes);
    const tensors = new Map<string, readonly Float32Array<ArrayBuffer>[]>();
    for (const name of held.names) {
      const { offset, size } = this.place(arena, name);
      const lanes = Array.from(
        { length: this.lanes },
        (_, lane) => new Float32Array(bytes.slice(4 * (offset + lane * size), 4 * (offset + (lane + 1) * size))),
      );
      tensors.set(name, lanes);
    }
    return tensors;
  }

  destroy(): void {
    for (const { buffer } of this.held.values()) buffer.destroy();
    this.held.clear();
  }

  private require(arena: string): Held {
    const held = this.held.get(arena);
    if (held === undefined) throw new DeviceError({ where: `arena ${arena}`, rule: 'no program has made it' });
    return held;
  }

  private place(arena: string, tensor: string): { buffer: GPUBuffer; offset: number; size: number; shape: readonly number[] } {
    const { buffer, arena: held } = this.require(arena);
    const index = held.names.indexOf(tensor);
    const shape = held.type.parts?.[index];
    if (shape === undefined) throw new DeviceError({ where: `arena ${arena}`, rule: 'it holds no such tensor', got: tensor });
    return { buffer, offset: packLayout(held.type, this.lanes).offsets[index] ?? 0, size: sizeOf(shape), shape };
  }
}
