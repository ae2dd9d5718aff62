/** What one fusion is worth: y = gelu(x W + b) by three kernels and by one, timed in turns, down to the WGSL. */
import { Gpu } from '../src/gpu/index.ts';
import { pairedRatio, ratioWords } from '../src/laws/index.ts';
import { adapterName, draw, element, say } from './page.ts';

const [ROWS, INNER, COLUMNS] = [1024, 32, 256];
const ROUNDS = 9;
/** Layers a submit, so that a submit's own cost is shared. */
const REPEATS = 4;

const HEAD = `
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
`;
const PRODUCT = `
  var sum = 0.0;
  for (var k = 0u; k < ${INNER}u; k++) {
    sum += x[id.y * ${INNER}u + k] * w[k * ${COLUMNS}u + id.x];
  }`;
const GELU = `
fn gelu(v: f32) -> f32 {
  return v / (1.0 + exp(-1.5957691216 * (v + 0.044715 * v * v * v)));
}
`;
const kernel = (body: string): string => `
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.y * ${COLUMNS}u + id.x;${body}
}
`;
const MATMUL = HEAD + kernel(`${PRODUCT}\n  y[i] = sum;`);
const BIAS = HEAD + kernel(`\n  y[i] += b[id.x];`);
const ACTIVATION = HEAD + GELU + kernel(`\n  y[i] = gelu(y[i]);`);
const FUSED = HEAD + GELU + kernel(`${PRODUCT}\n  y[i] = gelu(sum + b[id.x]);`);

/** Megabytes that a form moves at least: x, W and b once, and y as often as it is read or written. */
const megabytes = (timesY: number): string =>
  ((4 * (ROWS * INNER + INNER * COLUMNS + COLUMNS + timesY * ROWS * COLUMNS)) / 1e6).toFixed(1);

try {
  const gpu = await Gpu.open();
  gpu.onFault((error) => say(error.message, true));
  const { device } = gpu;
  element('apart-wgsl').textContent = [MATMUL, BIAS, ACTIVATION].map((text) => text.replace(HEAD, '').trim()).join('\n\n');
  element('fused-wgsl').textContent = FUSED.replace(HEAD, '').trim();

  const layout = device.createBindGroupLayout({
    entries: [0, 1, 2, 3].map((binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: binding === 3 ? 'storage' : 'read-only-storage' },
    })),
  });
  const pipelineLayout = device.createPipelineLayout({ bindGroupLayouts: [layout] });
  const compile = (code: string): Promise<GPUComputePipeline> =>
    device.createComputePipelineAsync({
      layout: pipelineLayout,
      compute: { module: device.createShaderModule({ code }), entryPoint: 'main' },
    });
  const filled = (size: number, value: (i: number) => number): GPUBuffer => {
    const buffer = device.createBuffer({ size: 4 * size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
    device.queue.writeBuffer(
      buffer,
      0,
      Float32Array.from({ length: size }, (_, i) => value(i)),
    );
    return buffer;
  };
  const inputs = [
    filled(ROWS * INNER, (i) => Math.sin(i)),
    filled(INNER * COLUMNS, (i) => Math.cos(3 * i) / 4),
    filled(COLUMNS, (i) => Math.sin(i) / 2),
  ];
  const form = async (codes: readonly string[]) => {
    const pipelines = await Promise.all(codes.map(compile));
    const y = device.createBuffer({ size: 4 * ROWS * COLUMNS, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
    const entries = [...inputs, y].map((buffer, binding) => ({ binding, resource: { buffer } }));
    const group = device.createBindGroup({ layout, entries });
    return {
      y,
      /** Milliseconds a layer. */
      time: async (): Promise<number> => {
        const start = performance.now();
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        pass.setBindGroup(0, group);
        for (let i = 0; i < REPEATS; i++) {
          for (const pipeline of pipelines) {
            pass.setPipeline(pipeline);
            pass.dispatchWorkgroups(COLUMNS / 64, ROWS);
          }
        }
        pass.end();
        device.queue.submit([encoder.finish()]);
        await device.queue.onSubmittedWorkDone();
        return (performance.now() - start) / REPEATS;
      },
    };
  };
  say('Compiling kernels…');
  const [apart, fused] = await Promise.all([form([MATMUL, BIAS, ACTIVATION]), form([FUSED])]);
  // The first round compiles what the driver left for later.
  await apart.time();
  await fused.time();
  const times: readonly [number[], number[]] = [[], []];
  for (let round = 1; round <= ROUNDS; round++) {
    // A B B A: what slows the machine down meets both forms alike.
    const [a1, b1, b2, a2] = [await apart.time(), await fused.time(), await fused.time(), await apart.time()];
    times[0].push((a1 + a2) / 2);
    times[1].push((b1 + b2) / 2);
    draw(times, ROUNDS, { unit: 'ms' });
    say(`Round ${round} of ${ROUNDS} on ${adapterName(gpu.report)}`);
    const middle = (all: readonly number[]): string => (all.toSorted((a, b) => a - b)[all.length >> 1] ?? NaN).toFixed(3);
    element('apart').textContent = `${middle(times[0])} ms, ${megabytes(5)} MB moved`;
    element('fused').textContent = `${middle(times[1])} ms, ${megabytes(1)} MB moved`;
    element('verdict').textContent = `One kernel instead of three: ${ratioWords(pairedRatio(times[1], times[0]))}.`;
  }
  const [a, b] = await Promise.all([apart.y, fused.y].map((y) => gpu.read(y, 0, 4 * ROWS * COLUMNS)));
  if (a === undefined || b === undefined) throw new Error('nothing was read');
  const [left, right] = [new Float32Array(a), new Float32Array(b)];
  const largest = left.reduce((most, value, i) => Math.max(most, Math.abs(value - (right[i] ?? NaN))), 0);
  element('difference').textContent = largest === 0 ? 'none: every bit is equal' : largest.toExponential(2);
} catch (error) {
  say(error instanceof Error ? error.message : String(error), true);
}
