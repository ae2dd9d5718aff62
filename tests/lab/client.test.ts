import { describe, expect, it, vi } from 'vitest';
import { defaultSpec, parameterCount } from '../../src/spec/index.ts';
import { WorkerClient, WorkerError, type WorkerEvent } from '../../src/worker/client.ts';
import { FakeWorker } from '../support/fake-worker.ts';

function connect(): { worker: FakeWorker; client: WorkerClient; events: WorkerEvent[] } {
  const worker = new FakeWorker();
  const events: WorkerEvent[] = [];
  return { worker, events, client: new WorkerClient(worker, (event) => events.push(event)) };
}

describe('WorkerClient', () => {
  it('answers each request with its own reply, in any order', async () => {
    const { client } = connect();
    const [device, forecast, stored] = await Promise.all([
      client.hello(),
      client.request({ type: 'forecast', spec: defaultSpec }),
      client.request({ type: 'stored' }),
    ]);
    expect(device.software).toBe(true);
    expect(forecast.parameters).toBe(parameterCount(defaultSpec).total);
    expect(stored).toEqual([]);
  });

  it('passes on events that nobody asked for', async () => {
    const { client, worker, events } = connect();
    await client.request({ type: 'start', runId: 'a', specs: [defaultSpec] });
    worker.host.train(3);
    await vi.waitFor(() => expect(events.some((event) => event.type === 'metrics')).toBe(true));
    const metrics = events.find((event) => event.type === 'metrics');
    expect(metrics?.lossNats).toHaveLength(3);
  });

  it('raises a refusal with the name, place and words that the worker gave it', async () => {
    const { client } = connect();
    const bytes = new ArrayBuffer(1);
    const refused = client.request({ type: 'addFile', name: 'tiny.txt', bytes }, [bytes]);
    await expect(refused).rejects.toThrow('data: tiny.txt is too short: got 1 bytes');
    await expect(refused).rejects.toMatchObject({ name: 'SpecError', wire: { where: 'data' } });
    expect(bytes.byteLength).toBe(0);
  });

  it('rejects a reply whose form is not the one of its command', async () => {
    const { client, worker } = connect();
    const asked = client.request({ type: 'measurePeak' });
    worker.emit('message', { data: { type: 'reply', id: 1, ok: true, value: { matmulFlopsPerSecond: 'fast' } } });
    await expect(asked).rejects.toThrow('worker: reply to measurePeak has an unknown form');
  });

  it('promise 6: a crash of the worker rejects what is pending, is said once, and refuses what comes after', async () => {
    const { client, worker, events } = connect();
    const pending = client.hello();
    worker.emit('error', { message: 'out of memory' });
    worker.emit('error', { message: 'again' });
    await expect(pending).rejects.toThrow('out of memory');
    const faults = events.filter((event) => event.type === 'fault');
    expect(faults).toHaveLength(1);
    expect(faults[0]?.error.message).toContain('Restart it');
    expect(client.alive).toBe(false);
    expect(worker.terminated).toBe(true);
    await expect(client.hello()).rejects.toBeInstanceOf(WorkerError);
  });

  it.each([
    ['no object', 7],
    ['an unknown type', { type: 'gossip' }],
    ['a metrics event without arrays', { type: 'metrics', runId: 'a', firstStep: 1, lanes: 1 }],
    ['a reply without a value', { type: 'reply', id: 1, ok: true }],
    ['a state of another shape', { type: 'state', runId: 3, state: 'running', step: 0, totalSteps: 1 }],
  ])('stops at a message of another build: %s', async (_what, data) => {
    const { worker, events, client } = connect();
    worker.emit('message', { data });
    await vi.waitFor(() => expect(events).toHaveLength(1));
    expect(events[0]).toMatchObject({ type: 'fault', error: { name: 'ProtocolError' } });
    expect(client.alive).toBe(false);
  });

  it('says that a worker of another version was refused', async () => {
    const { client } = connect();
    await expect(client.request({ type: 'hello', version: 0 })).rejects.toThrow('another version of the protocol');
  });
});
