import { describe, expect, it, vi } from 'vitest';
import { DeviceError, KernelError } from '../../src/base/errors.ts';
import { planProgram, Program, Store } from '../../src/engine/index.ts';
import { Gpu } from '../../src/gpu/device.ts';
import { f32, Graph } from '../../src/graph/index.ts';
import { activation } from '../../src/ops/elementwise.ts';
import { mean } from '../../src/ops/reduce.ts';
import { tinySpec } from '../reference/specs.ts';
import { requestLoneDevice } from '../support/gpu.ts';
import { testGpu } from '../support/run-graph.ts';
import { testTrainer } from '../support/train.ts';

/** The mean of relu2(x), x `[3]`. */
function meanGraph(): Graph {
  const g = new Graph();
  g.output('y', mean(g, activation(g, g.input('x', f32(3), 'step'), { kind: 'relu2' })), 'step');
  return g;
}

async function meanProgram(gpu: Gpu, slots = 4): Promise<{ program: Program; store: Store }> {
  const store = new Store(gpu, 1);
  return { store, program: await Program.create(store, planProgram(meanGraph(), { caps: gpu.caps, slots })) };
}

describe('a program', () => {
  it('runs k steps in one submit, each on its own place of the input', async () => {
    const gpu = await testGpu();
    const { program } = await meanProgram(gpu);
    const submit = vi.spyOn(gpu.device.queue, 'submit');
    for (let slot = 0; slot < 4; slot++) program.floats('x', slot).set([slot, 2 * slot, -1]);
    const reading = await program.run(4);
    expect(submit).toHaveBeenCalledTimes(1);
    submit.mockRestore();
    expect([0, 1, 2, 3].map((slot) => reading.get('y', slot)[0])).toEqual([0, 5 / 3, 20 / 3, 15].map(Math.fround));
    program.destroy();
  });

  it('keeps up to three runs under way, and refuses a fourth in words', async () => {
    const { program } = await meanProgram(await testGpu());
    const runs = [1, 2, 3].map((value) => {
      program.floats('x', 0).fill(value);
      return program.run(1);
    });
    expect(() => program.run(1)).toThrow('program: too many runs are under way. Await free() first.');
    const values = await Promise.all(runs.map(async (run) => (await run).get('y', 0)[0]));
    expect(values).toEqual([1, 4, 9]);
    await program.free();
    program.floats('x', 0).fill(5);
    expect((await program.run(1)).get('y', 0)[0]).toBe(25);
    program.destroy();
  });

  it('refuses a number of steps that does not fit, and names that it has not', async () => {
    const { program } = await meanProgram(await testGpu());
    for (const k of [0, 5, 1.5, NaN]) expect(() => program.run(k)).toThrow(/steps of one submit: got .*, expected 1\.\.4/);
    expect(() => program.slot('z', 0)).toThrow('input "z": there is no place 0');
    expect(() => program.words('x', 0)).toThrow('it holds f32, not u32');
    const reading = await program.run(1);
    expect(() => reading.get('z', 0)).toThrow('output "z": the program has none of this name');
    program.destroy();
  });

  it('promise 5: trains on a device with the default limits and no feature', async () => {
    const gpu = await testGpu();
    expect(gpu.device.limits.maxStorageBuffersPerShaderStage).toBe(8);
    expect(gpu.device.limits.maxComputeWorkgroupStorageSize).toBe(16384);
    expect([...gpu.device.features].filter((name) => name === 'shader-f16' || name === 'subgroups')).toEqual([]);
    const trainer = await testTrainer([tinySpec({ model: { mlp: 'swiglu', qkNorm: true, tied: true, logitSoftcap: 4 } })]);
    expect((await trainer.advance(2)).lossNats.every(Number.isFinite)).toBe(true);
    trainer.destroy();
  });

  it('promise 6: rejects with words when its device is lost', async () => {
    const gpu = Gpu.adopt(await requestLoneDevice());
    const { program } = await meanProgram(gpu);
    const faults: string[] = [];
    gpu.onFault((error) => faults.push(error.message));
    await program.run(1);
    gpu.simulateLoss();
    await expect(program.run(1)).rejects.toThrow(DeviceError);
    expect(faults).toEqual([
      expect.stringMatching(/^GPU device: it was lost: got .*\. The run resumes from its last checkpoint on a new device\.$/),
    ]);
  });

  it('promise 6: says which command the GPU refused', async () => {
    const gpu = await testGpu();
    await expect(gpu.guard('kernel x', () => gpu.device.createBuffer({ size: 4, usage: 0xffff }))).rejects.toThrow(
      /^kernel x: the GPU refused a command: got .*usage/i,
    );
    await expect(gpu.guard('kernel x', () => 7)).resolves.toBe(7);
  });

  it('promise 6: tells an error of ours from one of the GPU, and a kernel that does not compile by its file', async () => {
    const gpu = await testGpu();
    await expect(
      gpu.guard('plan', () => {
        throw new KernelError({ where: 'here', rule: 'ours' });
      }),
    ).rejects.toThrow('here: ours.');
    const source = {
      path: 'test/broken',
      code: '@compute @workgroup_size(1) fn main() { let x: f32 = 1u; }',
      bindings: [],
      sizes: [],
      overrides: new Set<string>(),
    };
    const layout = gpu.bindLayout(source, new Set());
    await expect(gpu.guard('kernel', () => gpu.pipeline(source, {}, layout))).rejects.toThrow(
      /^kernel test\/broken: it does not compile on this adapter: got line 1:\d+ /,
    );
  });

  it('promise 6: says that the GPU is out of memory, and what to do', async () => {
    const gpu = await testGpu();
    const pop = vi.spyOn(gpu.device, 'popErrorScope').mockResolvedValueOnce(new GPUOutOfMemoryError('no room for 4 GiB'));
    const guarded = gpu.guard('allocation', () => 1);
    await expect(guarded).rejects.toThrow(
      'allocation: the GPU is out of memory: got no room for 4 GiB. Choose a smaller model, batch, context or fewer lanes, or close other tabs.',
    );
    await expect(guarded).rejects.toThrow(DeviceError);
    pop.mockRestore();
    await gpu.device.popErrorScope();
  });

  it('refuses a buffer beyond the adapter before the GPU sees it', async () => {
    const gpu = await testGpu();
    expect(() => gpu.buffer('huge', 2 ** 40, 'storage')).toThrow(
      /buffer "huge": larger than this adapter takes: got 1099511627776 bytes/,
    );
  });
});
