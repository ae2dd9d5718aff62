import { DeviceError, IsoflopError, KernelError } from '../base/errors.ts';
import type { KernelSource } from './kernel.ts';

/** What kernels may count on: the device's limits and features, and what kind of adapter it is. */
export interface Caps {
  /** The adapter computes on the CPU (SwiftShader, WARP, llvmpipe). */
  readonly software: boolean;
  readonly maxInvocations: number;
  readonly workgroupBytes: number;
  readonly maxBindingBytes: number;
  readonly maxBufferBytes: number;
  /** Subgroups of four invocations or more, so that a workgroup of four lies in one. */
  readonly subgroups: boolean;
  /** WGSL's half precision. */
  readonly f16: boolean;
}

/** Who the adapter is; strings are empty where the browser hides them. */
export interface AdapterReport {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly software: boolean;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

/** Limits that are asked for above the defaults where the adapter has more. */
const WANTED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;
const WANTED_FEATURES = ['timestamp-query', 'subgroups', 'shader-f16'] as const;
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|warp|basic render/i;

/** Whether an adapter computes on the CPU. */
export function isSoftware(info: GPUAdapterInfo): boolean {
  return info.isFallbackAdapter || SOFTWARE.test(`${info.vendor} ${info.architecture} ${info.device} ${info.description}`);
}

export interface OpenOptions {
  /** `adapter`: as much as the adapter has; `default`: the WebGPU defaults (promise 5). */
  readonly limits?: 'adapter' | 'default';
}

/**
 * An open GPU device: the one place that holds a `GPUDevice`. Errors that no call awaits (validation, out of memory, loss of the
 * device) reach {@link Gpu.onFault}; none is only logged (promise 6).
 */
export class Gpu {
  readonly device: GPUDevice;
  readonly caps: Caps;
  readonly report: AdapterReport;
  /** Settles when the device is gone, with why. */
  readonly lost: Promise<DeviceError>;
  private readonly listeners = new Set<(error: IsoflopError) => void>();
  private readonly pipelines = new Map<string, Promise<GPUComputePipeline>>();
  private readonly layouts = new Map<string, GPUBindGroupLayout>();
  private readonly modules = new Map<string, GPUShaderModule>();
  private closed = false;
  private gone = false;

  private constructor(device: GPUDevice, info: GPUAdapterInfo) {
    this.device = device;
    const software = isSoftware(info);
    const { limits, features } = device;
    this.caps = {
      software,
      maxInvocations: limits.maxComputeInvocationsPerWorkgroup,
      workgroupBytes: limits.maxComputeWorkgroupStorageSize,
      maxBindingBytes: limits.maxStorageBufferBindingSize,
      maxBufferBytes: limits.maxBufferSize,
      subgroups: features.has('subgroups') && info.subgroupMinSize >= 4,
      f16: features.has('shader-f16'),
    };
    this.report = {
      vendor: info.vendor,
      architecture: info.architecture,
      device: info.device,
      description: info.description,
      software,
      features: [...features].toSorted(),
      limits: limitsOf(limits),
    };
    this.lost = device.lost.then((lost) => this.lossError(lost));
    void this.lost.then((error) => {
      this.gone = true;
      this.fault(error);
    });
    device.addEventListener('uncapturederror', (event) => this.fault(errorOf(event.error, 'WebGPU')));
  }

  /**
   * @param api where adapters come from: the browser's own when left out.
   * @throws DeviceError when there is no WebGPU, no adapter, or no device.
   */
  static async open(api: GPU | undefined = browserGpu(), { limits = 'adapter' }: OpenOptions = {}): Promise<Gpu> {
    const where = 'WebGPU';
    if (api === undefined) {
      throw new DeviceError({
        where,
        rule: 'this browser or page has none',
        cure: 'Use a current Chrome or Edge over https or localhost.',
      });
    }
    const adapter = await api.requestAdapter({ powerPreference: 'high-performance' });
    if (adapter === null) {
      throw new DeviceError({
        where,
        rule: 'no adapter was found',
        cure: 'Switch on hardware acceleration, or start Chrome with --enable-unsafe-webgpu.',
      });
    }
    const wanted = limits === 'default' ? {} : Object.fromEntries(WANTED_LIMITS.map((name) => [name, adapter.limits[name]]));
    const features = limits === 'default' ? [] : WANTED_FEATURES.filter((name) => adapter.features.has(name));
    try {
      const device = await adapter.requestDevice({ label: 'isoflop', requiredLimits: wanted, requiredFeatures: features });
      return new Gpu(device, adapter.info);
    } catch (cause) {
      throw new DeviceError({
        where,
        rule: 'the adapter gave no device',
        got: String(cause),
        cause,
        cure: 'Reload the page, or restart the browser.',
      });
    }
  }

