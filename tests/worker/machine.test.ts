import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { follow, INITIAL, isActive, legalCommands, obey, type Position, type Signal } from '../../src/worker/machine.ts';
import type { RunState } from '../../src/worker/protocol.ts';

const STATES: readonly RunState[] = ['preparing', 'running', 'paused', 'recovering', 'finished', 'stopped', 'failed'];
const COMMANDS = ['pause', 'resume', 'step', 'stop', 'extend', 'sampling', 'export'] as const;
const FACTS = ['built', 'held', 'ended', 'failed', 'lost', 'recovered'] as const;
const SIGNALS: readonly Signal[] = [...COMMANDS, ...FACTS];

function after(signals: readonly Signal[]): Position {
  return signals.reduce((position, signal) => follow(position, signal) ?? position, INITIAL);
}

describe('the state machine', () => {
  it('never leaves its states, whatever comes in whatever order, and answers what is illegal', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...SIGNALS), { maxLength: 40 }), fc.constantFrom(...COMMANDS), (signals, command) => {
        const position = after(signals);
        expect(STATES).toContain(position.state);
        expect(['running', 'paused', 'finished']).toContain(position.goal);
        const legal = legalCommands(position.state).includes(command);
        if (legal) expect(STATES).toContain(obey(position, command, 'r').state);
        else
          expect(() => obey(position, command, 'r')).toThrow(`"${command}" is not possible while the run is ${position.state}`);
      }),
      { numRuns: 2000 },
    );
  });

  it('ends for good: nothing leads out of stopped and failed', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...SIGNALS), { maxLength: 20 }), fc.constantFrom('stop', 'failed'), (signals, end) => {
        const ended = after([...signals, end]);
        fc.pre(ended.state === 'stopped' || ended.state === 'failed');
        for (const signal of SIGNALS) expect(follow(ended, signal)?.state ?? ended.state).toBe(ended.state);
      }),
    );
  });

  it('comes back from a lost device as what it was, or as what it was told meanwhile', () => {
    expect(after(['built', 'lost', 'recovered']).state).toBe('running');
    expect(after(['held', 'lost', 'recovered']).state).toBe('paused');
    expect(after(['built', 'ended', 'lost', 'recovered']).state).toBe('finished');
    expect(after(['built', 'lost', 'pause', 'lost', 'recovered']).state).toBe('paused');
    expect(after(['built', 'pause', 'lost', 'resume', 'recovered']).state).toBe('running');
    expect(after(['built', 'ended', 'lost', 'extend', 'recovered']).state).toBe('running');
  });

  it('can be stopped wherever a run is going on', () => {
    for (const state of STATES.filter(isActive)) expect(legalCommands(state)).toContain('stop');
  });

  it('says what is legal instead', () => {
    expect(() => obey(after(['built']), 'resume', 'r1')).toThrow(
      'run r1: "resume" is not possible while the run is running: expected pause, stop, extend, sampling, export.',
    );
  });
});
