import { beforeAll, describe, expect, it } from 'vitest';
import { decodeCheckpoint, type Checkpoint } from '../../src/train/index.ts';
import { hashOf, tiny, type LabPage } from '../support/lab-page.ts';
import { labSuite } from '../support/lab-suite.ts';

/** Long enough to be met in its middle twice. */
const STEPS = 400;
const ENDLESS = 1_000_000;
const HASH = hashOf(tiny(STEPS, { eval: { everySteps: 200, batches: 1 } }));

const suite = labSuite();

/** How an undisturbed run of {@link HASH} ends. */
let undisturbed: { readonly end: Ending; readonly losses: Map<number, string> };

interface Ending {
  readonly step: number;
  readonly tensors: Readonly<Record<string, string>>;
}

/** Step and every bit of weights and optimizer state. */
function ending({ step, lanes }: Checkpoint): Ending {
  const tensors = lanes.flatMap((lane, i) =>
    (['weights', 'm', 'v'] as const).flatMap((group) =>
      lane[group].map(({ name, data }): [string, string] => [
        `${i} ${group} ${name}`,
        Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex'),
      ]),
    ),
  );
  return { step, tensors: Object.fromEntries(tensors) };
}

async function exported(lab: LabPage): Promise<Ending> {
  const { bytes } = await lab.saved('export');
  return ending(decodeCheckpoint(bytes.buffer, 'export'));
}

/** Where a run stands that has trained a while and was paused, so that storage holds it. */
async function paused(lab: LabPage): Promise<number> {
  await lab.start();
  await lab.until('some steps', ({ state, step }) => state === 'running' && step > 20);
  await lab.press('pause');
  const { step } = await lab.until(
    'the pause to be saved',
    ({ state, step: at, figures }) => state === 'paused' && figures['Saved at step'] === at.toLocaleString('en-US'),
  );
  expect(step).toBeLessThan(STEPS);
  return step;
}

/** The losses of the steps after `step` are those of the undisturbed run, and so are all bits at the end. */
async function expectUndisturbed(lab: LabPage, after: number): Promise<void> {
  const losses = await lab.losses();
  expect([...losses.keys()]).toEqual(Array.from({ length: STEPS - after }, (_, i) => after + 1 + i));
  for (const [step, loss] of losses) expect(`step ${step}: ${loss}`).toBe(`step ${step}: ${undisturbed.losses.get(step)}`);
  expect(await exported(lab)).toEqual(undisturbed.end);
}

beforeAll(async () => {
  const lab = await suite.open(HASH);
  await lab.start();
  await lab.reach('finished');
  undisturbed = { end: await exported(lab), losses: await lab.losses() };
  if (undisturbed.end.step !== STEPS) throw new Error(`the undisturbed run ended at step ${undisturbed.end.step}`);
});

describe('a reload', () => {
  it('promise 7: in the middle of training, costs the steps since the last save; one click ends with the bits of an undisturbed run', async () => {
    const lab = await suite.open(HASH);
    const saved = await paused(lab);
    await lab.press('resume');
    await lab.until('steps beyond the save', ({ state, step }) => state === 'running' && step > saved);
    await lab.reload();
    const offered = await lab.until('the checkpoint to be offered', ({ actions }) => actions.includes('continue'));
    expect(offered.words).toContain('Ready');
    await lab.press('continue');
    await lab.reach('finished');
    await expectUndisturbed(lab, saved);
  });

  it('promise 7: finds what the run saved by itself while it trained', async () => {
    const lab = await suite.open(hashOf(tiny(ENDLESS)));
    await lab.start();
    const { figures } = await lab.until('a save', ({ figures: now }) => /^\d/.test(now['Saved at step'] ?? ''));
    const saved = Number(figures['Saved at step']?.replaceAll(',', ''));
    await lab.reload();
    await lab.press('continue');
    const running = await lab.until('steps beyond the save', ({ state, step }) => state === 'running' && step > saved);
    expect(running.alerts).toEqual([]);
    const [first = 0] = (await lab.losses()).keys();
    expect(first).toBeGreaterThan(saved);
    await lab.press('stop');
    await lab.reach('stopped');
  });

  it('does not offer a checkpoint that was deleted', async () => {
    const lab = await suite.open(HASH);
    await paused(lab);
    await lab.press('stop');
    await lab.reach('stopped');
    await lab.press('forget');
    await lab.until('an empty list', ({ actions }) => !actions.includes('continue'));
    await lab.reload();
    // Storage is listed before the worker takes the next command.
    await lab.press('step');
    const { actions } = await lab.until('the first step', ({ state, step }) => state === 'paused' && step === 1);
    expect(actions).not.toContain('continue');
  });
});