  /** Takes over a device that somebody else opened. */
  static adopt(device: GPUDevice): Gpu {
    return new Gpu(device, device.adapterInfo);
  }

  /** False once the device is lost or closed. */
  get alive(): boolean {
    return !this.gone && !this.closed;
  }

  /** Hears of every error that nothing awaited. Gives a function that stops listening. */
  onFault(listener: (error: IsoflopError) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Frees the device; its loss is then expected and reported to nobody. */
  close(): void {
    this.closed = true;
    this.device.destroy();
  }

  /** Destroys the device as a crash would: the loss is reported like any other. */
  simulateLoss(): void {
    this.device.destroy();
  }

  /**
   * Runs `body` and throws what the GPU had against it: validation, out of memory, internal.
   * @throws KernelError, DeviceError
   */
  async guard<T>(where: string, body: () => T | Promise<T>): Promise<T> {
    const filters = ['validation', 'out-of-memory', 'internal'] as const;
    for (const filter of filters) this.device.pushErrorScope(filter);
    const outcome = await Promise.resolve()
      .then(body)
      .then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
    const errors = await Promise.all(filters.map(() => this.device.popErrorScope().catch(() => null)));
    const error = errors.find((candidate) => candidate !== null);
    // An error of ours says more than the scope's, which says more than whatever else the GPU's refusal led to.
    if ('error' in outcome && outcome.error instanceof IsoflopError) throw outcome.error;
    if (error !== undefined && error !== null) throw errorOf(error, where);
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  }

  /** A buffer of zeros. Sizes are rounded up to 16 bytes so that vec4 views fit. */
  buffer(label: string, sizeBytes: number, usage: 'storage' | 'uniform' | 'readback'): GPUBuffer {
    const flags = {
      storage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
      uniform: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
      readback: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    }[usage];
    const size = Math.max(16, Math.ceil(sizeBytes / 16) * 16);
    if (size > this.caps.maxBufferBytes) {
      throw new DeviceError({
        where: `buffer "${label}"`,
        rule: 'larger than this adapter takes',
        got: `${size} bytes`,
        expected: `at most ${this.caps.maxBufferBytes}`,
        cure: 'Choose a smaller model, batch, context or vocabulary.',
      });
    }
    return this.device.createBuffer({ label, size, usage: flags });
  }

  write(buffer: GPUBuffer, offsetBytes: number, data: ArrayBuffer | ArrayBufferView<ArrayBuffer>): void {
    if (ArrayBuffer.isView(data))
      this.device.queue.writeBuffer(buffer, offsetBytes, data.buffer, data.byteOffset, data.byteLength);
    else this.device.queue.writeBuffer(buffer, offsetBytes, data);
  }

  /** Copies a range of a storage buffer to the CPU, after everything submitted so far. */
  async read(buffer: GPUBuffer, offsetBytes: number, sizeBytes: number): Promise<ArrayBuffer> {
    const staging = this.buffer(`read ${buffer.label}`, sizeBytes, 'readback');
    try {
      const encoder = this.device.createCommandEncoder({ label: 'read' });
      encoder.copyBufferToBuffer(buffer, offsetBytes, staging, 0, sizeBytes);
      this.device.queue.submit([encoder.finish()]);
      await this.map(staging);
      return staging.getMappedRange(0, Math.ceil(sizeBytes / 4) * 4).slice(0, sizeBytes);
    } finally {
      staging.destroy();
    }
  }

  /** Maps a readback buffer. @throws DeviceError when the device was lost meanwhile. */
  async map(staging: GPUBuffer): Promise<void> {
    try {
      await staging.mapAsync(GPUMapMode.READ);
    } catch (cause) {
      const gone = await Promise.race([this.lost, new Promise<null>((resolve) => setTimeout(() => resolve(null), 50))]);
      throw gone ?? new DeviceError({ where: `buffer "${staging.label}"`, rule: 'it could not be read back', cause });
    }
  }

  /** The layout that a kernel's bindings ask for; `dynamic` holds the bindings whose offset changes from step to step. */
  bindLayout(source: KernelSource, dynamic: ReadonlySet<string>): GPUBindGroupLayout {
    const entries = source.bindings.map(({ index, kind, name }): GPUBindGroupLayoutEntry => {
      const type = kind === 'sizes' ? 'uniform' : kind === 'read' ? 'read-only-storage' : 'storage';
      return { binding: index, visibility: GPUShaderStage.COMPUTE, buffer: { type, hasDynamicOffset: dynamic.has(name) } };
    });
    const key = JSON.stringify(entries);
    let layout = this.layouts.get(key);
    if (layout === undefined) {
      layout = this.device.createBindGroupLayout({ label: source.path, entries });
      this.layouts.set(key, layout);
    }
    return layout;
  }

  /**
   * A compiled kernel, from the cache when it was compiled before.
   * @throws KernelError with the compiler's first message.
   */
  pipeline(
    source: KernelSource,
    overrides: Readonly<Record<string, number | boolean>>,
    layout: GPUBindGroupLayout,
  ): Promise<GPUComputePipeline> {
    for (const name of Object.keys(overrides)) {
      if (!source.overrides.has(name))
        throw new KernelError({ where: `kernel ${source.path}`, rule: `it has no override ${name}` });
    }
    const key = `${source.code} ${JSON.stringify(Object.entries(overrides).toSorted(([a], [b]) => (a < b ? -1 : 1)))} ${source.bindings.map((b) => b.kind).join()} ${this.layoutId(layout)}`;
    let pipeline = this.pipelines.get(key);
    if (pipeline === undefined) {
      pipeline = this.compile(source, overrides, layout);
      this.pipelines.set(key, pipeline);
      pipeline.catch(() => this.pipelines.delete(key));
    }
    return pipeline;
  }

  private async compile(
    source: KernelSource,
    overrides: Readonly<Record<string, number | boolean>>,
    layout: GPUBindGroupLayout,
  ): Promise<GPUComputePipeline> {
    const where = `kernel ${source.path}`;
    let module = this.modules.get(source.code);
    if (module === undefined) {
      module = this.device.createShaderModule({ label: source.path, code: source.code });
      this.modules.set(source.code, module);
    }
    const constants = Object.fromEntries(Object.entries(overrides).map(([name, value]) => [name, Number(value)]));
    try {
      return await this.device.createComputePipelineAsync({
        label: `${source.path} ${JSON.stringify(overrides)}`,
        layout: this.device.createPipelineLayout({ label: source.path, bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: 'main', constants },
      });
    } catch (cause) {
      const info = await module.getCompilationInfo();
      const message = info.messages.find((candidate) => candidate.type === 'error');
      const got = message === undefined ? String(cause) : `line ${message.lineNum}:${message.linePos} ${message.message}`;
      throw new KernelError({ where, rule: 'it does not compile on this adapter', got: got.replaceAll(/\s+/g, ' '), cause });
    }
  }

  private readonly layoutIds = new Map<GPUBindGroupLayout, number>();
  private layoutId(layout: GPUBindGroupLayout): number {
    const id = this.layoutIds.get(layout) ?? this.layoutIds.size;
    this.layoutIds.set(layout, id);
    return id;
  }

  private lossError(lost: GPUDeviceLostInfo): DeviceError {
    return new DeviceError({
      where: 'GPU device',
      rule: 'it was lost',
      got: lost.message === '' ? lost.reason : lost.message.replaceAll(/\s+/g, ' '),
      cure: 'The run resumes from its last checkpoint on a new device.',
      cause: lost,
    });
  }

  private fault(error: IsoflopError): void {
    if (this.closed) return;
    for (const listener of this.listeners) listener(error);
  }
}

/** Undefined where the browser or the page has no WebGPU. */
function browserGpu(): GPU | undefined {
  return typeof navigator === 'undefined' ? undefined : navigator.gpu;
}

function limitsOf(limits: GPUSupportedLimits): Record<string, number> {
  const record: Record<string, number> = {};
  // The limits are getters of the prototype, so they are listed by walking it.
  for (const name in limits) {
    const value: unknown = limits[name as keyof GPUSupportedLimits];
    if (typeof value === 'number') record[name] = value;
  }
  return record;
}

function errorOf(error: GPUError, where: string): IsoflopError {
  const text = error.message.replaceAll(/\s+/g, ' ').trim();
  if (error instanceof GPUOutOfMemoryError) {
    return new DeviceError({
      where,
      rule: 'the GPU is out of memory',
      got: text,
      cause: error,
      cure: 'Choose a smaller model, batch, context or fewer lanes, or close other tabs.',
    });
  }
  return new KernelError({ where, rule: 'the GPU refused a command', got: text, cause: error });
}
