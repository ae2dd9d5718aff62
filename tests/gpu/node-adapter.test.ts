import { performance } from 'node:perf_hooks';
import { expect, it } from 'vitest';
import { Gpu } from '../../src/gpu/device.ts';
import { openNodeGpu } from '../../src/gpu/node-adapter.ts';

const BUSY = /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  var sum = x[id.x];
  for (var i = 0u; i < 200000u; i++) {
    sum = 0.5 * sum + 1.0;
  }
  x[id.x] = sum;
}`;

it('leaves the cores to a software adapter while it waits for it', async () => {
  const gpu = await Gpu.open(await openNodeGpu());
  expect(gpu.caps.software).toBe(true);
  const { device } = gpu;
  const x = device.createBuffer({ size: 4 * 64 * 64, usage: GPUBufferUsage.STORAGE });
  const module = device.createShaderModule({ code: BUSY });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer: x } }],
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(64);
  pass.end();
  device.queue.submit([encoder.finish()]);
  let turns = 0;
  const counted = setInterval(() => turns++, 5);
  const before = performance.eventLoopUtilization();
  await device.queue.onSubmittedWorkDone();
  const { utilization } = performance.eventLoopUtilization(before);
  clearInterval(counted);
  expect(turns).toBeGreaterThan(2);
  expect(utilization).toBeLessThan(0.5);
  gpu.close();
});