describe('an exported checkpoint', () => {
  it('promise 7: goes on in another browser, and ends with the bits of an undisturbed run', async () => {
    const first = await suite.open(HASH);
    const at = await paused(first);
    const { name, bytes } = await first.saved('export');
    expect(name).toMatch(/^isoflop-markov-step-\d+\.safetensors$/);
    await first.press('stop');

    const second = await suite.open();
    await second.upload(name, bytes);
    await second.until('the file to be offered', ({ actions }) => actions.includes('continue-imported'));
    await second.press('continue-imported');
    await second.reach('finished');
    await expectUndisturbed(second, at);
    expect(await second.page.evaluate(() => location.hash)).toBe(HASH);
  });

  it('that is cut short or comes from elsewhere gives one clear error, and the run that is there goes on', async () => {
    const lab = await suite.open(HASH);
    const at = await paused(lab);
    const { bytes } = await lab.saved('export');

    await lab.upload('short.safetensors', bytes.slice(0, bytes.length - 1000));
    const short = await lab.until('an error', ({ alerts }) => alerts.length > 0);
    expect(short.alerts).toHaveLength(1);
    expect(short.alerts[0]).toContain('the file is truncated');
    await lab.press('dismiss');

    const header = new TextEncoder().encode('{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  ');
    const foreign = new Uint8Array([header.length, 0, 0, 0, 0, 0, 0, 0, ...header, 0, 0, 128, 63]);
    await lab.upload('foreign.safetensors', foreign);
    const other = await lab.until('an error', ({ alerts }) => alerts.length > 0);
    expect(other.alerts).toHaveLength(1);
    expect(other.alerts[0]).toContain('the file is no Isoflop checkpoint');
    expect(other.actions).not.toContain('continue-imported');
    await lab.press('dismiss');

    expect(other).toMatchObject({ state: 'paused', step: at });
    await lab.press('resume');
    await lab.reach('finished');
    await expectUndisturbed(lab, 0);
  });
});

describe('a lost device', () => {
  it('promise 6, promise 7: is said in words, replaced, and the run ends with the bits of an undisturbed one', async () => {
    const lab = await suite.open(HASH);
    const saved = await paused(lab);
    await lab.press('resume');
    await lab.until('steps beyond the save', ({ state, step }) => state === 'running' && step > saved);
    await lab.press('destroy-device');
    const back = await lab.until('the repair', ({ alerts, notices }) => {
      if (alerts.length > 0) expect(alerts).toEqual([expect.stringContaining('Nothing to do: the repair is under way.')]);
      return notices.some((text) => text.startsWith('Recovered'));
    });
    expect(back.alerts).toEqual([]);
    // The run may have been at its end when the device went.
    const done = await lab.reach('finished');
    expect(done.notices.filter((text) => text.startsWith('Recovered'))).toHaveLength(1);
    await expectUndisturbed(lab, 0);
  });

  it('promise 6: costs nothing but words where no run is on it', async () => {
    const lab = await suite.open(HASH);
    await lab.press('destroy-device');
    const back = await lab.until('the repair', ({ notices }) => notices.some((text) => text.startsWith('Recovered')));
    expect(back.alerts).toEqual([]);
    await lab.start();
    await lab.reach('finished');
    expect(await exported(lab)).toEqual(undisturbed.end);
  });
});

describe('a loss that is not finite', () => {
  it('promise 6: stops the run with words that name the step, keeps the curve up to it, and trains on', async () => {
    // Weight decay of 10 at learning rate 10 multiplies every matrix by -99 a step.
    const wild = tiny(60, {
      optimizer: { lr: 10, weightDecay: 10, clip: null },
      schedule: { kind: 'constant', warmupSteps: 0 },
    });
    const lab = await suite.open(hashOf(wild));
    await lab.start();
    const failed = await lab.until('the run to stop', ({ state }) => state === 'failed' || state === 'finished');
    expect(failed.state).toBe('failed');
    expect(failed.alerts).toHaveLength(1);
    expect(failed.alerts[0]).toMatch(
      /step \d+: the (loss|gradient norm) is not finite: got (NaN|-?Infinity), expected a finite number\. (?:\S.* is the first tensor of step \d+ that is not finite|.*norm of .+)\. Choose a smaller learning rate/,
    );
    const step = Number(/step (\d+)/.exec(failed.alerts[0] ?? '')?.[1]);
    const losses = await lab.losses();
    expect(losses.has(step)).toBe(true);
    expect(losses.get(step - 1)).toMatch(/^\d/);

    await lab.choose('lab-field[data-path="optimizer.lr"] >>> #input', '0.01');
    await lab.choose('lab-field[data-path="optimizer.weightDecay"] >>> #input', '0.1');
    await lab.press('dismiss');
    await lab.press('start');
    expect((await lab.reach('finished')).step).toBe(60);
  });
});
