import { expect, it } from 'vitest';
import { requestLoneDevice, requestTestDevice, takeGpuErrors } from './gpu.ts';

it('promise 5: the device of the tests has the default limits and no optional features', async () => {
  const device = await requestTestDevice();
  expect(device.limits.maxStorageBuffersPerShaderStage).toBe(8);
  expect(device.limits.maxComputeWorkgroupStorageSize).toBe(16384);
  expect(device.limits.maxComputeInvocationsPerWorkgroup).toBe(256);
  expect(device.limits.maxStorageBufferBindingSize).toBe(2 ** 27);
  expect([...device.features].filter((feature) => feature !== 'core-features-and-limits')).toEqual([]);
});

it('shares one device within a file, and gives a lone one on request', async () => {
  const device = await requestTestDevice();
  expect(await requestTestDevice()).toBe(device);
  const lone = await requestLoneDevice();
  expect(lone).not.toBe(device);
  lone.destroy();
});

it('finds a validation error that nobody asked for', async () => {
  const device = await requestTestDevice();
  device.createBuffer({ label: 'too-much-usage', size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE });
  expect((await takeGpuErrors()).join()).toMatch(/^GPUValidationError: .*too-much-usage/s);
  expect(await takeGpuErrors()).toEqual([]);
});

it('computes', async () => {
  const device = await requestTestDevice();
  const module = device.createShaderModule({
    code: '@group(0) @binding(0) var<storage, read_write> y: array<u32>;\n@compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) { y[i] = i * i; }',
  });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  const y = device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
  const back = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer: y } }],
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(y, 0, back, 0, 16);
  device.queue.submit([encoder.finish()]);
  await back.mapAsync(GPUMapMode.READ);
  expect([...new Uint32Array(back.getMappedRange())]).toEqual([0, 1, 4, 9]);
});
